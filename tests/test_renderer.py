"""The renderer: what it draws, held against the plain reference, and what its frames may depend on."""

import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mcproxy.blocks import BLOCKS, HEIGHT, ID
from mcproxy.engine.mesh import MAX_BEAMS, QUADS, Mesher
from mcproxy.engine.reference import reference
from mcproxy.engine.renderer import Renderer


def frame_of(blocks, eye, yaw_deg=0.0, pitch_deg=0.0, resolution=(64, 64), fov_deg=70.0, time_of_day=6000, flipped=0):
    renderer = Renderer(1, blocks.shape, resolution, fov_deg)
    renderer.load(0, blocks, time_of_day)
    out = np.zeros((1, *resolution, 3), dtype=np.uint8)
    pose = np.array([eye], dtype=float), np.array([yaw_deg], dtype=float), np.array([pitch_deg], dtype=float)
    renderer.draw(0, 1, *pose, np.array([flipped], dtype=bool), out)
    return out[0]


def meadow(size=(24, 8, 24)):
    blocks = np.zeros(size, dtype=np.uint8)
    blocks[:, 0] = ID["grass"]
    return blocks


def random_world(rng):
    """Any blocks anywhere, slabs, soul sand and beacons among them; sparse or dense, with or without a floor."""
    size = tuple(rng.integers(4, 20, 3))
    blocks = rng.integers(1, len(BLOCKS), size) * (rng.random(size) < rng.uniform(0.02, 0.4))
    blocks[:, 0] = np.where(rng.random() < 0.5, ID["grass"], blocks[:, 0])
    return blocks.astype(np.uint8)


def random_eye(rng, blocks):
    """A place in the air, often a thousandth of a block from faces, edges and corners."""
    while True:
        eye = rng.uniform([0, 0.05, 0], blocks.shape)
        if rng.random() < 0.4:
            near = rng.random(3) < 0.6
            eye[near] = np.floor(eye[near]) + rng.choice([0.001, 0.999], near.sum())
        if blocks[tuple(eye.astype(int))] == 0:
            return eye


def test_the_rasteriser_sees_what_the_reference_sees():
    rng = np.random.default_rng(1)
    unequal = pixels = 0
    for _ in range(250):
        blocks = random_world(rng)
        resolution = tuple(int(s) for s in rng.integers(1, 90, 2))  # also widths that are no multiple of 16
        view = {"resolution": resolution, "fov_deg": rng.uniform(20, 130), "time_of_day": int(rng.integers(24000))}
        for _ in range(3):
            eye, yaw, pitch = random_eye(rng, blocks), rng.uniform(-180, 180), rng.uniform(-90, 90)
            drawn = frame_of(blocks, eye, yaw, pitch, **view)
            unequal += (drawn != reference(blocks, eye, yaw, pitch, **view)).any(axis=-1).sum()
            pixels += drawn.shape[0] * drawn.shape[1]
    assert unequal / pixels < 0.001


@pytest.mark.parametrize("yaw_deg", [-180.0, -90.0, 0.0, 45.0, 90.0])
@pytest.mark.parametrize("pitch_deg", [-90.0, 0.0, 30.0, 90.0])
def test_the_rasteriser_agrees_where_edges_are_exactly_horizontal_or_vertical(yaw_deg, pitch_deg):
    blocks = random_world(np.random.default_rng(2))
    eye = random_eye(np.random.default_rng(3), blocks)
    drawn = frame_of(blocks, eye, yaw_deg, pitch_deg)
    assert (drawn != reference(blocks, eye, yaw_deg, pitch_deg)).any(axis=-1).mean() < 0.001


def test_a_closed_room_has_no_holes_even_with_the_eye_in_a_corner():
    blocks = np.full((9, 6, 9), ID["glowstone"], dtype=np.uint8)  # shines at midnight, while the sky is below 40
    blocks[1:-1, 1:-1, 1:-1] = 0
    blocks[4, 1:3, 4] = blocks[6, 2, 2] = ID["glowstone"]  # a pillar and a block that hangs in the air
    rng = np.random.default_rng(4)
    for _ in range(100):
        eye = random_eye(rng, blocks)
        frame = frame_of(blocks, eye, rng.uniform(-180, 180), rng.uniform(-90, 90), time_of_day=18000)
        assert frame[..., 0].min() > 50


def test_yaw_0_looks_along_z_with_x_growing_to_the_left_and_pitch_looks_down():
    blocks = meadow()
    blocks[8, 1:4, 20], blocks[16, 1:4, 20] = ID["gold_block"], ID["diamond_block"]
    frame = frame_of(blocks, (12.5, 2.62, 10.0)).astype(int)
    gold = np.argwhere(frame[..., 0] - frame[..., 2] > 100)  # red far above blue
    gem = np.argwhere((frame[..., 1] - frame[..., 0] > 80) & (frame[..., 2] - frame[..., 0] > 70))  # cyan
    assert gold[:, 1].mean() > 40 > 24 > gem[:, 1].mean()
    above, below = (frame_of(blocks, (12.5, 2.62, 10.0), pitch_deg=pitch) for pitch in (-45, 60))
    assert (above[..., 2] > above[..., 1]).all() and (below[..., 1] > below[..., 2]).all()  # blue sky, green grass


def test_a_flipped_frame_has_its_rows_reversed():
    blocks = meadow()
    blocks[10:14, 1:3, 15] = ID["brick_block"]
    eye = (12.5, 2.62, 5.0)
    assert (frame_of(blocks, eye, 10, 5, flipped=True) == frame_of(blocks, eye, 10, 5)[::-1]).all()


def test_a_frame_depends_neither_on_the_batch_nor_on_threads():
    rng, n = np.random.default_rng(5), 24
    worlds = [random_world(rng) for _ in range(n)]
    eyes = np.array([random_eye(rng, w) for w in worlds])
    yaw, pitch, flipped = rng.uniform(-180, 180, n), rng.uniform(-90, 90, n), rng.random(n) < 0.5
    renderer = Renderer(n, (20, 20, 20), (40, 56))
    for i in reversed(range(n)):
        renderer.load(i, worlds[i], 1000 * i)
    at_once, in_parts = np.zeros((2, n, 40, 56, 3), dtype=np.uint8)
    renderer.draw(0, n, eyes, yaw, pitch, flipped, at_once)
    with ThreadPoolExecutor(4) as pool:
        parts = [(i, i + 2, eyes, yaw, pitch, flipped, in_parts) for i in range(0, n, 2)]
        list(pool.map(lambda part: renderer.draw(*part), parts))
    alone = [frame_of(worlds[i], eyes[i], yaw[i], pitch[i], (40, 56), 70.0, 1000 * i, flipped[i]) for i in range(n)]
    assert (at_once == in_parts).all() and (at_once == np.stack(alone)).all()


def test_a_world_loaded_again_is_drawn_anew():
    renderer, out = Renderer(1, (24, 8, 24)), np.zeros((2, 1, 64, 64, 3), dtype=np.uint8)
    pose = np.array([[12.5, 2.62, 5.0]]), np.zeros(1), np.zeros(1), np.zeros(1, dtype=bool)
    rng = np.random.default_rng(6)
    crowd = (rng.integers(1, 9, (24, 8, 24)) * (rng.random((24, 8, 24)) < 0.5)).astype(np.uint8)  # thousands of quads
    renderer.load(0, crowd)
    renderer.load(0, meadow((12, 4, 12)))
    renderer.draw(0, 1, *pose, out[0])
    assert (out[0, 0] == frame_of(meadow((12, 4, 12)), pose[0][0])).all()
    renderer.load(0, crowd)
    renderer.draw(0, 1, *pose, out[1])
    assert (out[1, 0] == reference(crowd, pose[0][0], 0.0, 0.0)).all(axis=-1).mean() > 0.999


@pytest.mark.parametrize("distance", [5, 14, 30, 60, 90])
@pytest.mark.parametrize("yaw_deg", [-3.0, 0.0, 1.0, 4.0])
def test_the_beam_of_a_beacon_is_seen_from_anywhere(distance, yaw_deg):
    blocks = meadow((8, 8, 100))
    blocks[4, 2, 96], blocks[4, 1, 96] = ID["beacon"], ID["iron_block"]
    blocks[:, 1:4, 95] = ID["stone"]  # behind a wall
    frame = frame_of(blocks, (4.3, 2.62, 96.5 - distance), yaw_deg).astype(int)
    column = np.argmax(frame[2, :, 0])
    assert frame[2, column, 0] > 190 and np.median(frame[2, :, 0]) < 160  # nearly white among the blue
    assert (np.abs(np.diff(frame[: 20 if distance > 5 else 3, column].sum(axis=-1))) < 90).all()  # without gaps


def test_no_beam_rises_under_a_roof():
    blocks = meadow()
    blocks[12, 1, 18] = ID["beacon"]
    open_sky = frame_of(blocks, (12.5, 2.62, 5.0))
    blocks[12, 7, 18] = ID["stone"]
    assert open_sky[3, 32, 0] > 190 > frame_of(blocks, (12.5, 2.62, 5.0))[3, 32, 0]


@pytest.mark.parametrize("distance", [3, 8, 14])
def test_gold_is_yellow_and_iron_grey_at_64_pixels(distance):
    blocks = meadow()
    blocks[11, 1, 20], blocks[13, 1, 20] = ID["gold_block"], ID["iron_block"]
    eye = np.array([12.5, 2.62, 20 - distance])
    for x, is_gold in ((11.5, True), (13.5, False)):
        yaw, pitch = -np.degrees(np.arctan2(x - eye[0], distance)), np.degrees(np.arctan2(2.62 - 1.5, distance))
        red, green, blue = frame_of(blocks, eye, yaw, pitch)[32, 32].astype(int)
        assert (red > green + 20 and green > blue + 60) if is_gold else abs(red - blue) < 25


def test_quads_cover_every_exposed_face_once_and_never_the_outside():
    rng = np.random.default_rng(7)
    for _ in range(10):
        blocks = random_world(rng)
        full = np.pad(HEIGHT[blocks], 1, constant_values=1.0)  # the border hides, but for the sky
        full[:, -1] = 0
        here, area = full[1:-1, 1:-1, 1:-1], np.zeros(6)
        for side, there in enumerate(full[s] for s in _NEIGHBOURS):
            if side == 2:
                area[side] = ((here > 0) & (there < 1)).sum()
            elif side == 3:
                area[side] = ((here > 0) & ((here < 1) | (there == 0))).sum()
            else:
                area[side] = here[there < here].sum()
        quads, starts = np.zeros(1000, dtype=QUADS), np.zeros(7, dtype=np.int64)
        Mesher((20, 20, 20)).mesh(blocks, quads, starts, np.zeros((MAX_BEAMS, 3), dtype=np.float32))
        for side in range(6):
            q = quads[starts[side] : starts[side + 1]]
            q = {name: q[name][np.isfinite(q["plane"])] for name in QUADS.names}
            sizes = (q["first_high"] - q["first_low"]) * (q["second_high"] - q["second_low"])
            assert sizes.sum() == area[side] and (q["face"] % 8 == side).all()


_HERE, _LESS, _MORE = slice(1, -1), slice(0, -2), slice(2, None)
_NEIGHBOURS = (  # -x, +x, -y, +y, -z, +z
    (_LESS, _HERE, _HERE), (_MORE, _HERE, _HERE), (_HERE, _LESS, _HERE),
    (_HERE, _MORE, _HERE), (_HERE, _HERE, _LESS), (_HERE, _HERE, _MORE),
)  # fmt: skip


def test_a_flat_meadow_is_one_quad():
    quads, starts = np.zeros(10, dtype=QUADS), np.zeros(7, dtype=np.int64)
    groups = Mesher((24, 8, 24)).mesh(meadow(), quads, starts, np.zeros((MAX_BEAMS, 3), dtype=np.float32))
    assert groups == 1 and np.isfinite(quads["plane"][0]).sum() == 1
    first = {name: quads[name][0, 0] for name in QUADS.names}
    assert first == {
        "plane": 1, "first_low": 0, "first_high": 24, "second_low": 0, "second_high": 24, "face": ID["grass"] * 8 + 3,
    }  # fmt: skip


def test_the_picture_of_a_fixed_world_has_not_changed():
    """What agents see decides scores: whoever changes it on purpose takes the next version of the tasks."""
    blocks = meadow()
    for k, block in enumerate(BLOCKS[1:]):
        blocks[3 + 3 * (k % 7), 1 + k // 7, 10 + k // 7] = ID[block.name]
    frame = frame_of(blocks, (12.5, 2.62, 2.0))  # yaw and pitch 0: no rounding but IEEE's
    assert zlib.crc32(frame.tobytes()) == GOLDEN


GOLDEN = 2476797537  # of the renderer of version 0.1.0


@pytest.mark.parametrize(
    "change, message",
    [
        ({"eyes": np.zeros((2, 3), dtype=np.float32)}, "eyes"),
        ({"eyes": np.full((2, 3), np.nan)}, "finite"),
        ({"yaw_deg": np.zeros(3)}, "yaw_deg"),
        ({"out": np.zeros((2, 64, 64, 4), dtype=np.uint8)}, "out"),
        ({"out": np.zeros((2, 64, 64, 6), dtype=np.uint8)[..., ::2]}, "C-contiguous"),
        ({"hi": 3}, "range"),
    ],
)
def test_draw_names_the_argument_that_does_not_fit(change, message):
    good = {"lo": 0, "hi": 2, "eyes": np.zeros((2, 3)), "yaw_deg": np.zeros(2), "pitch_deg": np.zeros(2)}
    good |= {"flipped": np.zeros(2, dtype=bool), "out": np.zeros((2, 64, 64, 3), dtype=np.uint8)}
    with pytest.raises(ValueError, match=message):
        Renderer(2, (4, 4, 4)).draw(**(good | change))


@pytest.mark.parametrize(
    "index, blocks, message",
    [
        (2, np.zeros((4, 4, 4), dtype=np.uint8), "world 2"),
        (0, np.zeros((5, 4, 4), dtype=np.uint8), "at most"),
        (0, np.zeros((4, 4), dtype=np.uint8), "at most"),
        (0, np.zeros((4, 4, 4)), "float64"),
        (0, np.full((4, 4, 4), len(BLOCKS), dtype=np.uint8), "block id"),
    ],
)
def test_load_names_what_does_not_fit(index, blocks, message):
    with pytest.raises(ValueError, match=message):
        Renderer(2, (4, 4, 4)).load(index, blocks)
