"""Missions outside this process: Malmo's mission XML, a Malmo server around the engine, and MineRL as a client.

words        Malmo's names for our blocks, items and mobs        cuboids   blocks as few draw elements
mission_xml  a mission as XML      read_mission  and back, strictly      element  one element, read to the end
server       Malmo's protocol over the embedded engine; `session` is one client's world behind it
minerl       tasks as MineRL `EnvSpec`s       judge    objectives from what MineRL observes
driver       MineRL in place of the engine, for the evaluation harness
"""
