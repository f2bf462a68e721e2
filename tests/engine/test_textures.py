"""The art of blocks, items and mobs: complete, distinct, and right in its small versions."""

import itertools
import zlib

import numpy as np
import pytest

from mcproxy import items, mobs
from mcproxy.blocks import BLOCKS, COLOURS, ID, NAME
from mcproxy.engine.rendering.textures import ART, BEAM, GLOW, SHADE, SIZE, TEXELS, atlas, cracks, front, paint, pyramid

DOORS = {name for name in NAME if name.startswith("door_")}
FRONTED = {"pumpkin", "furnace", "chest", *mobs.NAME}


def faces():
    return atlas().reshape(len(ART), 8, TEXELS)


@pytest.mark.parametrize("name", ART[1:])
def test_every_name_has_art_of_several_tones(name):
    for art in (*paint(name), front(name)):
        assert art.shape == (SIZE, SIZE, 4)
        assert len(np.unique(art[..., :3].round().reshape(-1, 3), axis=0)) >= 3


def test_a_block_item_or_mob_without_a_recipe_is_an_error():
    with pytest.raises(KeyError):
        paint("air")


def test_no_two_names_look_alike_except_the_same_door_in_other_places():
    art = {name: np.stack([*paint(name), front(name)]) for name in ART[1:]}
    for one, other in itertools.combinations(art, 2):
        if {one, other} <= DOORS:
            assert (art[one] == art[other]).all()
        else:
            assert np.abs(art[one] - art[other]).mean(axis=(1, 2, 3)).max() > 3


def test_the_texels_of_the_first_blocks_and_of_the_beam_never_change():
    """Agents were trained on them; the sums are those of the first atlas, which held these alone."""
    assert NAME[24] == "glowstone"
    assert zlib.crc32(faces()[:25, :6].tobytes()) == 3702268010
    assert zlib.crc32(faces()[BEAM, :6].tobytes()) == 3893012398


@pytest.mark.parametrize("kind", ["wool", "concrete"])
def test_the_sixteen_colours_are_told_apart_by_a_single_texel(kind):
    """The means of two colours lie further apart than both stray from theirs together, in root mean square."""
    arts = [paint(f"{colour}_{kind}")[1][..., :3].reshape(-1, 3) for colour in COLOURS]
    means = [art.mean(axis=0) for art in arts]
    strays = [np.sqrt(art.var(axis=0).sum()) for art in arts]
    for a, b in itertools.combinations(range(16), 2):
        assert np.linalg.norm(means[a] - means[b]) > strays[a] + strays[b], (COLOURS[a], COLOURS[b])


@pytest.mark.parametrize(
    ("ore", "red_green_blue"),
    [
        ("coal_ore", (-1, -1, -1)),
        ("iron_ore", (1, 1, 0)),
        ("gold_ore", (1, 1, -1)),
        ("diamond_ore", (-1, 1, 1)),
        ("redstone_ore", (1, -1, -1)),
        ("lapis_ore", (-1, -1, 1)),
        ("emerald_ore", (-1, 1, -1)),
    ],
)
def test_ores_are_stone_with_spots_of_their_colour(ore, red_green_blue):
    stone, art = paint("stone")[1][..., :3], paint(ore)[1][..., :3]
    kept = (art <= stone).all(axis=-1) & np.isclose(art / stone, (art / stone)[..., :1]).all(
        axis=-1
    )  # stone, or its bed
    assert 0.2 < 1 - kept.mean() < 0.5
    spots = (art[~kept] - stone[~kept]).mean(axis=0)
    for channel, sign in enumerate(red_green_blue):
        assert sign * spots[channel] > 0 or sign == 0


def test_the_small_versions_keep_the_mean_colour():
    art = paint("brick_block")[1]
    levels = pyramid(art)
    assert [len(level) for level in levels] == [16, 8, 4, 2, 1]
    np.testing.assert_allclose(levels[-1][0, 0], art.mean(axis=(0, 1)))


def test_the_atlas_holds_each_face_darkened_by_its_side():
    red = faces()[ID["sand"], :, 0] & 255  # the first texels of plain sand, which is the same art all around
    art = paint("sand")[0][0, 0, 0]
    assert red.tolist() == [round(art * shade) for shade in (*SHADE, SHADE[1])] + [0]


def test_a_block_shows_its_front_to_the_north_and_a_mob_where_its_sprite_says():
    for name in ART[1:]:
        west, east, _, _, north, south, face, empty = faces()[ART.index(name)]
        assert (west == east).all() and not empty.any()
        assert (face != east).any() == (name in FRONTED)
        assert (north != south).any() == (name in FRONTED & set(NAME))
        if name in FRONTED & set(NAME):
            assert (face == north).all()


def test_only_light_sources_gold_redstone_and_glowing_dust_glow():
    glowing = {name for name in ART[1:] if any(art[..., 3].any() for art in paint(name))}
    lights = {block.name for block in BLOCKS if block.light}
    assert {"lava", "glowstone", "torch", "beacon"} == lights
    assert glowing == lights | {"beam", "gold_block", "redstone_ore", "redstone_block", "redstone", "glowstone_dust"}


def test_lava_shines_everywhere_and_a_torch_at_the_top_of_its_stick():
    assert (paint("lava")[1][..., 3] == GLOW).all()
    stick = paint("torch")[1][6:, 7:9, 3]  # the texels of its box: 10 sixteenths high, 2 wide
    assert (stick[:2] == GLOW).all() and not stick[4:].any()


def test_an_item_shows_its_icon_on_every_side():
    for name in items.NAME[len(BLOCKS) :]:
        top, side, bottom = paint(name)
        assert (top == side).all() and (bottom == side).all()


def test_cracks_grow_from_none_and_never_heal():
    stages = cracks()
    assert stages.shape == (11, SIZE, SIZE) and stages.dtype == np.float32
    assert (stages[0] == 1).all() and (stages > 0).all()
    assert (np.diff(stages, axis=0) <= 0).all()
    shares = (stages < 1).mean(axis=(1, 2))
    assert (np.diff(shares) > 0).all() and 0.25 < shares[-1] < 0.6  # the block is still told by what is between them


def test_the_atlas_cannot_be_written_to():
    with pytest.raises(ValueError):
        atlas()[0] = 1
