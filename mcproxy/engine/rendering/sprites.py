"""Sprites, which are drawn besides the blocks of a world: axis-aligned boxes with art on their sides.

Dropped items, falling blocks, mobs and the cracks of a block that is being broken are sprites. Art is stretched over
each side of the box. Cracks are the exception: their art is the block's, laid out as on the block itself, and darkened;
their box is the block's, larger by `CRACK_GROWTH` on every side.
"""

import numpy as np

SPRITE = np.dtype(
    [
        ("low", "f4", 3),  # the box, in blocks: from
        ("high", "f4", 3),  # and to
        ("art", "i4"),  # of `textures.ART`: the art of its sides
        ("front", "i4"),  # the side (0 to 5) that shows the art's front, -1 for none
        ("crack", "i4"),  # 0 for none, 1 to 10 for how far broken
    ],
    align=True,
)
MAX_SPRITES = 32  # of one world
CRACK_GROWTH = 0.002  # blocks
SPRITE_FACE = 1 << 16  # faces of sprites are numbered from here on, beyond those of any art
