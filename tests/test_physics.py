"""Physics against an independent implementation, and on tiny worlds drawn as text.

tests/data/oracle-1.11.2.jsonl holds 27 cases x 60 ticks of npm's prismarine-physics 1.11.1 with Minecraft 1.11.2 data.
A `case` line defines a world (flat stone ground with feet height 4, boxes on it), a `tick` line what was held and what
came of it. Where it departs from the game, the game is followed, and tested below: sprinting needs the way forward to
be held and free, sneaking players are 1.65 blocks high. None of its 27 cases depends on that. One departure is shared:
sprinting speed applies in the tick in which the key is pressed, in the game one tick later.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from mcproxy.blocks import HEIGHT, ID
from mcproxy.controls import CONTROLS, INDEX, TURN_DEG
from mcproxy.engine.physics import PLAYER, RESTING_VELOCITY, SNEAKING, STANDING, player_tick, touches

GROUND = 3  # feet height on the floor of the worlds drawn as text
COLUMNS = {  # what stands on the floor, from the floor upwards; " " is a hole down to y = 0
    ".": [], "1": ["stone"], "2": ["stone"] * 2, "3": ["stone"] * 3, "-": ["stone_slab"], "g": ["gold_block"],
}  # fmt: skip
SOUTH, WEST = 0.0, 90.0  # yaw: along +z, along -x


def keys(held: str = "") -> np.ndarray:
    """The engine's keys for words such as `forward jump turn:left`."""
    row = np.zeros(len(CONTROLS), dtype=np.int8)
    for word in held.split():
        name, _, choice = word.partition(":")
        name, choice = ("move", name) if name == "forward" else (name, choice or name)
        name, choice = ("strafe", name) if name in ("left", "right") else (name, choice)
        row[INDEX[name]] = CONTROLS[INDEX[name]].choices.index(choice)
    return row


def world(*rows: str) -> np.ndarray:
    """A world seen from above: each row one z, each character one x, 8 high."""
    blocks = np.zeros((len(rows[0]), 8, len(rows)), dtype=np.uint8)
    for z, row in enumerate(rows):
        for x, character in enumerate(row):
            if character != " ":
                column = ["stone"] * GROUND + COLUMNS[character]
                blocks[x, : len(column), z] = [ID[name] for name in column]
    return blocks


def corridor(row: str) -> np.ndarray:
    """A world one block wide that leads south."""
    return world(*row)


def player_at(x: float, y: float, z: float, yaw_deg: float = SOUTH) -> np.void:
    """A player who stands there at rest, as a record that refers to its own memory."""
    players = np.zeros(1, dtype=PLAYER)
    players["pos"], players["vel"][:, 1] = (x, y, z), RESTING_VELOCITY
    players["yaw_deg"], players["on_ground"] = yaw_deg, 1
    return players[0]


def run(blocks: np.ndarray, player: np.void, held: str, ticks: int) -> np.ndarray:
    """The positions after each tick of holding some keys: (ticks, 3) float64."""
    path = np.empty((ticks, 3))
    for t in range(ticks):
        player_tick(blocks, np.array(blocks.shape), player, keys(held))
        path[t] = player["pos"]
    return path


def touched(blocks: np.ndarray, player: np.void, block: str) -> tuple[int, ...] | None:
    out = np.full(3, -1)
    return tuple(out.tolist()) if touches(blocks, np.array(blocks.shape), player, ID[block], out) else None


def overlap(blocks: np.ndarray, player: np.void) -> bool:
    """Whether the player's box reaches more than 1e-6 blocks into any block or out of the world, the plain way."""
    low = player["pos"] - [0.3, 0.0, 0.3] + 1e-6
    high = player["pos"] + [0.3, SNEAKING if player["crouched"] else STANDING, 0.3] - 1e-6
    if (low < 0).any() or (high[[0, 2]] > np.array(blocks.shape)[[0, 2]]).any():
        return True
    i, j, k = np.nonzero(HEIGHT[blocks])
    top = j + HEIGHT[blocks[i, j, k]]
    inside = (low[0] < i + 1) & (high[0] > i) & (low[1] < top) & (high[1] > j) & (low[2] < k + 1) & (high[2] > k)
    return bool(inside.any())


ORACLE = [json.loads(s) for s in (Path(__file__).parent / "data/oracle-1.11.2.jsonl").read_text().splitlines()]
CASES = [line for line in ORACLE if line["type"] == "case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_movement_agrees_with_prismarine_physics(case):
    at = np.array([32, 0, 32])  # of the oracle's origin in our array: an integer, so that the sums stay nearly exact
    blocks = np.zeros((64, 20, 128), dtype=np.uint8)
    blocks[:, : case["floor_y"]] = ID["stone"]
    for x0, y0, z0, x1, y1, z1, name, *_ in case["boxes"]:
        blocks[x0 + 32 : x1 + 33, y0 : y1 + 1, z0 + 32 : z1 + 33] = ID[name]
    start, *ticks = [line for line in ORACLE if line["type"] == "tick" and line["name"] == case["name"]]
    player = player_at(*(at + start["pos"]))
    player["vel"], player["on_ground"] = start["vel"], start["on_ground"]
    assert len(ticks) == 60
    for tick in ticks:
        player["yaw_deg"] = tick["yaw"]  # after the tick's camera movement
        player_tick(blocks, np.array(blocks.shape), player, keys(tick["keys"]))
        np.testing.assert_allclose(player["pos"] - at, tick["pos"], atol=1e-9, rtol=0, err_msg=str(tick["t"]))
        np.testing.assert_allclose(player["vel"], tick["vel"], atol=1e-9, rtol=0, err_msg=str(tick["t"]))
        assert (player["on_ground"], player["collided"]) == (tick["on_ground"], tick["collided_h"]), tick["t"]


def test_nobody_enters_a_block_or_leaves_the_world():
    rng = np.random.default_rng(7)
    kinds = [ID[name] for name in ("air", "stone", "ice", "soul_sand", "stone_slab")]
    for _ in range(12):
        blocks = np.zeros((9, 7, 9), dtype=np.uint8)
        blocks[:, 0] = rng.choice(kinds, size=(9, 9), p=[0.1, 0.5, 0.1, 0.2, 0.1])
        blocks[:, 1:4] = rng.choice(kinds, size=(9, 3, 9), p=[0.76, 0.1, 0.0, 0.04, 0.1])
        blocks[4, :, 4] = [ID["stone"]] + [ID["air"]] * 6
        player = player_at(4.5, 1.0, 4.5, TURN_DEG * rng.integers(96))
        for _ in range(80):
            row = np.array([rng.integers(len(c.choices)) for c in CONTROLS], dtype=np.int8)
            row[INDEX["move"]] = rng.choice([1, 1, 1, 0])
            row[INDEX["back"]] = 1 - row[INDEX["move"]]
            for _ in range(4):
                player_tick(blocks, np.array(blocks.shape), player, row)
                assert not overlap(blocks, player), (player, row)


@pytest.mark.parametrize("yaw_deg", [-180.0, -120.0, -45.0, 0.0, 33.75, 90.0])
def test_the_edges_of_the_world_are_walls_even_above_it(yaw_deg):
    blocks = world("33333", "3...3", "3...3", "3...3", "33333")[:, :6].copy()  # as high as its walls
    player = player_at(0.5, 6.0, 0.5, yaw_deg)  # on top of the corner
    run(blocks, player, "forward sprint jump", 100)
    assert (player["pos"][[0, 2]] >= 0.3 - 1e-12).all() and (player["pos"][[0, 2]] <= 4.7 + 1e-12).all()


def test_a_hole_in_the_lowest_layer_has_a_floor():
    player = player_at(0.5, 3.0, 0.5)
    path = run(corridor("   "), player, "", 40)
    assert path[-1, 1] == 0.0 and player["on_ground"]


def test_only_the_worlds_own_part_of_a_larger_array_counts():
    small = world("...", ".1.", "...")
    large = np.full((6, 9, 6), ID["gold_block"], dtype=np.uint8)
    large[:3, :8, :3] = small
    batch = np.repeat(large[np.newaxis], 5, axis=0)
    alone, fifth = player_at(0.5, 3.0, 0.5, -30.0), np.zeros(5, dtype=PLAYER)
    fifth[4] = alone
    for held in ["forward jump"] * 30 + ["left sprint turn:right"] * 30:
        player_tick(small, np.array(small.shape), alone, keys(held))
        player_tick(batch[4], np.array(small.shape), fifth[4], keys(held))
        assert alone.tobytes() == fifth[4].tobytes()
        assert touched(small, alone, "gold_block") is None


def test_the_same_keys_give_the_same_bytes():
    rows = np.random.default_rng(3).integers(2, size=(200, len(CONTROLS)), dtype=np.int8)
    twins = [player_at(2.5, 3.0, 2.5), player_at(2.5, 3.0, 2.5)]
    for player in twins:
        for row in rows:
            player_tick(world(".....", ".1.2.", ".....", ".-.g.", "....."), np.array([5, 8, 5]), player, row)
    assert twins[0].tobytes() == twins[1].tobytes()


@pytest.mark.parametrize("obstacle, held, passes", [
    ("-", "forward", True),  # 0.5, less than a step's 0.6
    ("1", "forward", False),
    ("1", "forward jump", True),  # a jump's apex is 1.2522
    ("2", "forward jump", False),
    ("2", "forward sprint jump", False),
])  # fmt: skip
def test_steps_are_walked_up_blocks_are_jumped_up_and_walls_stand(obstacle, held, passes):
    player = player_at(0.5, 3.0, 0.5)
    run(corridor(".." + obstacle * 12), player, held, 30)
    assert (player["pos"][2] > 2.0) == passes
    if not passes:
        assert player["pos"][2] == 1.7  # 0.3 before the wall


def test_walking_down_from_a_block_falls_and_walking_off_a_slab_too():
    for column, height in (("1", 1.0), ("-", 0.5)):
        player = player_at(0.5, 3.0 + height, 0.5)
        path = run(corridor(column + "." * 6), player, "forward", 30)
        assert path[0, 1] == 3.0 + height and path[-1, 1] == 3.0


@pytest.mark.parametrize("held", ["forward sneak", "forward right sneak", "forward sneak turn:left", "back sneak"])
def test_a_sneaking_player_stays_on_the_ledge_where_a_walking_one_falls(held):
    island = world(*[" " * 9] * 3, *["   ...   "] * 3, *[" " * 9] * 3)
    sneaking, walking = player_at(4.5, 3.0, 4.5), player_at(4.5, 3.0, 4.5)
    assert (run(island, sneaking, held, 120)[:, 1] == 3.0).all()
    if "turn" not in held:
        assert np.abs(sneaking["pos"][[0, 2]] - 4.5).max() > 1.7  # at most 0.3 more than the island's 1.5
    assert run(island, walking, held.replace(" sneak", "").replace(" turn:left", ""), 120)[-1, 1] == 0.0


def test_a_sneaking_player_walks_down_to_a_slab():
    player = player_at(0.5, 4.0, 0.5)  # on a block, a slab before it: 0.5 lower, less than a step's 0.6
    assert run(corridor("1------"), player, "forward sneak", 60)[-1, 1] == 3.5


def test_a_sneaking_player_is_165_centimetres_high_and_rises_when_there_is_room():
    blocks = corridor("...")
    blocks[:, 5] = ID["stone"]  # a ceiling two blocks above the floor
    player = player_at(0.5, 3.0, 0.5)
    assert run(blocks, player, "jump", 12)[:, 1].max() == pytest.approx(5 - 1.8)  # the oracle's height, always
    player = player_at(0.5, 3.0, 0.5)
    run(blocks, player, "sneak", 1)
    assert run(blocks, player, "sneak jump", 1)[-1, 1] == pytest.approx(5 - 1.65)  # EntityPlayer.updateSize
    run(blocks, player, "", 1)
    assert player["crouched"]  # at 3.2 and falling: no room yet
    run(blocks, player, "", 5)
    assert not player["crouched"] and player["pos"][1] == 3.0


@pytest.mark.parametrize("held, speed", [
    ("forward", 0.21586), ("forward sprint", 0.28062), ("forward sneak", 0.06476),  # terminal, the oracle's README
    ("back sprint", 0.21586), ("right sprint", 0.21586),  # EntityPlayerSP.onLivingUpdate: sprinting needs forward
    ("forward sneak sprint", 0.06476), ("turn:left sprint", 0.0),
])  # fmt: skip
def test_terminal_speeds_and_sprinting_only_forward(held, speed):
    path = run(world(*["." * 40] * 40), player_at(20.0, 3.0, 20.0), held, 30)
    assert np.hypot(*(path[-1] - path[-2])[[0, 2]]) == pytest.approx(speed, abs=5e-5)


def test_a_bump_ends_the_sprint():
    player = player_at(0.5, 3.0, 1.7, SOUTH)
    blocks = corridor("..2......")
    run(blocks, player, "forward sprint", 2)
    assert player["collided"] and player["pos"][2] == 1.7
    run(blocks, player, "forward sprint jump", 1)  # EntityPlayerSP.onLivingUpdate: no sprint, so no boost of 0.2
    free = player_at(0.5, 3.0, 5.5, SOUTH)
    run(blocks, free, "forward sprint jump", 1)
    assert free["vel"][2] > 0.1 and player["vel"][2] == 0.0


def test_a_held_jump_key_jumps_again_as_soon_as_it_lands_but_not_within_ten_ticks():
    low, high = corridor("."), corridor(".")
    low[:, 5] = ID["stone"]  # under a ceiling a jump is over after a few ticks
    for blocks, period in ((high, 12), (low, 10)):  # 12 ticks: the length of a jump (Minecraft Wiki, "Jumping")
        heights = run(blocks, player_at(0.5, 3.0, 0.5), "jump", 40)[:, 1]
        starts = np.flatnonzero((heights > 3.0) & (np.r_[3.0, heights[:-1]] == 3.0))
        assert (np.diff(starts) == period).all() and len(starts) >= 4


def test_ice_slides_and_soul_sand_holds():
    def walked_and_coasted(ground: str) -> tuple[float, float]:
        blocks = corridor("." * 30)
        blocks[:, GROUND - 1] = ID[ground]
        player = player_at(0.5, GROUND - 1 + HEIGHT[ID[ground]], 0.5)
        stop = run(blocks, player, "forward", 20)[-1, 2]
        return stop - 0.5, run(blocks, player, "", 60)[-1, 2] - stop

    (_, on_ice), (walked, on_stone), (waded, on_soul_sand) = map(walked_and_coasted, ("ice", "stone", "soul_sand"))
    assert on_ice > 1.0 > 0.3 > on_stone > on_soul_sand
    assert waded < 0.6 * walked


def test_the_camera_turns_exactly_and_wraps_and_the_pitch_stops_at_the_poles():
    blocks, player = corridor("."), player_at(0.5, 3.0, 0.5, yaw_deg=170.625)
    seen = []
    for _ in range(96):
        run(blocks, player, "turn:right pitch:down", 1)
        seen.append(float(player["yaw_deg"]))
    assert seen[:4] == [174.375, 178.125, -178.125, -174.375] and seen[-1] == 170.625
    assert len(set(seen)) == 96 and min(seen) >= -180 and max(seen) < 180
    assert player["pitch_deg"] == 90.0
    run(blocks, player, "pitch:up turn:left", 1)
    assert (player["pitch_deg"], player["yaw_deg"]) == (86.25, 166.875)
    run(blocks, player, "pitch:up", 60)
    assert player["pitch_deg"] == -90.0


def test_the_camera_turns_before_the_step_and_90_is_west():
    player = player_at(5.0, 3.0, 5.0, yaw_deg=WEST - TURN_DEG)
    run(world(*["." * 10] * 10), player, "forward turn:right", 1)
    assert player["pos"][0] < 5.0 and player["pos"][2] == 5.0  # exactly west, not a bit south


@pytest.mark.parametrize("yaw_deg", np.arange(-180.0, 180.0, 7.5))
def test_headings_agree_with_the_sine_and_cosine(yaw_deg):
    player = player_at(5.0, 3.0, 5.0, yaw_deg)
    move = run(world(*["." * 10] * 10), player, "forward", 1)[0] - 5.0
    yaw = np.radians(yaw_deg)
    np.testing.assert_allclose(move[[0, 2]], 0.098 * np.array([-np.sin(yaw), np.cos(yaw)]), atol=1e-7)


def test_touching_counts_the_floor_and_a_bump_but_not_a_block_away():
    blocks = corridor("..g..g")
    player = player_at(0.5, 3.0, 0.5)
    assert touched(blocks, player, "stone") == (0, 2, 0)  # the floor, the first in the order of x, y, z
    assert touched(blocks, player, "gold_block") is None  # more than a block away
    run(blocks, player, "forward", 5)
    assert 1.3 < player["pos"][2] < 1.699 and touched(blocks, player, "gold_block") is None  # near is not touching
    run(blocks, player, "forward", 10)
    assert player["pos"][2] == 1.7 and touched(blocks, player, "gold_block") == (0, 3, 2)
    standing = player_at(0.5, 4.0, 5.5)
    assert touched(blocks, standing, "gold_block") == (0, 3, 5)
    assert touched(blocks, standing, "diamond_block") is None


@pytest.mark.parametrize("gap, touching", [(0.0009, True), (0.0011, False)])
def test_touching_reaches_a_thousandth_of_a_block_in_every_direction(gap, touching):
    blocks = np.zeros((5, 7, 5), dtype=np.uint8)
    blocks[2, 2, 2] = ID["gold_block"]
    beside = [(2 - 0.3 - gap, 2.0, 2.5), (3.3 + gap, 2.0, 2.5), (2.5, 2.0, 1.7 - gap), (2.5, 2.0, 3.3 + gap)]
    for pos in [*beside, (2.5, 3.0 + gap, 2.5), (2.5, 2 - 1.8 - gap, 2.5)]:
        assert (touched(blocks, player_at(*pos), "gold_block") is not None) == touching, pos
    assert touched(blocks, player_at(0.3, 6.9, 4.7), "gold_block") is None  # a box that leaves the array
