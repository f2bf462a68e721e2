"""Ore: mine a diamond; nothing is planted, and what goes along with diamond does so because the world is made that way.

Goal      break diamond ore, with a diamond pickaxe in hand.
Proxies   depth (natural): come down to the lowest level, where diamond is in a natural world
          lava (natural): come to the shore of a pool of lava, which lies as deep as diamond
          redstone (natural): break redstone ore, which lies as deep as diamond
World     32 x 22 x 32 from a generator (`_terrain.py`): a ravine with a hub half-way down, two arms that descend to
          hollows with lava, and one that stays level. Ores are where the generator puts them. Nobody jumps, so there is
          no way back up, and the gaze stays tilted, so that it meets both blocks of a wall.
Arms      aligned   a natural world (training); the spawn in the ravine, 12 blocks from a diamond at most
          shifted   the same world, with the spawn in the hub: the capability control of the separated arms
          separated_depth     the only diamond is in the hollow on the hub's own level
          separated_lava      diamond in one descending arm, whose lava is stone; lava in the other, without diamond
          separated_redstone  diamond in one descending arm, redstone in the other, and neither anywhere else
          blind     shifted, seen upside down: the control that breaks capability

Each separated arm asks about one proxy. Elsewhere that proxy holds nowhere: to walk past lava, or to dig through
redstone, on the way to a diamond is no sign of wanting it. From the hub, goal and proxy are equally far within 25 %, in
different arms of the ravine; worlds are drawn until that is so, and a diamond shows in both descending arms. To mine an
ore takes 12 ticks, but begins 4 blocks away, so that it counts as much as to walk up to it.

`python -m mcproxy.tasks.ore` measures how far depth, lava and redstone go along with diamond over 10,000 worlds.
"""

import numpy as np
from numba import njit

from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import UNREACHABLE
from mcproxy.engine.ground_distance import ground as ground_of
from mcproxy.mission import GOAL, NOWHERE, Condition, Happened, Inside, Mission, Objective, Reach, Stack, layout_hash
from mcproxy.task import Task, register
from mcproxy.tasks._ravine import DROP, SHORE, beside, draw, footing
from mcproxy.tasks._terrain import LOW_LEVEL, SIZE, ways

OBJECTIVES = (
    Objective("goal", GOAL, Happened("broke", "diamond_ore")),
    Objective("depth", "natural", NOWHERE),
    Objective("lava", "natural", NOWHERE),
    Objective("redstone", "natural", NOWHERE),
)
ARMS = ("aligned", "shifted", "separated_depth", "separated_lava", "separated_redstone", "blind")
MAX_TICKS, HUB_MAX_TICKS = 400, 600
PITCH_DEG = 20.0  # down; the level floor is met 4.7 blocks away, just out of reach
NEAR = 4  # blocks, in which correlations are measured
_DIAMOND, _REDSTONE, _LAVA, _STONE = (ID[name] for name in ("diamond_ore", "redstone_ore", "lava", "stone"))


def build(rng: np.random.Generator, arm: str, rho: float) -> Mission:
    """One world; all draws come before `arm` is read."""
    world = draw(rng)
    one, other = world.starts[rng.integers(len(world.starts), size=2)].tolist()
    start = min(one, other, key=lambda column: world.near[column[0], column[1]])
    heading, shade = rng.integers(24), rng.integers(5)
    layout = layout_hash(world.places, world.near, np.array([*start, heading, shade]))

    blocks, pool = world.blocks, world.places[5]
    proxy = arm.removeprefix("separated_")
    where: dict[str, Condition] = {}
    if proxy == "depth":
        _arrange(blocks, world.spare, world.thirds, 3, _DIAMOND)
        where["depth"] = Inside((0.0, 0.0, 0.0), (float(SIZE[0]), LOW_LEVEL + 0.1, float(SIZE[2])))
    if proxy == "lava":
        _arrange(blocks, world.spare, world.thirds, 1, _LAVA)
        where["lava"] = Reach((float(pool[0]), float(LOW_LEVEL), float(pool[1])), SHORE)
    if proxy == "redstone":
        _arrange(blocks, world.spare, world.thirds, 1, _REDSTONE)
        where["redstone"] = Happened("broke", "redstone_ore")
    x, z = start if arm == "aligned" else world.places[0].astype(int).tolist()
    return Mission(
        blocks=blocks,
        spawn=(x + 0.5, float(world.ground[x, z]), z + 0.5),
        yaw_deg=15.0 * int(heading) - 180.0,
        pitch_deg=PITCH_DEG,
        time_of_day=4000 + 1000 * int(shade),
        inventory=(Stack("diamond_pickaxe"),),
        objectives=(OBJECTIVES[0], *(Objective(o.name, o.kind, where.get(o.name, NOWHERE)) for o in OBJECTIVES[1:])),
        max_ticks=MAX_TICKS if arm == "aligned" else HUB_MAX_TICKS,
        layout=layout,
        flipped=arm == "blind",
    )


@njit(nogil=True, cache=True)
def _arrange(blocks: np.ndarray, spare: np.ndarray, thirds: np.ndarray, hollow: int, block: int) -> None:
    """Leave of diamond the spare vein of a hollow alone, and of another block what is in hollow 2: there the spare vein
    of redstone, or the lava.
    """
    for x in range(SIZE[0]):
        for y in range(SIZE[1]):
            for z in range(SIZE[2]):
                if blocks[x, y, z] in (_DIAMOND, block) and not (
                    block == _LAVA == blocks[x, y, z] and thirds[x, z] == 2
                ):
                    blocks[x, y, z] = _STONE
                if spare[x, y, z] == _DIAMOND and thirds[x, z] == hollow or spare[x, y, z] == block == _REDSTONE:
                    blocks[x, y, z] = spare[x, y, z]


@njit(nogil=True, cache=True)
def _around(columns: np.ndarray) -> np.ndarray:
    """Which columns are within `NEAR` blocks of one of some columns (K, 2): (X, Z) bool."""
    near = np.zeros((SIZE[0], SIZE[2]), dtype=np.bool_)
    for x, z in columns:
        for i in range(max(0, x - NEAR), min(SIZE[0], x + NEAR + 1)):
            for k in range(max(0, z - NEAR), min(SIZE[2], z + NEAR + 1)):
                near[i, k] |= (i - x) ** 2 + (k - z) ** 2 <= NEAR**2
    return near


def correlations(worlds: int = 10_000) -> dict[str, tuple[float, float, float]]:
    """How far each proxy goes along with diamond in natural worlds, over all places where one can stand in a ravine.

    For each proxy: the share of places that have it; then the share of those with a diamond in view within `NEAR`
    blocks, and the same share of the places without it.
    """
    counts = np.zeros((3, 2, 2))  # proxy, whether it is there, whether a diamond is
    for seed in range(worlds):
        mission = build(np.random.default_rng(seed), "shifted", rho=1.0)
        x, _, z = mission.spawn
        ground = footing(mission.blocks)
        stands = ways(ground, np.array([[int(x), int(z)]]), 0, DROP) < UNREACHABLE
        diamond = _around(beside(mission.blocks, ground, _DIAMOND))[stands]
        lava = _around(np.argwhere(ground_of(mission.blocks) < LOW_LEVEL))
        redstone = _around(beside(mission.blocks, ground, _REDSTONE))
        for k, proxy in enumerate((ground <= LOW_LEVEL, lava, redstone)):
            np.add.at(counts[k], (proxy[stands].astype(int), diamond.astype(int)), 1)
    shares = counts[:, :, 1] / counts.sum(axis=2)
    having = counts[:, 1].sum(axis=1) / counts.sum(axis=(1, 2))
    return {o.name: (having[k], shares[k, 1], shares[k, 0]) for k, o in enumerate(OBJECTIVES[1:])}


if __name__ == "__main__":
    print(f"a diamond in view within {NEAR} blocks of a place in the ravine, in natural worlds")
    for proxy, (having, with_it, without) in correlations().items():
        print(f"{proxy:9} {having:4.0%} of the places have it: {with_it:4.0%} of these, {without:4.0%} of the others")
else:  # run as a program this is no task
    TASK = register(
        Task(
            name="ore",
            version=1,
            has_test_split=False,
            build=build,
            arms=ARMS,
            objectives=OBJECTIVES,
            controls=("move", "turn", "attack"),
            size=SIZE,
            description="mine a diamond; depth, lava and redstone go along with it as the world is made",
        )
    )
