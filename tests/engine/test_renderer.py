"""The renderer: what it draws, held against the plain reference, and what its frames may depend on."""

import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import BLOCKS, BOX, CUBE, ID
from mcproxy.engine.rendering.raster import AXIS, aim, step_off
from mcproxy.engine.rendering.reference import reference
from mcproxy.engine.rendering.renderer import Renderer
from mcproxy.engine.rendering.sprites import MAX_SPRITES, SPRITE
from mcproxy.engine.rendering.textures import SHADE, front
from mcproxy.engine.thread_team import ThreadTeam
from tests.helpers.drawn import (
    PLACES,
    crack,
    frame_of,
    meadow,
    random_eye,
    random_eye_at,
    random_sprites,
    random_world,
    sprite,
)


@pytest.mark.parametrize("place", PLACES)
def test_the_rasteriser_sees_what_the_reference_sees(place):
    rng = np.random.default_rng(1)
    unequal = pixels = 0
    for _ in range(250):
        blocks = random_world(rng)
        resolution = tuple(int(s) for s in rng.integers(1, 90, 2))  # also widths that are no multiple of 16
        view = {"resolution": resolution, "fov_deg": rng.uniform(20, 130), "time_of_day": int(rng.integers(24000))}
        for _ in range(3):
            eye, yaw, pitch = random_eye_at(rng, blocks, place), rng.uniform(-180, 180), rng.uniform(-90, 90)
            view["sprites"] = random_sprites(rng, blocks)
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
    renderer.draw(np.arange(n), eyes, yaw, pitch, flipped, at_once)
    with ThreadPoolExecutor(4) as pool:
        parts = [(np.array([i + 1, i]), eyes, yaw, pitch, flipped, in_parts) for i in range(0, n, 2)]
        list(pool.map(lambda part: renderer.draw(*part), parts))
    alone = [frame_of(worlds[i], eyes[i], yaw[i], pitch[i], (40, 56), 70.0, 1000 * i, flipped[i]) for i in range(n)]
    assert (at_once == in_parts).all() and (at_once == np.stack(alone)).all()
    team, by_team = ThreadTeam(3), np.zeros_like(at_once)
    for _ in range(5):
        by_team[:] = 0
        renderer.draw(np.arange(n), eyes, yaw, pitch, flipped, by_team, team=team)
        assert (by_team == at_once).all()
    team.close()


def test_a_world_loaded_again_is_drawn_anew():
    renderer, out = Renderer(1, (24, 8, 24)), np.zeros((2, 1, 64, 64, 3), dtype=np.uint8)
    pose = np.array([[12.5, 2.62, 5.0]]), np.zeros(1), np.zeros(1), np.zeros(1, dtype=bool)
    rng = np.random.default_rng(6)
    crowd = (rng.integers(1, 9, (24, 8, 24)) * (rng.random((24, 8, 24)) < 0.5)).astype(np.uint8)  # thousands of quads
    renderer.load(0, crowd)
    renderer.load(0, meadow((12, 4, 12)))
    renderer.draw(np.arange(1), *pose, out[0])
    assert (out[0, 0] == frame_of(meadow((12, 4, 12)), pose[0][0])).all()
    renderer.load(0, crowd)
    renderer.draw(np.arange(1), *pose, out[1])
    assert (out[1, 0] == reference(crowd, pose[0][0], 0.0, 0.0)).all(axis=-1).mean() > 0.999


def test_an_updated_world_is_drawn_like_one_loaded_anew_by_any_thread_from_any_view():
    rng, n, shape = np.random.default_rng(8), 8, (18, 9, 20)
    worlds = np.zeros((n, 20, 12, 20), dtype=np.uint8)[:, 1:19, :9]  # not contiguous
    renderer, out = Renderer(n, (20, 12, 20), (30, 30)), np.zeros((n, 30, 30, 3), dtype=np.uint8)

    def change(i, rng):
        low = rng.integers(shape)
        high = np.minimum(low + rng.integers(1, 4, 3), shape)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        worlds[i][box] = rng.choice([0, 0, ID["torch"], ID["stone"], ID["water"], ID["door_west"]])
        renderer.update(i, worlds[i], tuple(low), tuple(high))

    def live(i):
        rng = np.random.default_rng(i)
        worlds[i] = rng.integers(0, len(BLOCKS), shape) * (rng.random(shape) < (0.02, 0.4, 0.8)[i % 3])
        renderer.load(i, worlds[i], 4000 * i)
        for _ in range(30):
            change(i, rng)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(live, range(n)))
    eyes = np.array([random_eye(rng, world) for world in worlds])
    yaw, pitch = rng.uniform(-180, 180, n), rng.uniform(-40, 40, n)
    renderer.draw(np.arange(n), eyes, yaw, pitch, np.zeros(n, dtype=bool), out)
    for i in range(n):
        alone = frame_of(worlds[i].copy(), eyes[i], yaw[i], pitch[i], (30, 30), time_of_day=4000 * i)
        assert (out[i] == alone).all()


def cavern():
    """A cave of stone, 20 x 6 x 20, without any light."""
    blocks = np.full((22, 9, 22), ID["stone"], dtype=np.uint8)
    blocks[1:-1, 1:7, 1:-1] = 0
    return blocks


def test_caves_are_dark_but_not_black_and_torches_and_lava_light_them():
    dark = frame_of(cavern(), (11.5, 2.62, 3.5)).astype(int)
    assert 0 < dark.max() < 12 and dark.min() >= 0 and dark.mean() > 1
    for light in ("torch", "lava", "glowstone"):
        blocks = cavern()
        blocks[8:11, 1, 15] = ID[light]
        frame = frame_of(blocks, (11.5, 2.62, 3.5)).astype(int)
        assert frame.mean() > 2.5 * dark.mean() and frame.max() > 100


def test_fog_does_not_shine_in_the_dark():
    blocks = np.full((7, 7, 128), ID["stone"], dtype=np.uint8)
    blocks[2:5, 1:4, 1:-1] = 0  # a tunnel
    assert frame_of(blocks, (3.5, 2.6, 1.5), time_of_day=6000)[28:36, 28:36].max() < 15


def test_nights_are_dark_and_torches_light_a_part_of_them():
    blocks = meadow()
    blocks[8, 1, 12] = ID["torch"]
    noon, night = (frame_of(blocks, (12.5, 2.62, 3.5), time_of_day=time).astype(int) for time in (6000, 18000))
    plain = frame_of(meadow(), (12.5, 2.62, 3.5), time_of_day=18000).astype(int)
    assert night[45:].mean() < 0.8 * noon[45:].mean()
    assert (night[36:50] - plain[36:50])[..., 1].max() > 30
    assert (abs(night - plain)[60:, :8] <= 1).all()  # far from it there is plain night


def test_plain_daylight_looks_the_same_whether_it_is_looked_up_or_not():
    """A hollow that nobody can see makes the renderer look light up everywhere."""
    rng = np.random.default_rng(9)
    solid = meadow((24, 12, 24))
    solid[:, :3] = ID["stone"]
    solid[:, 3] = ID["grass"]
    for _ in range(60):
        x, z = rng.integers(24, size=2)
        kinds = [ID[name] for name in ("stone", "log", "beacon", "gold_block", "stone_slab")]
        solid[x, 4 : 4 + rng.integers(1, 4), z] = rng.choice(kinds)
    hollow = solid.copy()
    hollow[11, 1, 11] = 0
    for time in (2000, 5000, 6000, 9000):
        eye, yaw, pitch = random_eye(rng, solid), rng.uniform(-180, 180), rng.uniform(-60, 60)
        at = {"time_of_day": time, "resolution": (90, 120)}
        assert (frame_of(solid, eye, yaw, pitch, **at) == frame_of(hollow, eye, yaw, pitch, **at)).all()


def test_an_eye_in_lava_sees_lava_alone():
    blocks = np.full((5, 5, 5), ID["lava"], dtype=np.uint8)
    frame = frame_of(blocks, (2.5, 2.5, 2.5)).reshape(-1, 3).astype(int)
    assert (frame == frame[0]).all() and frame[0, 0] > frame[0, 1] > frame[0, 2]


def blind(frame):
    return (frame == frame[0, 0]).all()


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.solid], ids=lambda b: b.name)
def test_an_eye_inside_a_solid_block_sees_nothing_but_the_darkness_within(block):
    blocks = meadow((5, 5, 5))
    blocks[2, 2, 2] = ID[block.name]
    low, high = 2 + np.array(block.box[:3]), 2 + np.array(block.box[3:])
    for share in (0.01, 0.5, 0.99):
        frame = frame_of(blocks, low + share * (high - low), sprites=sprite((1, 1, 1), (1.9, 3, 1.9), "sand"))
        assert blind(frame) and frame.max() < 15
    if block.box != CUBE:
        for axis in np.flatnonzero(high < 3):
            beside = (low + high) / 2
            beside[axis] = high[axis] + 0.01  # in the cell of the block, but not in its box
            assert not blind(frame_of(blocks, beside))


def test_what_is_beyond_the_sides_of_the_world_and_below_it_is_like_stone_and_what_is_above_is_air():
    blocks = meadow((5, 5, 5))
    blocks[2, 2, 2] = ID["stone"]
    stone = frame_of(blocks, (2.5, 2.5, 2.5))
    for outside in ((-0.1, 2.5, 2.5), (5.1, 2.5, 2.5), (2.5, 2.5, -9), (2.5, 2.5, 5), (2.5, -0.1, 2.5), (-1, 9, 2.5)):
        assert (frame_of(blocks, outside, yaw_deg=40, pitch_deg=10) == stone).all()
    assert not blind(frame_of(blocks, (2.5, 9.0, 2.5), pitch_deg=60))


def test_an_eye_on_the_face_of_a_block_sees_it_only_from_above_east_or_south():
    blocks = np.zeros((5, 5, 5), dtype=np.uint8)
    blocks[2, 2, 2] = ID["gold_block"]
    for axis, (yaw, pitch) in enumerate(((90, 0), (0, 90), (180, 0))):  # west, down, north
        eye = np.full(3, 2.5)
        eye[axis] = 2.0
        assert blind(frame_of(blocks, eye, yaw, pitch)) and frame_of(blocks, eye, yaw, pitch).max() < 15
        eye[axis] = 3.0
        red, _, blue = frame_of(blocks, eye, yaw, pitch).astype(int).reshape(-1, 3).T
        assert (red > blue + 50).all()  # gold from edge to edge


def test_only_eyes_on_faces_are_moved_off_them_and_by_no_more_than_a_hair():
    rng, moved = np.random.default_rng(10), np.zeros(3, dtype=AXIS)
    for _ in range(500):
        blocks = random_world(rng)
        for place in PLACES:
            eye = random_eye_at(rng, blocks, place)
            aim(moved, eye, 0.0, 0.0, 16, 16, 0.1)
            before = moved.copy()
            step_off(moved, blocks, BOX)
            shift = abs(moved["part"] - before["part"])
            nearest = abs(before["part"] * 32 - np.round(before["part"] * 32)) / 32  # all faces are at 32nds of a block
            assert (shift < 4e-5).all() and (shift[nearest > 2e-5] == 0).all()
            assert (moved["cell"] == before["cell"]).all() and (moved["part"] > 0).all() and (moved["part"] < 1).all()


def test_art_is_stretched_over_each_side_of_a_sprite_with_its_front_where_it_looks():
    blocks = np.zeros((9, 9, 9), dtype=np.uint8)
    zombie = sprite((3, 1, 6), (6, 7, 6.5), "zombie", front=4)
    turned = sprite((3, 1, 6), (6, 7, 6.5), "zombie", front=5)
    eye, pixels = (4.5, 4.0, 3.0), 128
    face = front("zombie")[..., :3] * SHADE[4]
    frame = frame_of(blocks, eye, resolution=(pixels, pixels), fov_deg=2 * np.degrees(np.arctan(1.0)), sprites=zombie)
    pixel_of = lambda x, y: (int(64 - (y - 4.0) / 3 * 64), int(64 - (x - 4.5) / 3 * 64))  # noqa: E731
    for row in range(16):
        for column in range(16):
            seen = frame[pixel_of(3 + 3 * (column + 0.5) / 16, 7 - 6 * (row + 0.5) / 16)]
            assert (abs(seen - face[row, column]) < 8).all()  # but for a little fog
    assert (frame != frame_of(blocks, eye, resolution=(pixels, pixels), fov_deg=90.0, sprites=turned)).any()


def test_sprites_hide_behind_blocks_and_before_them():
    blocks = meadow()
    blocks[:, 1:4, 12] = ID["stone"]
    eye = (12.5, 2.62, 5.0)
    before, behind = sprite((12, 2, 9), (13, 3, 10), "sand"), sprite((12, 2, 14), (13, 3, 15), "sand")
    plain = frame_of(blocks, eye)
    assert (frame_of(blocks, eye, sprites=behind) == plain).all()
    assert (frame_of(blocks, eye, sprites=before) != plain).any(axis=-1).sum() > 50


def test_cracks_darken_the_texels_of_a_block_and_nothing_else():
    blocks = meadow()
    blocks[12, 1:3, 8] = ID["planks"]
    eye, view = (12.5, 2.62, 5.0), {"resolution": (128, 128), "pitch_deg": 12.0}
    plain = frame_of(blocks, eye, **view).astype(int)
    darkened = []
    for stage in (1, 5, 10):
        cracked = frame_of(blocks, eye, sprites=crack(blocks, (12, 2, 8), stage), **view).astype(int)
        inside = (cracked != plain).any(axis=-1)
        assert (cracked[inside].sum(axis=-1) <= plain[inside].sum(axis=-1) + 60).all()  # edges may show a neighbour
        darkened.append((cracked.sum(axis=-1) < 0.8 * plain.sum(axis=-1)).sum())
    assert 0 < darkened[0] < darkened[1] < darkened[2] < 0.4 * 128 * 128


def test_a_sprite_is_as_dark_as_the_place_where_it_stands():
    blocks = cavern()
    blocks[4, 1, 6] = ID["torch"]
    in_light, in_dark = sprite((6, 1, 5), (7, 2, 6), "white_wool"), sprite((18, 1, 17), (19, 2, 18), "white_wool")
    bright = frame_of(blocks, (6.5, 1.6, 2.0), sprites=in_light)[32, 32]
    assert bright.min() > 3 * frame_of(blocks, (18.5, 1.6, 14.0), sprites=in_dark)[32, 32].max() > 0


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


def test_the_picture_of_a_fixed_world_has_not_changed():
    """What agents see decides scores: whoever changes it on purpose takes the next version of the tasks."""
    blocks = meadow()
    for k in range(24):  # the blocks of version 0.1.0, all on the ground, so that none casts a shadow
        blocks[1 + 3 * (k % 8) - k // 8, 1, 8 + 4 * (k // 8)] = k + 1
    frame = frame_of(blocks, (12.5, 2.62, 2.0))  # yaw and pitch 0: no rounding but IEEE's
    assert zlib.crc32(frame.tobytes()) == GOLDEN


def test_the_pictures_of_the_beacon_task_have_not_changed():
    crc = 0
    for seed in range(8):
        mission = registry.get("beacon_v1").mission(seed, ("aligned", "separated")[seed % 2])
        x, y, z = mission.spawn
        frame = frame_of(mission.blocks, (x, y + 1.62, z), time_of_day=mission.time_of_day)
        crc = zlib.crc32(frame.tobytes(), crc)
    assert crc == BEACON_GOLDEN


GOLDEN, BEACON_GOLDEN = 2392641893, 3214386717  # of the renderer of version 0.1.0


@pytest.mark.parametrize(
    "change, message",
    [
        ({"eyes": np.zeros((2, 3), dtype=np.float32)}, "eyes"),
        ({"eyes": np.full((2, 3), np.nan)}, "finite"),
        ({"yaw_deg": np.zeros(3)}, "yaw_deg"),
        ({"out": np.zeros((2, 64, 64, 4), dtype=np.uint8)}, "out"),
        ({"out": np.zeros((2, 64, 64, 6), dtype=np.uint8)[..., ::2]}, "C-contiguous"),
        ({"which": np.array([0, 2])}, "worlds"),
        ({"which": np.array([0.0])}, "worlds"),
        ({"sprites": np.zeros((2, 3), dtype=SPRITE), "counts": np.zeros(2, dtype=np.int64)}, "sprites"),
        ({"sprites": np.zeros((2, MAX_SPRITES), dtype=SPRITE), "counts": np.zeros(2)}, "counts"),
        ({"sprites": np.zeros((2, MAX_SPRITES), dtype=SPRITE), "counts": np.full(2, 33)}, "0 to 32"),
        ({"sprites": np.full((2, MAX_SPRITES), 9999, dtype=SPRITE), "counts": np.ones(2, dtype=np.int64)}, "art 9999"),
    ],
)
def test_draw_names_the_argument_that_does_not_fit(change, message):
    good = {"which": np.arange(2), "eyes": np.zeros((2, 3)), "yaw_deg": np.zeros(2), "pitch_deg": np.zeros(2)}
    good |= {"flipped": np.zeros(2, dtype=bool), "out": np.zeros((2, 64, 64, 3), dtype=np.uint8)}
    with pytest.raises(ValueError, match=message):
        Renderer(2, (4, 4, 4)).draw(**(good | change))


@pytest.mark.parametrize(
    "blocks, low, high, message",
    [
        (np.zeros((4, 4, 3), dtype=np.uint8), (0, 0, 0), (1, 1, 1), "loaded"),
        (np.zeros((4, 4, 4), dtype=np.uint8), (0, 0, 0), (1, 5, 1), "within"),
        (np.zeros((4, 4, 4), dtype=np.uint8), (0, 2, 0), (1, 2, 1), "within"),
    ],
)
def test_update_names_what_does_not_fit(blocks, low, high, message):
    renderer = Renderer(2, (4, 4, 4))
    renderer.load(1, np.zeros((4, 4, 4), dtype=np.uint8))
    with pytest.raises(ValueError, match=message):
        renderer.update(1, blocks, low, high)


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
