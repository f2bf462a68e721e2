"""Worlds, eyes and sprites to draw, and frames of them, for tests of the renderer."""

import numpy as np

from mcproxy.blocks import BLOCKS, BOX, CUBE, ID, NAME, SOLID
from mcproxy.engine.rendering.renderer import Renderer
from mcproxy.engine.rendering.sprites import CRACK_GROWTH, MAX_SPRITES, SPRITE
from mcproxy.engine.rendering.textures import ART

CUBES = (BOX == CUBE).all(axis=1) & (SOLID | (np.arange(len(BLOCKS)) == ID["lava"]))  # (K,) they fill their cell
LAYERS = (BOX[:, [0, 1, 2, 3, 5]] == [0, 0, 0, 1, 1]).all(axis=1)  # (K,) they fill their cell from below


def frame_of(
    blocks, eye, yaw_deg=0.0, pitch_deg=0.0, resolution=(64, 64), fov_deg=70.0, time_of_day=6000, flipped=0,
    sprites=None,
):  # fmt: skip
    renderer = Renderer(1, blocks.shape, resolution, fov_deg)
    renderer.load(0, blocks, time_of_day)
    out = np.zeros((1, *resolution, 3), dtype=np.uint8)
    pose = np.array([eye], dtype=float), np.array([yaw_deg], dtype=float), np.array([pitch_deg], dtype=float)
    renderer.draw(np.arange(1), *pose, np.array([flipped], dtype=bool), out, *padded(sprites))
    return out[0]


def padded(sprites):
    """What `draw` takes of one world's sprites."""
    if sprites is None:
        return None, None
    room = np.zeros((1, MAX_SPRITES), dtype=SPRITE)
    room[0, : len(sprites)] = sprites
    return room, np.array([len(sprites)])


def sprite(low, high, art, front=-1, crack=0):
    """One sprite, (1,) `SPRITE`."""
    return np.array([(low, high, ART.index(art), front, crack)], dtype=SPRITE)


def crack(blocks, cell, stage):
    """The cracks of a block, (1,) `SPRITE`."""
    box = BOX[blocks[tuple(cell)]] + np.tile(cell, 2) + CRACK_GROWTH * np.repeat([-1, 1], 3)
    return sprite(box[:3], box[3:], NAME[blocks[tuple(cell)]], crack=stage)


def meadow(size=(24, 8, 24)):
    blocks = np.zeros(size, dtype=np.uint8)
    blocks[:, 0] = ID["grass"]
    return blocks


def random_world(rng):
    """Any blocks anywhere; sparse or dense, with or without a floor, some with a lake."""
    size = tuple(rng.integers(4, 20, 3))
    blocks = rng.integers(1, len(BLOCKS), size) * (rng.random(size) < rng.uniform(0.02, 0.4))
    blocks[:, 0] = np.where(rng.random() < 0.5, ID["grass"], blocks[:, 0])
    if rng.random() < 0.3:
        blocks[1:-1, 1 : rng.integers(2, size[1]), 1:-1] = ID["water"]
        holes = rng.random(size) < 0.2
        blocks[holes] = rng.choice([0, ID["stone"], ID["water"], ID["stone_slab"]], holes.sum())
    return blocks.astype(np.uint8)


def random_sprites(rng, blocks):
    """Boxes of any art, some of them mobs, and the cracks of any block."""
    sprites = []
    for _ in range(rng.integers(MAX_SPRITES)):
        low = rng.uniform(0, blocks.shape)
        high = low + rng.uniform(0.1, 1.5, 3)
        sprites.append(sprite(low, high, ART[rng.integers(1, len(ART))], rng.integers(-1, 6)))
    solid = np.argwhere(blocks > 0)
    if len(solid):
        sprites.append(crack(blocks, rng.choice(solid), rng.integers(1, 11)))
    return np.concatenate(sprites) if sprites else np.zeros(0, dtype=SPRITE)


PLACES = ("free", "anywhere", "near a face", "on a face", "on the grid", "above", "outside")


def random_eye_at(rng, blocks, place):
    """An eye at one of `PLACES`, in most of which it may be inside of what is solid."""
    if place == "free":
        return random_eye(rng, blocks)
    if place == "anywhere":
        return rng.uniform(0, blocks.shape)
    if place == "on the grid":
        return rng.integers(0, np.add(blocks.shape, 1)).astype(float)
    if place == "above":
        return rng.uniform([0, blocks.shape[1], 0], np.add(blocks.shape, [0, 5, 0]))
    if place == "outside":
        return rng.uniform(-3, np.add(blocks.shape, 3))
    cells = np.argwhere(blocks) if blocks.any() else np.argwhere(blocks == 0)
    cell = rng.choice(cells)
    low, high = cell + BOX[blocks[tuple(cell)], :3], cell + BOX[blocks[tuple(cell)], 3:]
    on = rng.permutation(3) <= rng.integers(3)  # a face, an edge or a corner
    eye = np.where(on, np.where(rng.random(3) < 0.5, low, high), rng.uniform(low, high))
    return eye if place == "on a face" else eye + rng.uniform(-1, 1, 3) * 10 ** rng.uniform(-8, -3)


def random_eye(rng, blocks):
    """A place outside of what is solid, but in water and torches too, often a thousandth from faces and corners."""
    while True:
        eye = rng.uniform([0, 0.001, 0], blocks.shape)
        if rng.random() < 0.4:
            near = rng.random(3) < 0.6
            eye[near] = np.floor(eye[near]) + rng.choice([0.001, 0.999], near.sum())
        kind, within = blocks[tuple(eye.astype(int))], eye % 1
        boxed = (within > BOX[kind, :3]).all() and (within < BOX[kind, 3:]).all()
        if not CUBES[kind] and not (SOLID[kind] and boxed):
            return eye
