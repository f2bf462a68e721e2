"""Blocks as few cuboids of one kind each: how a world is drawn compactly."""

import numpy as np
from numba import njit

Box = tuple[int, int, int, int, int, int, int]  # block id, then x, y, z of both corners, inclusive


def cuboids(blocks: np.ndarray) -> list[Box]:
    """Cover every block but air, of (X, Y, Z) uint8, by disjoint cuboids of one id: `Box`es, by their first corners.

    From each block that is not covered yet, in the order of y, z, x, the box grows in two orders of the axes as long as
    all that it takes in is alike; the larger one stays. Not the least number, but within a few per cent of it.
    """
    boxes = np.zeros((int(np.count_nonzero(blocks)), 7), dtype=np.int64)
    count = _cover(np.ascontiguousarray(blocks), boxes)
    return [tuple(row) for row in boxes[:count].tolist()]


@njit(nogil=True, cache=True)
def _cover(blocks: np.ndarray, boxes: np.ndarray) -> int:
    """Write the boxes, (K, 7) int64; how many there are."""
    covered = np.zeros(blocks.shape, dtype=np.bool_)
    box, other = np.zeros(6, dtype=np.int64), np.zeros(6, dtype=np.int64)
    count = 0
    for y in range(blocks.shape[1]):
        for z in range(blocks.shape[2]):
            for x in range(blocks.shape[0]):
                if blocks[x, y, z] == 0 or covered[x, y, z]:
                    continue
                volume = _grow(blocks, covered, (x, y, z), (0, 2, 1), box)
                if _grow(blocks, covered, (x, y, z), (1, 2, 0), other) > volume:
                    box[:] = other
                boxes[count, 0], boxes[count, 1:] = blocks[x, y, z], box
                covered[box[0] : box[3] + 1, box[1] : box[4] + 1, box[2] : box[5] + 1] = True
                count += 1
    return count


@njit(nogil=True, cache=True)
def _grow(
    blocks: np.ndarray,
    covered: np.ndarray,
    corner: tuple[int, int, int],
    order: tuple[int, int, int],
    box: np.ndarray,
) -> int:
    """Grow a box from a corner, as far as possible along each axis in turn; its volume."""
    for axis in range(3):
        box[axis], box[axis + 3] = corner[axis], corner[axis]
    block = blocks[corner]
    for axis in order:
        while box[axis + 3] + 1 < blocks.shape[axis]:
            low, high = box[:3].copy(), box[3:].copy()
            low[axis] = high[axis] = box[axis + 3] + 1
            alike = True
            for i in range(low[0], high[0] + 1):
                for j in range(low[1], high[1] + 1):
                    for k in range(low[2], high[2] + 1):
                        alike &= blocks[i, j, k] == block and not covered[i, j, k]
            if not alike:
                break
            box[axis + 3] += 1
    return (box[3] - box[0] + 1) * (box[4] - box[1] + 1) * (box[5] - box[2] + 1)
