"""Malmo and MineRL: missions as XML, a Malmo server around the engine, and MineRL environments as its clients.

    xml/     a mission as Malmo's XML and back, and Malmo's names for blocks, items and mobs
    server/  Malmo's protocol over the embedded engine
    client/  tasks as MineRL environments, and MineRL in place of the engine in the evaluation

`server` and `client` import `xml` and nothing of each other.
"""
