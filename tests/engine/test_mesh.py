"""The mesh: which faces of a world become quads, and that nothing is seen between them."""

import numpy as np
import pytest

from mcproxy.blocks import BOX, ID, NAME, SOLID
from mcproxy.engine.rendering.mesh import LANES, MAX_BEAMS, QUADS, Mesher
from mcproxy.engine.rendering.raster import AXIS, CHUNKS, EXTRA_GROUPS, SCRATCH, aim, rasterise
from tests.helpers.drawn import CUBES, LAYERS, meadow, random_eye, random_sprites, random_world


def quads_of(blocks):
    """The quads of a world one by one, (Q,), with the fields of `QUADS`."""
    quads, starts = np.zeros(1000, dtype=QUADS), np.zeros(7, dtype=np.int64)
    Mesher(blocks.shape).mesh(blocks, quads, starts, np.zeros((MAX_BEAMS, 3), dtype=np.float32))
    flat = np.zeros(starts[6] * LANES, dtype=[(name, "f4") for name in QUADS.names])
    for name in QUADS.names:
        flat[name] = quads[name][: starts[6]].reshape(-1)
    return flat[np.isfinite(flat["plane"])]


def test_quads_cover_every_exposed_face_of_layers_once_and_never_the_outside():
    rng = np.random.default_rng(7)
    kinds = np.flatnonzero(LAYERS & SOLID)
    for _ in range(10):
        blocks = random_world(rng)
        blocks[~np.isin(blocks, kinds)] = 0
        full = np.pad(BOX[blocks, 4] * (blocks > 0), 1, constant_values=1.0)  # the border hides, but for the sky
        full[:, -1] = 0
        here, area = full[1:-1, 1:-1, 1:-1], np.zeros(6)
        for side, there in enumerate(full[s] for s in _NEIGHBOURS):
            if side == 2:
                area[side] = ((here > 0) & (there < 1)).sum()
            elif side == 3:
                area[side] = ((here > 0) & ((here < 1) | (there == 0))).sum()
            else:
                area[side] = here[there < here].sum()
        quads = quads_of(blocks)
        for side in range(6):
            q = quads[quads["face"] % 8 == side]
            sizes = (q["first_high"] - q["first_low"]) * (q["second_high"] - q["second_low"])
            assert sizes.sum() == area[side]


@pytest.mark.parametrize("name", [NAME[k] for k in np.flatnonzero(~CUBES)[1:]])
def test_a_block_that_is_no_full_cube_is_drawn_as_its_box(name):
    blocks = np.zeros((3, 3, 3), dtype=np.uint8)
    blocks[1, 1, 1] = ID[name]
    quads, box = quads_of(blocks), 1 + BOX[ID[name]]
    assert (np.sort(quads["face"]) == ID[name] * 8 + np.arange(6)).all()
    for quad in quads:
        side = int(quad["face"]) % 8
        first, second = [axis for axis in range(3) if axis != side >> 1]
        assert quad["plane"] == np.float32(box[(side >> 1) + 3 * (side & 1)])
        assert (quad["first_low"], quad["first_high"]) == (np.float32(box[first]), np.float32(box[first + 3]))
        assert (quad["second_low"], quad["second_high"]) == (np.float32(box[second]), np.float32(box[second + 3]))


def test_a_lake_has_one_surface_and_no_walls_within():
    blocks = np.full((8, 5, 8), ID["stone"], dtype=np.uint8)
    blocks[1:-1, 3:, 1:-1] = 0
    blocks[1:-1, 1:3, 1:-1] = ID["water"]
    quads = quads_of(blocks)
    water = quads[quads["face"] // 8 == ID["water"]]
    assert len(water) == 1 and water["face"][0] % 8 == 3 and water["plane"][0] == 2 + 14 / 16
    assert (quads["face"] // 8 == ID["stone"]).sum() >= 5  # the bed of the lake is there for eyes under water


def test_faces_that_look_the_same_way_never_lie_on_each_other():
    rng = np.random.default_rng(12)
    for _ in range(20):
        quads = quads_of(random_world(rng))
        for side in range(6):
            q = quads[quads["face"] % 8 == side]
            q = q[np.argsort(q["plane"])]
            for plane in np.unique(q["plane"]):
                p = q[q["plane"] == plane]
                low, high = np.maximum, np.minimum
                first = high.outer(p["first_high"], p["first_high"]) - low.outer(p["first_low"], p["first_low"])
                second = high.outer(p["second_high"], p["second_high"]) - low.outer(p["second_low"], p["second_low"])
                assert ((first > 0) & (second > 0)).sum() == len(p)  # each overlaps with itself alone


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


def random_room(rng):
    """A closed room with slabs, doors, chests, water and whatever else is no full cube in it, and pillars."""
    blocks = np.full(rng.integers(5, 12, 3), ID["glowstone"], dtype=np.uint8)
    blocks[1:-1, 1:-1, 1:-1] = 0
    things = [*np.flatnonzero(~CUBES)[1:], *[ID["stone"]] * 8, *[ID["water"]] * 6, *[0] * 8]
    for x, z in np.argwhere(blocks[:, 1] == 0):
        if rng.random() < 0.5:
            height = rng.integers(1, blocks.shape[1] - 1)
            blocks[x, 1 : 1 + height, z] = rng.choice(things, height)
    return blocks


def test_no_hole_is_ever_seen_in_a_closed_room():
    rng, height, width, scale = np.random.default_rng(4), 14, 16, 0.1
    camera, order, extra = np.zeros(3, dtype=AXIS), np.zeros(2000, dtype=np.int32), np.zeros(EXTRA_GROUPS, dtype=QUADS)
    quads, starts = np.zeros(100, dtype=QUADS), np.zeros(7, dtype=np.int64)
    beams, scratch = np.zeros((MAX_BEAMS, 3), dtype=np.float32), np.zeros(1, dtype=SCRATCH)
    chunks = np.zeros(height, dtype=CHUNKS)  # a row has 16 pixels
    for _ in range(200):
        room = random_room(rng)
        assert Mesher(room.shape).mesh(room, quads, starts, beams) <= len(quads)
        for _ in range(50):
            aim(camera, random_eye(rng, room), rng.uniform(-180, 180), rng.uniform(-90, 90), width, height, scale)
            rasterise(
                quads, starts, beams, random_sprites(rng, room), camera, width, height, np.float32(scale),
                order, extra, scratch[0], chunks,
            )  # fmt: skip
            assert (chunks["face"] >= 0).all()
