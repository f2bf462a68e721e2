"""Changes to a world in the middle of an episode: the blocks or the place of an objective are moved."""

import numpy as np

from mcproxy import blocks as block_table
from mcproxy import errors, mobs
from mcproxy.engine import initial_state
from mcproxy.engine.simulation.physics import HALF_WIDTH, SNEAKING, STANDING
from mcproxy.engine.state import WALKER
from mcproxy.mission import Cell, Condition, Inside, Mission, Reach, Touch


def move(
    mission: Mission, blocks: np.ndarray, state: np.ndarray, shape: tuple[int, int, int], name: str, cell: Cell
) -> Mission:
    """Move the blocks or the place of an objective, so that the first of its block positions is `cell`.

    The world's `blocks`, (X, Y, Z) uint8, and `state`, () `WORLD`, are changed in place; the result is the mission with
    the move. Several blocks of a `Touch` move together, and blocks that lie on them stay where they are. A position
    outside the world, in another block, in the player or in a mob is a `UserError`.
    """
    moved = mission.with_moved(name, cell)
    old, new = mission.targets(name), moved.targets(name)
    k = [o.name for o in moved.objectives].index(name)
    condition = moved.objectives[k].condition
    place = initial_state.state_of(moved, shape)["objectives"]["place"][k]  # which checks the new mission, too
    remaining = blocks.copy()
    if isinstance(condition, Touch):
        if not np.array_equal(old, np.argwhere(blocks == block_table.ID[condition.block])):
            raise errors.UserError(f"{condition.block} was placed or broken in this episode: it cannot be moved")
        remaining[tuple(old.T)] = 0
    for position in new.tolist():
        _check_room(name, condition, remaining, state, position, place)
    if isinstance(condition, Touch):
        blocks[...] = remaining
        blocks[tuple(new.T)] = block_table.ID[condition.block]
        state["digging"], state["dug"] = 0, 0.0
    state["objectives"]["place"][k] = place
    return moved


def _check_room(
    name: str, condition: Condition, blocks: np.ndarray, state: np.ndarray, cell: list[int], place: np.ndarray
) -> None:
    """Raise a `UserError` unless a block position is free for an objective's block or place."""
    at = f"{name} at {tuple(cell)}"
    block, player = blocks[tuple(cell)], state["player"]
    if isinstance(condition, Touch):
        if block != 0:
            raise errors.UserError(f"{at}: {block_table.NAME[block]} is there, expected air")
        kind = block_table.ID[condition.block]
        below = blocks[cell[0], cell[1] - 1, cell[2]] if cell[1] > 0 else block_table.ID["stone"]
        if (block_table.FALLS[kind] or not block_table.SOLID[kind]) and not block_table.SOLID[below]:
            raise errors.UserError(f"{at}: {condition.block} needs a solid block below")
        box = np.add(np.reshape(block_table.BOX[kind], (2, 3)), cell)
        if _meets(box, player["pos"], HALF_WIDTH, SNEAKING if player["crouched"] else STANDING):
            raise errors.UserError(f"{at}: the player is there")
        for body in state["entities"][state["entities"]["kind"] == WALKER]:
            if _meets(box, body["pos"], mobs.HALF_WIDTH[body["what"]], mobs.HEIGHT[body["what"]]):
                raise errors.UserError(f"{at}: a {mobs.NAME[body['what']]} is there")
        return
    if block_table.SOLID[block]:
        raise errors.UserError(f"{at}: {block_table.NAME[block]} is there, expected room for the player")
    if isinstance(condition, Reach):
        inside = float(np.square(player["pos"] - place[:3]).sum()) <= place[3] ** 2
    else:
        assert isinstance(condition, Inside)
        inside = bool(((place[:3] <= player["pos"]) & (player["pos"] <= place[3:])).all())
    if inside:
        raise errors.UserError(f"{at}: the player is there")


def _meets(box: np.ndarray, feet: np.ndarray, half_width: float, height: float) -> bool:
    """Whether a body, given by the centre of its feet, overlaps a box: (2, 3) float64, the low and the high corner."""
    low = feet - np.array([half_width, 0.0, half_width])
    high = feet + np.array([half_width, height, half_width])
    return bool(((box[0] < high) & (box[1] > low)).all())
