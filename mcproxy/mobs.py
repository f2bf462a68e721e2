"""The one table of mobs: boxes that walk. A mission says where they stand and what they do (`mcproxy.mission.Mob`)."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MobKind:
    """One kind of mob; sizes and strengths are those of Minecraft 1.11.2's entity of that name.

    half_width, height  of the collision box, in blocks
    health, damage      half hearts: its health, and the damage of its touch
    """

    name: str
    half_width: float
    height: float
    health: int
    damage: int = 0


MOBS: tuple[MobKind, ...] = (
    MobKind("villager", 0.3, 1.95, 20),
    MobKind("zombie", 0.3, 1.95, 20, damage=3),
    MobKind("pig", 0.45, 0.9, 10),
)
ID: dict[str, int] = {mob.name: i for i, mob in enumerate(MOBS)}
NAME: tuple[str, ...] = tuple(mob.name for mob in MOBS)

HALF_WIDTH = np.array([mob.half_width for mob in MOBS])  # (M,) float64, blocks
HEIGHT = np.array([mob.height for mob in MOBS])  # (M,) float64, blocks
HEALTH = np.array([mob.health for mob in MOBS], dtype=np.int64)  # (M,) half hearts
DAMAGE = np.array([mob.damage for mob in MOBS], dtype=np.int64)  # (M,) half hearts
