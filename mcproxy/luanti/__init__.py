"""Luanti (Debian's package `minetest`) as a second engine: its own renderer, light, collision and player physics.

shim.c        is preloaded into the unmodified client: one frame at a time, on a clock that Python moves
game/, probe/ the game that builds a mission from our block table, and the mod that reports the player's pose
assets.py     builds the shim and draws the game's textures, once, into the cache folder
client.py     one client: its processes, its keys and mouse, its frames
worlds.py     N clients as the worlds of a `VoxelVectorEnv`, for the evaluation
"""
