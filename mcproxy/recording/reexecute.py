"""Execute recorded actions again, from the mission on: the same poses, ticks and events, and frames of any size.

The engine is deterministic, so what comes out is equal to the last bit to what was recorded, on any machine and in a
batch of any size. Frames alone may differ in single pixels between processors, whose rounding the renderer leaves free.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mcproxy import registry
from mcproxy.controls import keys_of
from mcproxy.engine.worlds import Worlds
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.mission import Event

_UNSEEN = (8, 8)  # pixels of frames that nobody looks at


@dataclass(eq=False)
class Execution:
    """What the actions of an episode led to; the arrays are as in `Episode`."""

    poses: np.ndarray
    ticks: np.ndarray
    rewards: np.ndarray
    terminations: np.ndarray
    truncations: np.ndarray
    met: dict[str, int]
    events: tuple[Event, ...]


def rerender(
    episode: Episode, size: tuple[int, int] | None = None, fov_deg: float | None = None
) -> Iterator[np.ndarray]:
    """The T + 1 frames of an episode, (H, W, 3) uint8 each, drawn in any size (H, W) and vertical field of view."""
    for worlds in _unfold([episode], size or episode.resolution, fov_deg or episode.fov_deg):
        yield worlds.render()[0]


def reexecute(episodes: Sequence[Episode], look: Callable[[int, np.ndarray], None] | None = None) -> list[Execution]:
    """Execute the actions of several episodes side by side; alike in task, controls, view and `action_repeat`.

    `look(t, frames)` is called for every t with the frames of all episodes, (N, H, W, 3) uint8: those that are over
    stand still.
    """
    longest = max(map(len, episodes))
    poses = np.zeros((longest + 1, len(episodes), 5))
    ticks = np.zeros((longest + 1, len(episodes)), dtype=np.int64)
    paid = np.zeros((longest + 1, len(episodes)))  # share of the goal's reward
    ended = np.zeros((longest + 1, len(episodes)), dtype=bool)  # the goal did, or the player died
    resolution = _UNSEEN if look is None else episodes[0].resolution
    for t, worlds in enumerate(_unfold(episodes, resolution, episodes[0].fov_deg)):
        players = worlds.players
        poses[t, :, :3], poses[t, :, 3], poses[t, :, 4] = players["pos"], players["yaw_deg"], players["pitch_deg"]
        ticks[t], paid[t], ended[t] = worlds.ticks, worlds.paid[:, 0], worlds.ended
        if look is not None:
            look(t, worlds.render())
    return [_execution(e, poses[:, i], ticks[:, i], paid[:, i], ended[:, i], worlds, i) for i, e in enumerate(episodes)]


def _unfold(episodes: Sequence[Episode], resolution: tuple[int, int], fov_deg: float) -> Iterator[Worlds]:
    """The worlds of the episodes before their first step and after each."""
    first = episodes[0]
    shape = registry.named(first.origin.task).size
    kind = _worlds_of(first.backend)
    if kind is not Worlds:
        resolution = first.resolution
    worlds = kind(len(episodes), shape, resolution, fov_deg, first.action_repeat)
    try:
        yield from _steps(episodes, worlds)
    finally:
        worlds.close()


def _worlds_of(backend: str) -> type[Worlds]:
    """Return the class of the worlds that ran an episode; those that cannot be had here are a `UserError`."""
    if not backend:
        return Worlds
    from mcproxy.luanti import assets
    from mcproxy.luanti.worlds import LuantiWorlds
    from mcproxy.luanti.worlds import backend as ours

    if not assets.is_installed() or backend != ours():
        raise UserError(f"recorded in {backend}: only the same version on the same processor can execute it again")
    return LuantiWorlds


def _steps(episodes: Sequence[Episode], worlds: Worlds) -> Iterator[Worlds]:
    """Load the episodes' missions and take their actions; yields the worlds before the first step and after each."""
    first = episodes[0]
    for i, episode in enumerate(episodes):
        worlds.load(i, episode.mission)
        worlds.limits[i] = episode.limit
    yield worlds
    actions = np.zeros((max(map(len, episodes)), len(episodes), len(first.controls)), dtype=np.int64)
    for i, episode in enumerate(episodes):
        actions[: len(episode), i] = episode.actions
    lengths = np.array([len(episode) for episode in episodes])
    for t, row in enumerate(actions):
        worlds.step(keys_of(first.controls, row), t < lengths)
        yield worlds


def _execution(
    episode: Episode, poses: np.ndarray, ticks: np.ndarray, paid: np.ndarray, ended: np.ndarray, worlds: Worlds, i: int
) -> Execution:
    """Cut one episode's columns to its length and judge them as the environment does."""
    steps = len(episode)
    goal = episode.mission.objectives[0]
    terminations = ended[1 : steps + 1]
    names = [o.name for o in episode.mission.objectives]
    return Execution(
        poses=poses[: steps + 1],
        ticks=ticks[: steps + 1],
        rewards=goal.reward * (paid[1 : steps + 1] - paid[:steps]),
        terminations=terminations,
        truncations=(ticks[1 : steps + 1] >= episode.limit) & ~terminations,
        met=dict(zip(names, worlds.met[i].tolist(), strict=False)),
        events=tuple(worlds.events[i]),
    )
