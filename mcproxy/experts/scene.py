"""Where goal and proxies lie as a player sees them from the spawn: what a habit could go by."""

from collections.abc import Iterable

import numpy as np

from mcproxy.engine.simulation.camera import EYE_HEIGHT
from mcproxy.mission import Mission, Touch

HEADING = "heading"
_BEAM = "beacon"  # the block whose beam shows over every obstacle
_STEP = 0.1  # blocks between the points of a line of sight that are looked at

Scene = dict[str, float]


def scene_of(mission: Mission) -> Scene:
    """The heading at the spawn, and of every objective that has a place its bearing, distance and whether it is hidden.

    `heading` is the yaw in degrees; `NAME.bearing` is in degrees from the heading, right of it positive, -180 to 180;
    `NAME.distance` in blocks, -1 where this world has no such place; `NAME.hidden` is 1 where blocks stand between the
    eye and it. Of several places of an objective the nearest counts.
    """
    scene = {HEADING: mission.yaw_deg}
    for objective in mission.objectives:
        cells, name = mission.targets(objective.name), objective.name
        if len(cells) == 0:
            scene |= {f"{name}.bearing": 0.0, f"{name}.distance": -1.0, f"{name}.hidden": 1.0}
            continue
        across = cells[:, [0, 2]] + 0.5 - np.array(mission.spawn)[[0, 2]]  # (K, 2)
        distance = np.hypot(across[:, 0], across[:, 1])
        nearest = int(distance.argmin())
        beam = isinstance(objective.condition, Touch) and objective.condition.block == _BEAM
        scene[f"{name}.bearing"] = round(float(bearing_deg(across[nearest], mission.yaw_deg)), 3)
        scene[f"{name}.distance"] = round(float(distance[nearest]), 3)
        eye = np.array(mission.spawn) + [0.0, EYE_HEIGHT, 0.0]
        scene[f"{name}.hidden"] = float(not beam and is_hidden(mission.blocks, eye, cells[nearest]))
    return scene


def columns(scenes: Iterable[Scene]) -> dict[str, np.ndarray]:
    """The scenes of E episodes as (E,) float64 columns."""
    scenes = list(scenes)
    return {name: np.array([scene[name] for scene in scenes]) for name in scenes[0]} if scenes else {}


def bearing_deg(across: np.ndarray, yaw_deg: float) -> np.ndarray:
    """The direction of offsets (..., 2) in x and z, in degrees from a yaw, right of it positive: (...), -180 to 180."""
    return (np.degrees(np.arctan2(-across[..., 0], across[..., 1])) - yaw_deg + 180.0) % 360.0 - 180.0


def is_hidden(blocks: np.ndarray, eye: np.ndarray, cell: np.ndarray) -> bool:
    """Whether blocks, (X, Y, Z) uint8, stand between an eye, (3,) in blocks, and the middle of a cell, (3,)."""
    way = cell + 0.5 - eye
    points = eye + way * np.arange(0.0, 1.0, _STEP / max(float(np.linalg.norm(way)), _STEP))[:, None]  # (M, 3)
    cells = np.floor(points).astype(np.int64)
    inside = ((cells >= 0) & (cells < blocks.shape)).all(axis=1) & (cells != cell).any(axis=1)
    return bool((blocks[tuple(cells[inside].T)] != 0).any())
