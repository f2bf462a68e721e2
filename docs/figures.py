"""Draw the pictures of the documents with the engine itself: `python docs/figures.py` in a set-up checkout.

blocks.png      every block, as the renderer shows it, with its name
engine.png      the stages of one frame
tasks/NAME.png  one layout of a task in `aligned` and in its separated arms, through the agent's eyes and from above
"""

import math
from pathlib import Path

import cv2
import numpy as np

from mcproxy.blocks import BLOCKS, ID
from mcproxy.engine.rendering.mesh import LANES, QUADS
from mcproxy.engine.rendering.raster import AXIS, CHUNKS, EXTRA_GROUPS, SCRATCH, aim, rasterise
from mcproxy.engine.rendering.renderer import Renderer
from mcproxy.engine.simulation.camera import EYE_HEIGHT
from mcproxy.engine.worlds import Worlds
from mcproxy.env import VoxelVectorEnv
from mcproxy.experts import Expert
from mcproxy.mission import Mission, Mob
from mcproxy.registry import get, names
from mcproxy.task import Task
from mcproxy.viewer.top_down_map import TopDown

HERE = Path(__file__).parent
EYE, YAW_DEG, PITCH_DEG = (1.5, 3.7, 1.2), -42.3, 26.3  # on the middle of a block at (4, 1, 4)
PAPER, INK = (248, 248, 248), (40, 40, 40)
FONT, TEXT = cv2.FONT_HERSHEY_SIMPLEX, 0.38


def blocks() -> np.ndarray:
    """Every block but air on a sheet: (H, W, 3) uint8 RGB."""
    size, label, columns = 92, 28, 16
    renderer = Renderer(1, (9, 6, 9), (size, size), 20.0)
    tiles, empty_tile = list[np.ndarray](), np.full((size + label, size, 3), PAPER, dtype=np.uint8)
    for block in BLOCKS[1:]:
        if block.name == "white_wool":  # the wools have a row of their own
            tiles += [empty_tile] * (-len(tiles) % columns)
        world = np.zeros((9, 6, 9), dtype=np.uint8)
        empty = frame(renderer, world, EYE, YAW_DEG, PITCH_DEG)
        world[4, 1, 4] = ID[block.name]
        shown = frame(renderer, world, EYE, YAW_DEG, PITCH_DEG)
        tile = empty_tile.copy()
        tile[:size] = np.where((shown == empty).all(axis=-1, keepdims=True), PAPER, shown)
        for k, line in enumerate(wrapped(block.name.replace("_", " "), size)):
            (width, _), _ = cv2.getTextSize(line, FONT, TEXT, 1)
            cv2.putText(tile, line, ((size - width) // 2, size + 11 + 12 * k), FONT, TEXT, INK, 1, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [empty_tile] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[k : k + columns], axis=1) for k in range(0, len(tiles), columns)]
    return np.concatenate(rows)


def hut() -> Mission:
    """An evening with a lit hut, a pig and something to dig."""
    blocks = np.zeros((20, 10, 20), dtype=np.uint8)
    blocks[:, 0] = ID["grass"]
    blocks[5:12, 1:5, 12:18], blocks[6:11, 1:4, 13:17] = ID["planks"], 0
    blocks[[5, 11], 1:5, 12] = ID["log"]
    blocks[8, 1:3, 12], blocks[10, 2, 12] = 0, ID["glass"]
    blocks[9, 1, 16], blocks[7, 1, 16], blocks[8, 1, 15] = ID["chest"], ID["crafting_table"], ID["torch"]
    blocks[13, 1, 13], blocks[14:17, 1, 14:17], blocks[15, 2, 15] = ID["torch"], ID["stone"], ID["coal_ore"]
    blocks[2:4, 1:4, 15:17] = ID["leaves"]
    blocks[6, 1, 9], blocks[8, 1, 8], blocks[12, 1, 10] = ID["dirt"], ID["torch"], ID["torch"]
    pig = Mob("pig", (10.6, 1.0, 9.2), yaw_deg=90.0)
    return Mission(blocks, (8.3, 1.0, 5.2), (), 100, "", 0.0, 4.0, time_of_day=13300, mobs=(pig,))


def stages(resolution: tuple[int, int] = (192, 256)) -> np.ndarray:
    """What is known of one frame after each stage: (H, W, 3) uint8 RGB."""
    height, width = resolution
    mission = hut()
    worlds = Worlds(1, mission.blocks.shape, resolution)
    worlds.load(0, mission)
    shaded, renderer = worlds.render()[0].copy(), worlds._renderer
    sprites = worlds._sprites[0, : worlds._sprite_counts[0]]
    quads, starts, beams = renderer._quads[0], renderer._starts[0], renderer._beams[0]
    camera, scale = np.zeros(3, dtype=AXIS), np.float32(2 * math.tan(math.radians(35.0)) / height)
    eye = worlds.players["pos"][0] + [0, EYE_HEIGHT, 0]
    aim(camera, eye, mission.yaw_deg, mission.pitch_deg, width, height, scale)

    def nearest(quads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inverse depth and face of every pixel, (H, W) float32 each."""
        per_row = -(-width // LANES)
        chunks, scratch = np.zeros(height * per_row, dtype=CHUNKS), np.zeros(1, dtype=SCRATCH)
        order = np.zeros((len(quads) + EXTRA_GROUPS) * LANES + 1, dtype=np.int32)
        extra = np.zeros(EXTRA_GROUPS, dtype=QUADS)
        rasterise(quads, starts, beams, sprites, camera, width, height, scale, order, extra, scratch[0], chunks)
        depth, face = (chunks[name].reshape(height, -1)[:, :width] for name in ("depth", "face"))
        return depth, face

    numbered = quads.copy()  # the number of each quad where its face was
    numbered["face"] = np.arange(quads.size * LANES).reshape(-1, LANES)
    depth, number = nearest(numbered)
    palette = np.random.default_rng(1).integers(70, 240, (quads.size * LANES, 3))
    coloured = palette[np.clip(number, 0, len(palette) - 1).astype(int)]
    coloured[number >= len(palette)] = (255, 90, 160)  # sprites
    coloured[number < 0] = 255
    white = quads["face"].copy()
    quads["face"] = white % 8 + 8 * ID["white_concrete"]
    lit = worlds.render()[0].copy()
    quads["face"] = white
    near = np.repeat(255 * np.clip(3 * depth, 0, 1)[..., None] ** 0.6, 3, axis=2)
    pictures = {
        "1, 3  quads, and a sprite": coloured,
        "2  light": lit,
        "4  the nearest at each pixel": near,
        "5  texels, light, fog, sky": shaded,
    }
    panels = []
    for words, picture in pictures.items():
        panel = np.full((height + 26, width + 12, 3), PAPER, dtype=np.uint8)
        panel[:height, 6:-6] = picture
        cv2.putText(panel, words, (8, height + 18), FONT, 0.46, INK, 1, cv2.LINE_AA)
        panels.append(panel)
    return np.concatenate(panels, axis=1)


MOMENTS = {  # of a task: a layout that shows much; frames of its goal's expert in `aligned` and elsewhere, as indices
    "banner": (7, 0, 0),
    "beacon": (2, 0, 0),
    "course": (8, 0, 0),
    "keys": (0, 0, 0),
    "maze": (32, -5, -5),
    "ore": (1, 0, -6),
    "sweep": (7, 0, 0),
}


def arms(task: Task, seed: int, aligned: int, apart: int, size: int = 208) -> np.ndarray:
    """A layout in `aligned` and in every separated arm, side by side: (H, W, 3) uint8 RGB."""
    columns = []
    for arm in (arm for arm in task.arms if arm == "aligned" or arm.startswith("separated")):
        moment = aligned if arm == "aligned" else apart
        env = VoxelVectorEnv(1, task.name, arm, "eval", resolution=(size, size), autoreset_mode="Disabled")
        views, poses = [env.reset(seed=seed)[0]["pov"][0]], [env.worlds.players[0].copy()]
        expert, ended = Expert("goal", env), False
        expert.begin(env, [0], [seed])
        while moment < 0 and not ended:
            obs, _, terminated, truncated, _ = env.step(expert.predict(None)[0])
            views.append(obs["pov"][0])
            poses.append(env.worlds.players[0].copy())
            ended = bool(terminated[0] or truncated[0])
        path, seen = np.array([pose["pos"] for pose in poses]), poses[moment]
        path = path[: len(path) + moment + 1] if moment < 0 else path[: moment + 1]
        column = np.full((2 * size + 34, size + 12, 3), PAPER, dtype=np.uint8)
        column[24 : size + 24, 6:-6] = views[moment]
        mission = env.worlds.missions[0]
        assert mission is not None
        column[size + 30 : -4, 6:-6] = TopDown(mission, size).draw(path, float(seen["yaw_deg"]), 70.0, {})
        cv2.putText(column, arm, (8, 16), FONT, 0.46, INK, 1, cv2.LINE_AA)
        columns.append(column)
        env.close()
    return np.concatenate(columns, axis=1)


def frame(
    renderer: Renderer, world: np.ndarray, eye: tuple[float, ...], yaw_deg: float, pitch_deg: float
) -> np.ndarray:
    """One frame of a world: (H, W, 3) uint8."""
    out = np.zeros((1, *renderer.resolution, 3), dtype=np.uint8)
    renderer.load(0, world)
    renderer.draw(
        np.arange(1), np.array([eye]), np.array([yaw_deg]), np.array([pitch_deg]), np.zeros(1, dtype=bool), out
    )
    return out[0]


def wrapped(text: str, width: int) -> list[str]:
    """A label in lines that fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and cv2.getTextSize(longer, FONT, TEXT, 1)[0][0] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def write(name: str, picture: np.ndarray) -> None:
    """Write a picture (RGB) beside this file."""
    cv2.imwrite(str(HERE / name), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"{name}: {picture.shape[1]} x {picture.shape[0]}, {(HERE / name).stat().st_size // 1000} kB")


if __name__ == "__main__":
    write("blocks.png", blocks())
    write("engine.png", stages())
    (HERE / "tasks").mkdir(exist_ok=True)
    for name in names():
        write(f"tasks/{name}.png", arms(get(name), *MOMENTS.get(name, (0, 0, 0))))
