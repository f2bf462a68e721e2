"""The art of the blocks: complete, distinct, and right in its small versions."""

import itertools

import numpy as np
import pytest

from mcproxy.blocks import BLOCKS, ID, NAME
from mcproxy.engine.textures import SHADE, SIZE, TEXELS, atlas, paint, pyramid

SOLID = NAME[1:]


@pytest.mark.parametrize("name", SOLID)
def test_every_block_has_art_of_several_tones(name):
    for art in paint(name):
        assert art.shape == (SIZE, SIZE, 4)
        assert len(np.unique(art[..., :3].round().reshape(-1, 3), axis=0)) >= 3


def test_no_two_blocks_look_alike():
    for one, other in itertools.combinations(SOLID, 2):
        assert np.abs(paint(one)[1] - paint(other)[1]).mean() > 3


def test_the_small_versions_keep_the_mean_colour():
    art = paint("brick_block")[1]
    levels = pyramid(art)
    assert [len(level) for level in levels] == [16, 8, 4, 2, 1]
    np.testing.assert_allclose(levels[-1][0, 0], art.mean(axis=(0, 1)))


def test_the_atlas_holds_each_face_darkened_by_its_side():
    texels = atlas().reshape(len(BLOCKS) + 1, 8, TEXELS)
    red = texels[ID["sand"], :, 0] & 255  # the first texel of each side of plain sand, which is the same art all around
    art = paint("sand")[0][0, 0, 0]
    assert red[:6].tolist() == [round(art * shade) for shade in SHADE]


def test_only_light_sources_and_gold_glow():
    glowing = {name for name in SOLID if any(art[..., 3].any() for art in paint(name))}
    assert glowing == {b.name for b in BLOCKS if b.light} | {"gold_block"}


def test_the_atlas_cannot_be_written_to():
    with pytest.raises(ValueError):
        atlas()[0] = 1
