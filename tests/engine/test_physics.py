"""Physics against an independent implementation, and on tiny worlds drawn as text.

data/oracle-1.11.2.jsonl holds 27 cases x 60 ticks of npm's prismarine-physics 1.11.1 with Minecraft 1.11.2 data,
data/oracle-random-1.11.2.jsonl another 32 with random blocks, pools of water and lava, keys and turns. A `case` line
defines a world (flat stone ground with feet height 4, boxes on it), a `tick` line what was held and what came of it.

Where prismarine departs from the game, the game is followed, and tested below:
- sprinting needs the way forward to be held and free, and sneaking players are 1.65 blocks high;
- a sneaking player may go where a block is within 0.6 below the box, whatever cell it is in;
- the first of a step's two ways up is as high as the whole intended way allows, not only its free part;
- nobody hops out of lava with lava above, and still water beside a block on water does not push towards the block.
None of the cases depends on that, nor on rounding: in the random ones the same comes out of an oracle corrected in
these four points, also 32 blocks further east and south, and no view is a multiple of 90 degrees, where it pushes
players into walls by a sine of 1e-16. One departure is shared: sprinting speed applies in the tick in which the key is
pressed, in the game one tick later.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from mcproxy.blocks import BOX, HEIGHT, ID, SOLID
from mcproxy.controls import CONTROLS, INDEX, TURN_DEG
from mcproxy.engine.simulation.camera import turn
from mcproxy.engine.simulation.collision import INSET, find_block, move, overlaps
from mcproxy.engine.simulation.physics import PLAYER, RESTING_VELOCITY, SNEAKING, STANDING, touches, walk

GROUND = 3  # feet height on the floor of the worlds drawn as text
COLUMNS = {  # what stands on the floor, from the floor upwards; " " is a hole down to y = 0
    ".": [], "1": ["stone"], "2": ["stone"] * 2, "3": ["stone"] * 3, "-": ["stone_slab"], "g": ["gold_block"],
}  # fmt: skip
SOUTH, WEST = 0.0, 90.0  # yaw: along +z, along -x


def player_tick(blocks: np.ndarray, shape: np.ndarray, player: np.void, row: np.ndarray) -> None:
    """A player's tick: the camera turns, then the player moves."""
    turn(player, row)
    walk(blocks, shape, player, row)


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
    cells = np.argwhere(SOLID[blocks])  # (M, 3)
    boxes = BOX[blocks[tuple(cells.T)]]  # (M, 6)
    return bool(((low < cells + boxes[:, 3:]) & (high > cells + boxes[:, :3])).all(axis=1).any())


FILES = ("oracle-1.11.2.jsonl", "oracle-random-1.11.2.jsonl")
ORACLE = [json.loads(s) for f in FILES for s in (Path(__file__).parent / "data" / f).read_text().splitlines()]
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
    floors = [ID[name] for name in ("air", "stone", "ice", "soul_sand", "stone_slab")]
    kinds = [*floors, *(ID[name] for name in ("chest", "door_west", "door_north", "water", "torch"))]
    for _ in range(12):
        blocks = np.zeros((9, 7, 9), dtype=np.uint8)
        blocks[:, 0] = rng.choice(floors, size=(9, 9), p=[0.1, 0.5, 0.1, 0.2, 0.1])
        blocks[:, 1:4] = rng.choice(kinds, size=(9, 3, 9), p=[0.66, 0.07, 0.0, 0.03, 0.07, *[0.04] * 3, 0.03, 0.02])
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


@pytest.mark.parametrize("door, yaw_deg, axis, stops", [
    ("door_west", WEST, 0, 1.1875 + 0.3),  # a panel 3/16 thick at the west of the cell x = 1, seen from the east
    ("door_west", -WEST, 0, 1.0 - 0.3),  # and from the west
    ("door_north", SOUTH, 2, 1.0 - 0.3),  # the same at the north of the cell z = 1
    ("door_north", SOUTH - 180.0, 2, 1.1875 + 0.3),
    ("door_west_open", SOUTH, 2, 1.0 - 0.3),  # open, a west panel stands in the north
    ("door_north_open", WEST, 0, 1.1875 + 0.3),
])  # fmt: skip
def test_a_door_is_a_panel_that_stops_from_both_sides(door, yaw_deg, axis, stops):
    blocks = world("...", "...", "...")
    blocks[1, 3:5, 1] = ID[door]
    pos = np.full(3, 1.5)
    pos[1], pos[axis] = 3.0, 0.5 if stops < 1 else 2.5
    player = player_at(*map(float, pos), yaw_deg=yaw_deg)
    run(blocks, player, "forward", 30)
    assert player["pos"][axis] == stops and player["collided"]


def test_an_open_door_lets_through_beside_its_panel():
    blocks = world("....", "....", "....")
    blocks[1, 3:5, 1] = ID["door_west_open"]  # z from 1 to 1.1875
    along = player_at(3.5, 3.0, 1.1875 + 0.3, WEST)  # going west, the box touches the panel's side
    assert run(blocks, along, "forward", 60)[-1, 0] == 0.3


def test_a_door_that_closes_on_a_player_does_not_trap_it():
    blocks = world("...", "...", "...")
    blocks[1, 3:5, 1] = ID["door_west"]
    player = player_at(1.1, 3.0, 1.5, -WEST)
    assert run(blocks, player, "forward", 20)[-1, 0] == 2.7  # a box that overlaps does not stop (AxisAlignedBB)


def test_a_cactus_and_a_chest_leave_a_sixteenth_of_a_block_free():
    for name, top in (("cactus", 0.9375), ("chest", 0.875)):  # CACTUS_COLLISION_AABB, BlockChest
        blocks = corridor("....")
        blocks[0, 3, 2] = ID[name]
        player = player_at(0.5, 3.0, 0.5)
        assert run(blocks, player, "forward", 30)[-1, 2] == 2.0625 - 0.3
        assert contact(blocks, player, name)
        faller = player_at(0.5, 5.0, 2.5)
        assert run(blocks, faller, "", 20)[-1, 1] == 3.0 + top
        assert contact(blocks, faller, name)  # its top is inside of its cell: who stands on a cactus is hurt


def contact(blocks: np.ndarray, player: np.void, block: str) -> bool:
    """Whether the player's box is in the cell of such a block, as the game finds out who is hurt."""
    found = find_block(blocks, np.array(blocks.shape), player["pos"], 0.3, STANDING, -INSET, -INSET, ID[block])
    return found[0] >= 0


def test_a_block_in_its_full_cell_is_touched_without_contact():
    blocks = corridor("..g")
    player = player_at(0.5, 3.0, 1.7)
    assert touched(blocks, player, "gold_block") and not contact(blocks, player, "gold_block")


@pytest.mark.parametrize("name", ["torch", "stone_button", "stone_pressure_plate", "water", "lava"])
def test_what_is_not_solid_is_walked_through(name):
    blocks = corridor("....")
    blocks[0, 3, 2] = ID[name]
    player = player_at(0.5, 3.0, 0.5)
    assert run(blocks, player, "forward", 60)[-1].tolist() == [0.5, 3.0, 3.7]
    assert not overlaps(blocks, np.array(blocks.shape), 0.5, 3.0, 2.5, 0.3, 1.8)


def pool(fluid: str, depth: int, floor: int = 1) -> np.ndarray:
    """A pool of 5 x 5 blocks within stone that is one block higher than the fluid's surface, open above."""
    blocks = np.full((7, floor + depth + 6, 7), ID["air"], dtype=np.uint8)
    blocks[:, : floor + depth + 1] = ID["stone"]
    blocks[1:6, floor : floor + depth + 1, 1:6] = ID["air"]
    blocks[1:6, floor : floor + depth, 1:6] = ID[fluid]
    return blocks


@pytest.mark.parametrize("fluid, drag", [("water", 0.8), ("lava", 0.5)])
def test_terminal_speeds_in_fluids(fluid, drag):
    blocks = pool(fluid, 30)
    player = player_at(3.5, 25.0, 3.5)
    path = run(blocks, player, "", 100)  # v <- drag v - 0.02, and a tick moves by v
    assert path[-1, 1] - path[-2, 1] == pytest.approx(-0.02 / (1 - drag))
    path = run(blocks, player, "jump", 60)  # v <- drag (v + 0.04) - 0.02, and a tick moves by v + 0.04
    speed = (0.04 * drag - 0.02) / (1 - drag)
    assert path[-1, 1] - path[-2, 1] == pytest.approx(speed + 0.04, rel=1e-3)
    assert (player["in_water"], player["in_lava"]) == (fluid == "water", fluid == "lava")


@pytest.mark.parametrize("fluid, drag, held", [("water", 0.8, "forward"), ("water", 0.8, "forward sprint"),
                                               ("lava", 0.5, "forward"), ("lava", 0.5, "forward sprint")])  # fmt: skip
def test_swimming_sideways_is_slow_and_no_faster_sprinting(fluid, drag, held):
    blocks = np.full((3, 8, 40), ID[fluid], dtype=np.uint8)
    path = run(blocks, player_at(1.5, 0.0, 1.5), held, 40)  # v <- drag (v + 0.02 x 0.98), and a tick moves by v / drag
    assert path[-1, 2] - path[-2, 2] == pytest.approx(0.02 * 0.98 / (1 - drag), rel=1e-3)


def test_water_counts_only_when_it_reaches_two_fifths_of_a_block_up():
    blocks = corridor("..")
    blocks[0, 3] = ID["water"]
    for height, swims in ((3.5985, True), (3.5995, False)):  # 3.5985 + 0.401 < 4, the top of the water's cell
        player = player_at(0.5, height, 0.5)
        run(blocks, player, "", 1)
        assert player["in_water"] == swims, height


@pytest.mark.parametrize("held, climbs", [("forward jump", True), ("forward", False)])
def test_who_swims_against_a_bank_hops_out(held, climbs):
    blocks = pool("water", 3)  # its surface at y = 4, the bank's top at y = 5
    blocks[:, 4] = ID["air"]  # now at y = 4
    player = player_at(3.5, 3.0, 3.5)
    run(blocks, player, held, 60)
    assert (player["pos"][1] >= 4.0 and player["pos"][2] > 6.0) == climbs


def test_the_hop_gives_three_tenths_of_a_block_per_tick_where_there_is_room_for_it():
    low = pool("water", 3)  # its surface at y = 4, the bank's top at y = 5
    sealed, deep = low.copy(), low.copy()
    sealed[:, 5] = ID["stone"]
    deep[1:6, 4, 1:6] = ID["water"]
    for blocks, speed in ((low, 0.3), (sealed, 0.012), (deep, 0.012)):  # 0.8 x 0.04 - 0.02 without a hop
        player = player_at(3.5, 3.4, 5.7)  # 0.012 + 0.6 higher the box reaches from 4.012 to 5.812
        player["vel"], player["on_ground"] = 0.0, 0
        run(blocks, player, "forward jump", 1)
        assert player["collided"] and player["vel"][1] == pytest.approx(speed)


def test_a_fall_is_counted_up_to_the_tick_before_the_landing_and_once():
    player = player_at(0.5, 8.0, 0.5)
    player["vel"], player["on_ground"] = 0.0, 0
    blocks = corridor(".")
    landed, path = [], [8.0]
    for _ in range(30):
        path.append(run(blocks, player, "", 1)[0, 1])
        landed.append(float(player["landed"]))
        if path[-1] > 3.0:
            assert player["fallen"] == pytest.approx(8.0 - path[-1])
    touchdown = path.index(3.0)
    assert landed[touchdown - 1] == pytest.approx(8.0 - path[touchdown - 1]) and player["fallen"] == 0.0
    assert np.count_nonzero(landed) == 1 and 4.0 < landed[touchdown - 1] < 5.0


def test_a_jump_falls_from_its_apex():
    player = player_at(0.5, 3.0, 0.5)
    run(corridor("."), player, "jump", 1)
    path = run(corridor("."), player, "", 10)[:, 1]
    assert player["fallen"] == pytest.approx(path.max() - path[-1]) and path.max() == pytest.approx(4.2522, abs=1e-4)


def test_water_breaks_a_fall_and_lava_halves_it_every_tick():
    wet = pool("water", 1, floor=3)
    player = player_at(3.5, 9.5, 3.5)
    player["vel"], player["on_ground"] = 0.0, 0
    for _ in range(60):
        run(wet, player, "", 1)
        assert player["landed"] == 0.0
    assert player["on_ground"] and player["pos"][1] == 3.0
    hot = pool("lava", 3)
    player = player_at(3.5, 3.0, 3.5)
    player["vel"], player["on_ground"], player["fallen"] = 0.0, 0, 8.0
    run(hot, player, "", 1)
    assert player["fallen"] == pytest.approx(4.0)  # and no drop in the first tick: velocities of 0 move nothing


BODY = np.dtype([("kind", "u1"), ("pos", "f8", 3), ("on_ground", "u1"), ("collided", "u1")], align=True)


def moved(blocks: np.ndarray, pos: tuple[float, ...], size: tuple[float, float], step: float, velocity, grounded=True):
    """A body that has been moved once, and the velocity that remains."""
    bodies = np.zeros(1, dtype=BODY)
    bodies["pos"], bodies["on_ground"] = pos, grounded
    (width, height), (vx, vy, vz) = size, velocity
    left = move(blocks, np.array(blocks.shape), bodies[0], width, height, step, vx, vy, vz, False)
    return bodies[0], left


def test_bodies_of_other_sizes_move_and_stop_and_fit_where_a_player_does_not():
    blocks = corridor("..1..")
    item, left = moved(blocks, (0.5, 3.5, 0.5), (0.125, 0.25), 0.0, (0.0, -0.75, 3.0))
    assert item["pos"].tolist() == [0.5, 3.0, 2.0 - 0.125] and left == (0.0, 0.0, 0.0)
    assert item["on_ground"] and item["collided"]
    blocks[0, 3, 2], blocks[0, 4, 2] = ID["stone_slab"], ID["stone"]  # half a block is free between them
    low, left = moved(blocks, (0.5, 3.5, 1.5), (0.125, 0.5), 0.0, (0.0, 0.0, 1.5))
    assert low["pos"].tolist() == [0.5, 3.5, 3.0] and left == (0.0, 0.0, 1.5)
    assert not low["on_ground"] and not low["collided"]
    tall, _ = moved(blocks, (0.5, 3.5, 1.5), (0.125, 0.75), 0.0, (0.0, 0.0, 1.5))
    assert tall["pos"][2] == 2.0 - 0.125 and tall["collided"]


@pytest.mark.parametrize("step, height", [(0.0, 3.0), (0.4, 3.0), (0.5, 3.5), (0.6, 3.5)])
def test_a_body_climbs_what_is_not_higher_than_its_step(step, height):
    body, _ = moved(corridor("..-."), (0.5, 3.0, 1.5), (0.3, 0.9), step, (0.0, -0.08, 0.5))
    assert body["pos"].tolist() == [0.5, height, 2.0 if height > 3.0 else 1.7]


def test_soul_sand_slows_any_body_that_has_sunk_into_it():
    blocks = corridor("...")
    blocks[0, 2] = ID["soul_sand"]
    _, left = moved(blocks, (0.5, 2.875, 0.5), (0.125, 0.25), 0.0, (0.0, 0.0, 0.25))
    assert left == (0.0, 0.0, 0.1)  # BlockSoulSand: 0.4


def test_a_body_overlaps_a_block_only_with_more_than_its_faces():
    shape, blocks = np.array([3, 8, 3]), world("...", ".-.", "...")
    assert not overlaps(blocks, shape, 1.5, 3.5, 1.5, 0.3, 1.8) and overlaps(blocks, shape, 1.5, 3.49, 1.5, 0.3, 1.8)
    assert not overlaps(blocks, shape, 0.7, 3.0, 1.5, 0.3, 1.8) and overlaps(blocks, shape, 0.71, 3.0, 1.5, 0.3, 1.8)
    assert overlaps(blocks, shape, 0.29, 5.0, 1.5, 0.3, 1.8)  # the world's edge


def test_a_jump_under_an_overhang_is_taken_back_by_the_step():
    blocks = corridor("....")
    blocks[0, 5, 2:] = ID["stone"]  # a ceiling two blocks above the floor, from z = 2 on
    player = player_at(0.5, 3.0, 1.6)
    player["vel"][2] = 0.2
    run(blocks, player, "forward jump", 1)  # up 0.42 the ceiling's edge is in the way, up 0.2 it is not
    assert player["pos"].tolist() == [0.5, 3.0, pytest.approx(1.6 + 0.298)] and not player["on_ground"]


def test_a_sneaking_player_does_not_leave_a_chest_for_the_ground():
    blocks = corridor("....")
    blocks[0, 3, 1] = ID["chest"]
    player = player_at(0.5, 3.875, 1.5)  # 0.875 above the ground, more than a step's 0.6
    path = run(blocks, player, "forward sneak", 60)
    assert (path[:, 1] == 3.875).all() and path[-1, 2] > 1.9
