"""Light: levels worked out by hand, against a plain relaxation, after changes, and as brightness at corners."""

import numpy as np
import pytest

from mcproxy.blocks import BOX, CUBE, ID, LIGHT, OPACITY
from mcproxy.engine.rendering.light import (
    BLOCK_CURVE,
    CURVE,
    FLOOR,
    FULL,
    LIGHTING,
    MEDIUM,
    Lighter,
    cells_of,
    corners_of,
)

NIGHT = 0.35
_STEPS = [(-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)]


class Lit:
    """One world with its light, which starts from whatever was in the memory before."""

    def __init__(self, blocks, daylight=NIGHT):
        self.blocks, self.daylight = np.array(blocks, dtype=np.uint8), daylight
        shape = self.blocks.shape
        self.lighter, self.record = Lighter(shape), np.ones(1, dtype=LIGHTING)
        self.levels, self.flat = np.full((2, cells_of(shape)), 9, dtype=np.uint8), np.zeros(corners_of(shape), "u1")
        self.renew((0, 0, 0), shape)

    def renew(self, low, high):
        self.lighter.light(self.blocks, low, high, self.daylight, self.record[0], self.levels, self.flat)

    @property
    def sky(self):
        return self.levels[0].reshape([s + 2 for s in self.blocks.shape])[1:-1, 1:-1, 1:-1]

    @property
    def block(self):
        return self.levels[1].reshape([s + 2 for s in self.blocks.shape])[1:-1, 1:-1, 1:-1]

    @property
    def corners(self):
        return self.flat.reshape([s + 1 for s in self.blocks.shape])

    @property
    def plain(self):
        return bool(self.record["plain"][0])


def rock(*shape):
    return np.full(shape, ID["stone"], dtype=np.uint8)


def random_blocks(rng, shape):
    """Rock with caves, leaves, water and lights, or an open field with some of them."""
    names = ("stone", "leaves", "water", "torch", "lava", "glass", "glowstone", "chest", "soul_sand")
    share = rng.uniform(0.1, 0.7)
    chances = np.array([12, 2, 2, 0.3, 0.1, 1, 0.2, 1, 1])
    kinds = rng.choice([ID[name] for name in names], shape, p=chances / chances.sum())
    return (kinds * (rng.random(shape) < share)).astype(np.uint8)


def relaxed(blocks, sky):
    """The same levels by definition alone: each cell takes what its best neighbour leaves, until nothing changes."""
    cost = np.pad(np.maximum(OPACITY[blocks], 1).astype(int), 1, constant_values=15)
    level = np.zeros(cost.shape, dtype=int)
    if sky:
        column = np.full((blocks.shape[0], blocks.shape[2]), 15)
        for y in reversed(range(blocks.shape[1])):
            opacity = OPACITY[blocks[:, y]].astype(int)
            straight = np.where((column == 15) & (opacity == 0), 15, 0)
            if y == blocks.shape[1] - 1:
                straight = np.maximum(straight, 15 - np.maximum(opacity, 1) * (opacity > 0))
            level[1:-1, y + 1, 1:-1] = straight
            column = straight
    else:
        level[1:-1, 1:-1, 1:-1] = LIGHT[blocks]
    inner = (slice(1, -1),) * 3
    while True:
        before = level.copy()
        for step in _STEPS:
            reached = np.roll(level, step, axis=(0, 1, 2)) - cost
            level[inner] = np.maximum(level, reached)[inner]
        if (level == before).all():
            return level[inner]


def test_the_light_of_a_torch_falls_by_one_a_step_also_around_corners():
    blocks = rock(12, 3, 12)
    blocks[1, 1, 1:11] = blocks[1:11, 1, 10] = 0  # an L of two corridors
    blocks[1, 1, 1] = ID["torch"]
    lit = Lit(blocks)
    assert lit.block[1, 1, 1:11].tolist() == [14, 13, 12, 11, 10, 9, 8, 7, 6, 5]
    assert lit.block[1:11, 1, 10].tolist() == [5, 4, 3, 2, 1, 0, 0, 0, 0, 0]
    assert lit.sky.max() == 0


def test_in_an_empty_box_the_level_is_14_less_the_distance_along_the_axes():
    blocks = rock(11, 9, 11)
    blocks[1:-1, 1:-1, 1:-1] = 0
    blocks[5, 4, 5] = ID["torch"]
    x, y, z = np.mgrid[1:10, 1:8, 1:10]
    expected = np.maximum(14 - abs(x - 5) - abs(y - 4) - abs(z - 5), 0)
    assert (Lit(blocks).block[1:-1, 1:-1, 1:-1] == expected).all()


def test_daylight_falls_down_a_shaft_without_loss_and_spreads_from_its_foot():
    blocks = rock(8, 10, 3)
    blocks[1, 1:, 1] = 0
    blocks[2:7, 1, 1] = 0
    sky = Lit(blocks).sky
    assert (sky[1, 1:, 1] == 15).all() and sky[2:7, 1, 1].tolist() == [14, 13, 12, 11, 10]


@pytest.mark.parametrize("name, loss", [("leaves", 1), ("water", 3), ("ice", 3), ("stone", 15)])
def test_what_daylight_loses_in_each_block_of_a_column(name, loss):
    blocks = rock(3, 9, 3)
    blocks[1, 1:, 1] = 0
    blocks[1, 5:7, 1] = ID[name]
    under = max(15 - 2 * loss, 0)  # two blocks of it, then air, where each step costs 1
    expected = [15, 15, max(15 - loss, 0), under, *(max(under - k, 0) for k in (1, 2, 3, 4))]
    assert Lit(blocks).sky[1, 8:0:-1, 1].tolist() == expected


def test_glass_doors_and_slabs_let_daylight_through_unweakened():
    for name in ("glass", "door_west", "stone_slab", "torch", "chest"):
        blocks = rock(3, 5, 3)
        blocks[1, 1:, 1] = 0
        blocks[1, 3, 1], blocks[1, 1, 0] = ID[name], 0  # with a dark corner beside the foot of the shaft
        assert (Lit(blocks).sky[1, 1:, 1] == 15).all() and Lit(blocks).sky[1, 1, 0] == 14


def test_levels_are_those_of_a_plain_relaxation():
    rng = np.random.default_rng(0)
    for _ in range(60):
        lit = Lit(random_blocks(rng, rng.integers(1, 14, 3)))
        if lit.plain:
            assert (relaxed(lit.blocks, sky=True)[MEDIUM[lit.blocks] < FULL] == FULL).all()
        else:
            assert (lit.sky == relaxed(lit.blocks, sky=True)).all()
            assert (lit.block == relaxed(lit.blocks, sky=False)).all()


@pytest.mark.parametrize("daylight", [NIGHT, 1.0])
def test_light_after_changes_is_the_light_of_the_changed_world(daylight):
    rng = np.random.default_rng(1)
    for _ in range(12):
        shape = rng.integers(3, (45, 20, 45))
        lit = Lit(random_blocks(rng, shape) if rng.random() < 0.7 else np.zeros(shape), daylight)
        for _ in range(12):
            low = rng.integers(shape)
            high = np.minimum(low + rng.integers(1, 4, 3), shape)
            box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            lit.blocks[box] = random_blocks(rng, tuple(high - low)) if rng.random() < 0.5 else rng.choice([0, 1, 46])
            lit.renew(tuple(low), tuple(high))
            anew = Lit(lit.blocks, daylight)
            assert lit.plain == anew.plain
            if not lit.plain:
                assert (lit.sky == anew.sky).all()
                assert (lit.block == anew.block).all() and (lit.corners == anew.corners).all()


def test_a_corner_has_the_mean_brightness_of_the_open_cells_around_it():
    blocks = rock(4, 4, 4)
    blocks[1:3, 1, 1] = 0  # two cells
    blocks[1, 1, 1] = ID["torch"]
    lit = Lit(blocks)
    torch, beside = np.rint(255 * BLOCK_CURVE[[14, 13]])
    assert lit.record["bright"][0] == 1
    assert (lit.corners[1, 1:3, 1:3] == torch).all() and (lit.corners[3, 1:3, 1:3] == beside).all()
    assert (lit.corners[2, 1:3, 1:3] == np.floor((torch + beside) / 2 + 0.5)).all()
    assert (lit.corners[0, :4] == 0).all()  # nothing open is there


def test_cells_that_something_fills_do_not_count_as_open():
    full = (BOX == CUBE).all(axis=1)
    for name in ("leaves", "glass", "ice", "lava", "soul_sand"):
        assert full[ID[name]] or name == "soul_sand"
        blocks = np.zeros((3, 4, 3), dtype=np.uint8)
        blocks[:, 0] = ID["stone"]
        blocks[1, 1, 1] = ID[name]
        assert Lit(blocks, daylight=1.0).plain  # what is inside of them is not full daylight


def test_brightness_follows_the_curve_of_the_game_above_a_floor():
    dark = 1 - 14 / 15
    assert CURVE[0] == FLOOR and CURVE[15] == 1
    assert CURVE[14] == pytest.approx(FLOOR + (1 - FLOOR) * (1 - dark) / (3 * dark + 1))
    assert (np.diff(CURVE) > 0).all()
    plain = (CURVE - FLOOR) / (1 - FLOOR)  # block light counts one and a half times, but never more than daylight
    np.testing.assert_allclose((BLOCK_CURVE - FLOOR) / (1 - FLOOR), np.minimum(1.5 * plain, plain[14]))


def test_only_worlds_of_plain_daylight_are_plain():
    field = np.zeros((9, 6, 9), dtype=np.uint8)
    field[:, 0] = ID["grass"]
    assert Lit(field, 1.0).plain and Lit(field, NIGHT).plain
    torch = field.copy()
    torch[4, 1, 4] = ID["torch"]
    assert Lit(torch, 1.0).plain and not Lit(torch, NIGHT).plain  # by day it is not seen to shine
    roof = field.copy()
    roof[3:6, 4, 3:6] = ID["planks"]
    assert not Lit(roof, 1.0).plain
    for name in ("water", "torch", "lava"):  # only water takes light from its own cell
        blocks = field.copy()
        blocks[2, 1, 2] = ID[name]
        assert Lit(blocks, 1.0).plain == (name != "water")
