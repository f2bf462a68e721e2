"""The rules of the worlds: movement, blocks, items, mobs and health, all compiled by numba."""
