"""An episode made ready to look at: re-executed tick by tick, shown at any tick and at any size."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from mcproxy.controls import keys_of
from mcproxy.engine.state import NEVER
from mcproxy.engine.worlds import Worlds
from mcproxy.episode import Episode
from mcproxy.viewer.panel import ARM_CAPTIONS, Layout, Moment, panel, storyboard, told_of

HOLD_TICKS = (10, 40)  # a clip shows its first and its last picture this much longer
LINGER_TICKS, HURRY = 60, 4  # after the verdict a clip goes on at its pace, then this many times as fast
BEFORE_TICKS = 8  # what is touched fills the whole view: it is shown from 1.7 blocks away
POSE_TOLERANCE = 1e-6  # blocks and degrees by which a re-executed pose may differ from the recorded one


class Playback:
    """One episode, re-executed from its mission and actions, to be seen at any tick and at any size.

    `size` is the longer side of the view in pixels. `faithful` is whether the episode unfolded as recorded.
    """

    def __init__(self, episode: Episode, size: int = 448) -> None:
        self.episode, self.mission = episode, episode.mission
        height, width = episode.resolution
        scale = size / max(height, width)
        resolution = (max(1, round(height * scale)), max(1, round(width * scale)))
        shape = episode.mission.blocks.shape
        self._worlds = Worlds(1, shape, resolution, episode.fov_deg, action_repeat=1)
        self._worlds.load(0, episode.mission)
        self._worlds.limits[0] = episode.limit
        self._snapshots = [self._worlds.snapshot(0)]  # of every tick; blocks that did not change are kept once
        keys_by_step = keys_of(episode.controls, episode.actions)  # (T, len(CONTROLS)) int8
        for keys in np.repeat(keys_by_step, episode.action_repeat, axis=0):
            if self._worlds.ended[0] or self._worlds.ticks[0] >= episode.limit:
                break
            self._worlds.step(keys[None])
            state, blocks = self._worlds.snapshot(0)
            before = self._snapshots[-1][1]
            self._snapshots.append((state, before if np.array_equal(blocks, before) else blocks))
        self._states = np.array([state["player"] for state, _ in self._snapshots])  # (last_tick + 1,) PLAYER
        self.last_tick = len(self._states) - 1
        self.path = np.ascontiguousarray(self._states["pos"])  # (last_tick + 1, 3) float64
        self.met = self._worlds.met_of(0)
        decider = self.met.get(episode.verdict.removeprefix("proxy:"), NEVER)
        self.decided = self.last_tick if decider == NEVER else decider
        self.faithful = self._as_recorded()

    def view(self, tick: int) -> np.ndarray:
        """What the agent sees at a tick: (h, w, 3) uint8."""
        self._worlds.restore(0, *self._snapshots[tick])
        return self._worlds.render()[0]

    def moment(self, tick: int, last_tick: int | None = None, view: np.ndarray | None = None) -> Moment:
        """The episode at a tick, on a bar of time that ends at `last_tick`; after its end it stays as it ended."""
        tick, episode, origin = min(tick, self.last_tick), self.episode, self.episode.origin
        step = min(tick // episode.action_repeat, len(episode) - 1)
        return Moment(
            mission=self.mission,
            view=self.view(tick) if view is None else view,
            path=self.path[: tick + 1],
            yaw_deg=float(self._states["yaw_deg"][tick]),
            fov_deg=episode.fov_deg,
            tick=tick,
            last_tick=self.last_tick if last_tick is None else last_tick,
            limit=episode.limit,
            keys=dict(zip(episode.controls, episode.actions[step].tolist(), strict=True)),
            met=self.met,
            verdict=episode.verdict,
            decided=self.decided,
            over=tick == self.last_tick,
            title=f"{origin.task} · {origin.arm}",
            caption=f"seed {origin.seed} · {episode.policy} · {ARM_CAPTIONS.get(origin.arm, '')}".rstrip(" ·"),
            **told_of(self._worlds, self._snapshots[tick][0], episode.controls),
            warning="" if self.faithful else "does not unfold as recorded: see mcproxy verify",
        )

    def summary(self, last_tick: int) -> Moment:
        """The whole episode in one moment: its end, with four views on the way to just before what decided it."""
        ticks = np.linspace(0, max(0, self.decided - BEFORE_TICKS), 4).round().astype(int).tolist()
        views = [(tick, self.view(tick)) for tick in ticks]
        return self.moment(self.last_tick, last_tick, view=storyboard(views, max(views[0][1].shape)))

    def _as_recorded(self) -> bool:
        ticks = np.minimum(np.arange(len(self.episode) + 1) * self.episode.action_repeat, self.last_tick)
        states = self._states[ticks]
        poses = np.column_stack([states["pos"], states["yaw_deg"], states["pitch_deg"]])
        same = np.array_equal(ticks, self.episode.ticks) and self.met == self.episode.met
        return same and np.allclose(poses, self.episode.poses, rtol=0, atol=POSE_TOLERANCE)


def layout_of(playbacks: Sequence[Playback], size: int) -> Layout:
    """The layout that one or two playbacks need."""
    return Layout(size, max(len(playback.mission.objectives) for playback in playbacks), len(playbacks))


def clip(playbacks: Sequence[Playback], size: int) -> list[Callable[[], np.ndarray]]:
    """How to draw each picture of a clip: the panel at every tick, the first and the last one held for a while.

    From `LINGER_TICKS` after the last verdict on, only every `HURRY`th tick is shown, and the pictures say so.
    """
    layout, last_tick = layout_of(playbacks, size), max(playback.last_tick for playback in playbacks)
    calm = min(last_tick, max(playback.decided for playback in playbacks) + LINGER_TICKS)
    before, after = HOLD_TICKS
    ticks = [0] * before + [*range(calm + 1), *range(calm + HURRY, last_tick, HURRY)] + [last_tick] * after

    def draw(tick: int) -> np.ndarray:
        moments = [playback.moment(tick, last_tick) for playback in playbacks]
        if tick > calm:
            moments = [dataclasses.replace(moment, note=f"{HURRY} times as fast") for moment in moments]
        return panel(moments, layout)

    return [functools.partial(draw, tick) for tick in ticks]
