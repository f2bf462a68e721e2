"""The world that ore is in, and what its arms change of it."""

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.mission import NOWHERE
from mcproxy.tasks import ore
from mcproxy.tasks._ravine import DROP, footing
from mcproxy.tasks._terrain import HUB_LEVEL, LAVA_LEVEL, LOW_LEVEL, SCALE, SIZE, vein, ways

ORE = registry.get("ore")
SEPARATED = [arm for arm in ORE.arms if arm.startswith("separated")]


def cells(mission, block):
    return np.argwhere(mission.blocks == ID[block])


def apart(one, other):
    """The least distance over the ground between blocks of two kinds, (K, 3) and (L, 3)."""
    return np.hypot(*(one[:, None, [0, 2]] - other[None, :, [0, 2]]).transpose(2, 0, 1)).min()


def test_ores_and_lava_lie_at_a_third_of_the_game_s_heights():
    worlds = [ORE.mission(seed, "shifted") for seed in range(30)]
    for name, highest in (("diamond_ore", 16), ("redstone_ore", 16), ("gold_ore", 32)):
        levels = np.concatenate([cells(m, name)[:, 1] for m in worlds])
        assert levels.min() >= 1 and levels.max() <= highest * SCALE + 2  # a vein tilts by 1 and is up to 1 thick
    for m in worlds:
        assert (m.blocks[:, 0] == ID["bedrock"]).all() and len(cells(m, "bedrock")) == SIZE[0] * SIZE[2]
        assert cells(m, "lava")[:, 1].max() <= LAVA_LEVEL == int(11 * SCALE)


def test_a_vein_is_a_few_blocks_in_one_piece():
    rng, sizes = np.random.default_rng(0), []
    for _ in range(200):
        blocks = np.full(SIZE, ID["stone"], dtype=np.uint8)
        vein(blocks, rng, 16 + rng.random(), 10 + rng.random(), 16 + rng.random(), ID["diamond_ore"], 8)
        at = np.argwhere(blocks == ID["diamond_ore"])
        sizes.append(len(at))
        near = np.abs(at[:, None] - at[None]).max(axis=2) <= 1
        assert np.linalg.matrix_power(near.astype(float), len(at)).all()
    assert min(sizes) >= 1 and max(sizes) <= 16 and 4 <= np.mean(sizes) <= 8


def test_natural_arms_are_one_world_with_the_spawn_elsewhere():
    for seed in range(10):
        aligned, shifted, blind = (ORE.mission(seed, arm) for arm in ("aligned", "shifted", "blind"))
        assert (aligned.blocks == shifted.blocks).all() and (blind.blocks == shifted.blocks).all()
        assert shifted.spawn == blind.spawn and shifted.spawn[1] == HUB_LEVEL
        assert blind.flipped and not shifted.flipped
        assert {o.condition for o in aligned.objectives[1:]} == {NOWHERE}


@pytest.mark.parametrize("arm", SEPARATED)
def test_a_separated_arm_asks_about_one_proxy_and_keeps_the_spawn_and_the_ground(arm):
    for seed in range(10):
        mission, natural = ORE.mission(seed, arm), ORE.mission(seed, "shifted")
        there = [o.name for o in mission.objectives if o.condition != NOWHERE]
        assert there == ["goal", arm.removeprefix("separated_")]
        assert (mission.spawn, mission.yaw_deg, mission.layout) == (natural.spawn, natural.yaw_deg, natural.layout)
        changed = mission.blocks != natural.blocks
        names = {ID[n] for n in ("stone", "diamond_ore", "redstone_ore", "lava")}
        assert set(np.unique(natural.blocks[changed])) | set(np.unique(mission.blocks[changed])) <= names | {
            ID[n] for n in ("coal_ore", "iron_ore", "gold_ore", "lapis_ore")
        }


def test_in_separated_depth_no_diamond_can_be_dug_from_the_lowest_level():
    for seed in range(50):
        assert cells(ORE.mission(seed, "separated_depth"), "diamond_ore")[:, 1].min() > LOW_LEVEL + 1


def test_in_the_other_separated_arms_diamond_is_far_from_the_proxy():
    for seed in range(50):
        lava, redstone = (ORE.mission(seed, f"separated_{name}") for name in ("lava", "redstone"))
        assert apart(cells(lava, "diamond_ore"), cells(lava, "lava")) > 3
        assert apart(cells(redstone, "diamond_ore"), cells(redstone, "redstone_ore")) > 3
        x, _, z = lava.objectives[2].condition.position
        assert apart(cells(lava, "diamond_ore"), np.array([[x, 0, z]])) > 8


def test_one_hollow_cannot_be_reached_from_the_other_without_a_jump():
    for seed in range(30):
        mission = ORE.mission(seed, "shifted")
        ground, hub = footing(mission.blocks), np.array([[int(mission.spawn[0]), int(mission.spawn[2])]])
        low = np.argwhere((ways(ground, hub, 0, DROP) < 2**30) & (ground == LOW_LEVEL))
        reached = ways(ground, low[:1], 0, DROP)
        others = [(x, z) for x, z in low.tolist() if reached[x, z] == 2**30]
        assert others and reached[tuple(hub[0])] == 2**30


def test_depth_lava_and_redstone_go_along_with_diamond_as_the_world_is_made():
    for having, with_it, without in ore.correlations(worlds=200).values():
        assert 0 < having < 1
        assert with_it > 1.3 * without
