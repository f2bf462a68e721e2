"""The independent check of the generators' promises about paths: a plain search over straight steps."""

import collections
from collections.abc import Callable

Column = tuple[int, int]


def steps_from(start: Column, shape: tuple[int, ...], is_step: Callable[[Column, Column], bool]) -> dict[Column, int]:
    """Breadth-first search over steps from a column to one of its four neighbours: steps to each column (x, z).

    `shape` is that of the columns, (X, Z); `is_step(here, there)` says which steps can be taken.
    """
    best, queue = {start: 0}, collections.deque([start])
    while queue:
        x, z = queue.popleft()
        for there in ((x + 1, z), (x - 1, z), (x, z + 1), (x, z - 1)):
            inside = 0 <= there[0] < shape[0] and 0 <= there[1] < shape[1]
            if inside and there not in best and is_step((x, z), there):
                best[there] = best[x, z] + 1
                queue.append(there)
    return best
