"""The world generator of ore: hills, caves, a ravine and veins of ore, as in Minecraft 1.11 at a third of its height.

Heights are those of the game times `SCALE`: bedrock at 0, lava in whatever is carved out up to level 11 / 3, diamond
and redstone up to 16 / 3. Ores lie in veins of the game's shape (WorldGenMinable), sizes and heights (the defaults of
ChunkProviderSettings.Factory; Minecraft Wiki, "Customized"). In a chunk of 16 x 16 columns they are a third as many as
in the game, which is as dense; but redstone is as many as there, and diamond as many as redstone. Caves are worms of
changing direction (MapGenCaves), the ravine is open to the sky (MapGenRavine). Where the game has water, gravel and
other kinds of stone, here is stone.

The ravine's arms meet in the hub. Two of them go down to a hollow with a pool of lava, the third leads to one on the
hub's own level.
"""

import math

import numpy as np
from numba import njit

from mcproxy.blocks import ID
from mcproxy.engine.ground_distance import DIAGONAL, STRAIGHT, UNREACHABLE

SIZE = (32, 22, 32)  # blocks
SCALE = 1 / 3  # of a height to the game's
LAVA_LEVEL = 3  # 11 * SCALE (MapGenCaves.digBlock)
HUB_LEVEL, LOW_LEVEL = 8, 4  # where the feet are in the hub, and in the low hollows
REACH, HOLLOW = 10.0, 3.5  # blocks from the hub to the middle of a hollow, and its radius
POOL = 1.5  # blocks, the radius of a pool of lava
CAVES = 3
VEINS = (  # ore, size of a vein, veins a chunk (in the game), height in the game: least and most
    ("diamond_ore", 8, 8, 0, 16),  # (1)
    ("redstone_ore", 8, 8, 0, 16),  # (8)
    ("lapis_ore", 7, 1, 16, 16),  # (1), middle and spread
    ("gold_ore", 9, 1, 0, 32),  # (2)
    ("iron_ore", 9, 7, 0, 64),  # (20)
    ("coal_ore", 17, 7, 0, 128),  # (20)
)
_CHUNKS = SIZE[0] * SIZE[2] // 256
_AIR, _STONE, _DIRT, _GRASS, _BEDROCK, _LAVA = (
    np.uint8(ID[name]) for name in ("air", "stone", "dirt", "grass", "bedrock", "lava")
)
_LOWEST_TOP = 15
_LAPIS = 2  # of `VEINS`
_ORES = np.array([[ID[name], *numbers] for name, *numbers in VEINS])


@njit(nogil=True, cache=True)
def land(rng: np.random.Generator, places: np.ndarray) -> np.ndarray:
    """Hills with caves and the ravine, without ores: (X, Y, Z) uint8.

    `places` (6, 2) float64 is written: x and z of the hub, both low hollows, the level one, both pools.
    """
    blocks = np.zeros(SIZE, dtype=np.uint8)
    _hills(blocks, rng)
    for _ in range(CAVES):
        _cave(blocks, rng)
    _ravine(blocks, rng, places)
    return blocks


@njit(nogil=True, cache=True)
def sow(blocks: np.ndarray, rng: np.random.Generator, first: int, last: int) -> None:
    """Put the ores `first` to `last` - 1 of `VEINS` into the stone, in all of their veins."""
    for k in range(first, last):
        block, size, count, low, high = _ORES[k]
        for _ in range(count * _CHUNKS):
            y = low + (high - low) * rng.random()
            if k == _LAPIS:
                y = low + high * (rng.random() - rng.random())
            x, z = SIZE[0] * rng.random(), SIZE[2] * rng.random()
            if y * SCALE < SIZE[1]:
                vein(blocks, rng, x, y * SCALE, z, block, size)


@njit(nogil=True, cache=True)
def vein(blocks: np.ndarray, rng: np.random.Generator, x: float, y: float, z: float, block: int, size: int) -> None:
    """Turn the stone of a vein into ore: balls along a line of size / 4 blocks (WorldGenMinable.generate)."""
    angle = math.pi * rng.random()
    along_x, along_z, tilt = math.sin(angle) * size / 8, math.cos(angle) * size / 8, int(3 * rng.random()) - 1
    for i in range(size):
        share = 2 * i / size - 1
        radius = ((math.sin(math.pi * i / size) + 1) * rng.random() * size / 16 + 1) / 2
        _ball(blocks, x + share * along_x, y + share * tilt / 2, z + share * along_z, radius, block)


@njit(nogil=True, cache=True)
def _hills(blocks, rng):
    """Bedrock, stone, dirt and grass up to a gently waved surface."""
    phase_x, phase_z = 2 * math.pi * rng.random(), 2 * math.pi * rng.random()
    along_x = 1.5 + 0.9 * np.sin(0.3 * np.arange(SIZE[0]) + phase_x)
    along_z = 0.6 * np.sin(0.4 * np.arange(SIZE[2]) + phase_z)
    for x in range(SIZE[0]):
        blocks[x, 0], blocks[x, 1:_LOWEST_TOP] = _BEDROCK, _STONE
        for z in range(SIZE[2]):
            top = _LOWEST_TOP + int(along_x[x] + along_z[z])
            for y in range(_LOWEST_TOP - 2, top):
                blocks[x, y, z] = _STONE if y < top - 2 else _DIRT
            blocks[x, top, z] = _GRASS


@njit(nogil=True, cache=True)
def _cave(blocks, rng):
    """A worm of changing direction; what it digs up to the lava's level is lava."""
    x, z = SIZE[0] * rng.random(), SIZE[2] * rng.random()
    y, angle, slope = 3 + 8 * rng.random(), 2 * math.pi * rng.random(), 0.0
    for _ in range(28):
        angle += 0.8 * (rng.random() - 0.5)
        slope = 0.8 * slope + 0.3 * (rng.random() - 0.5)
        x, y, z = x + math.cos(angle), y + slope, z + math.sin(angle)
        _ball(blocks, x, y, z, 1.0 + 0.8 * rng.random(), _AIR)


@njit(nogil=True, cache=True)
def _ball(blocks, x, y, z, radius, block):
    """Fill the cells of stone whose middle lies in a ball; with air, dig, but nothing at the world's edge."""
    edge = 1 if block == _AIR else 0
    low_y, high_y = max(1, int(y - radius)), min(SIZE[1], int(y + radius) + 1)
    low_z, high_z = max(edge, int(z - radius)), min(SIZE[2] - edge, int(z + radius) + 1)
    for i in range(max(edge, int(x - radius)), min(SIZE[0] - edge, int(x + radius) + 1)):
        for j in range(low_y, high_y):
            across = radius * radius - (i + 0.5 - x) ** 2 - (j + 0.5 - y) ** 2
            for k in range(low_z, high_z if across > 0 else low_z):
                if (k + 0.5 - z) ** 2 < across and blocks[i, j, k] == _STONE:
                    blocks[i, j, k] = _LAVA if block == _AIR and j <= LAVA_LEVEL else block


@njit(nogil=True, cache=True)
def _ravine(blocks, rng, places):
    """Cut three winding arms from the hub, open to the sky; the first two lead down to a pool of lava."""
    places[0, 0], places[0, 1] = 15 + 2 * rng.random(), 15 + 2 * rng.random()
    turned = 2 * math.pi * rng.random()
    for arm in range(3, 0, -1):
        x, z = places[0]
        bend = 0.8 * (rng.random() - 0.5)  # radians on the whole way, begun against it
        angle = turned + 2 * math.pi * arm / 3 + 0.4 * (rng.random() - 0.5) - bend / 2
        last = HUB_LEVEL if arm == 3 else LOW_LEVEL
        steps = int(2 * REACH)
        for step in range(steps):
            x, z, angle = x + 0.5 * math.cos(angle), z + 0.5 * math.sin(angle), angle + bend / steps
            level = round(HUB_LEVEL + (last - HUB_LEVEL) * min(1.0, max(0.0, (step - 3) / (steps - 6))))
            _cut(blocks, x, z, 1.8 + 0.7 * rng.random(), level)
        _cut(blocks, x, z, HOLLOW, last)
        places[arm, 0], places[arm, 1] = x, z
        if arm < 3:
            aside, off = 2 * math.pi * rng.random(), 1.2 * rng.random()
            places[3 + arm, 0], places[3 + arm, 1] = x + off * math.cos(aside), z + off * math.sin(aside)
            _cut(blocks, places[3 + arm, 0], places[3 + arm, 1], POOL, LAVA_LEVEL - 1)
    _cut(blocks, places[0, 0], places[0, 1], 2.8, HUB_LEVEL)


@njit(nogil=True, cache=True)
def _cut(blocks, x, z, radius, level):
    """Clear a disc of columns from a level up to the sky, over a solid floor; below the lava's level lava stays."""
    for i in range(max(1, int(x - radius)), min(SIZE[0] - 1, int(x + radius) + 1)):
        for k in range(max(1, int(z - radius)), min(SIZE[2] - 1, int(z + radius) + 1)):
            if (i + 0.5 - x) ** 2 + (k + 0.5 - z) ** 2 < radius * radius:
                for j in range(level, _LOWEST_TOP + 4):
                    blocks[i, j, k] = _LAVA if j <= LAVA_LEVEL else _AIR
                blocks[i, level - 1, k] = _STONE


@njit(nogil=True, cache=True)
def ways(ground: np.ndarray, sources: np.ndarray, climb: int, drop: int) -> np.ndarray:
    """The cost of the shortest way from the nearest source to each column, by steps of so many blocks up and down.

    (X, Z) int32 of `ground` (X, Z) and `sources` (K, 2), as in `mcproxy.engine.ground_distance`, but up is not as down.
    """
    best = np.full(ground.shape, UNREACHABLE, dtype=np.int32)
    queue, waiting = np.empty((64 * ground.size, 2), dtype=np.int64), sources.shape[0]
    queue[:waiting] = sources
    for k in range(waiting):
        best[sources[k, 0], sources[k, 1]] = 0
    at = 0
    while at < waiting < len(queue) - 8:
        x, z = queue[at]
        at += 1
        for i in range(max(0, x - 1), min(SIZE[0], x + 2)):
            for k in range(max(0, z - 1), min(SIZE[2], z + 2)):
                cost = best[x, z] + (STRAIGHT if i == x or k == z else DIAGONAL)
                highest = max(ground[x, z], ground[i, k])
                free = ground[x, k] <= highest and ground[i, z] <= highest
                if cost < best[i, k] and free and -drop <= ground[i, k] - ground[x, z] <= climb:
                    best[i, k] = cost
                    queue[waiting, 0], queue[waiting, 1] = i, k
                    waiting += 1
    return best
