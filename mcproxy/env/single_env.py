"""One world of a task and arm as a plain environment of gymnasium."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode

from mcproxy import controls
from mcproxy.engine.single_world import SingleWorld
from mcproxy.engine.state import HAPPENED, NEVER
from mcproxy.env.vector_env import VoxelVectorEnv
from mcproxy.mission import TICKS_PER_S, Event


class VoxelEnv(gymnasium.Env):
    """One world of a task and arm as a plain gymnasium `Env`; the arguments are those of `VoxelVectorEnv`.

    The observation is `{"pov": (H, W, 3) uint8}`, with `inventory` and `held` where the task shows them; the action is
    one choice of each of the task's controls.

    Episodes begin in `vector`, a `VoxelVectorEnv` of one world. A step does the same as a step of `vector`, with plain
    numbers in place of arrays of one element.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": TICKS_PER_S // controls.ACTION_REPEAT}

    def __init__(self, task: str = "beacon", render_mode: str | None = None, **kwargs: Any) -> None:
        self.vector = VoxelVectorEnv(
            1, task, autoreset_mode=AutoresetMode.DISABLED, render_mode=render_mode, worlds=SingleWorld, **kwargs
        )
        self.render_mode = render_mode
        self.metadata = {name: self.vector.metadata[name] for name in VoxelEnv.metadata}
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space
        self._choices = controls.sizes(self.vector.task.controls).tolist()
        self._columns = controls.columns(self.vector.task.controls).tolist()
        self._keys = np.zeros((1, len(controls.CONTROLS)), dtype=np.int8)
        self._objectives = [(o.name, o.reward) for o in self.vector.task.objectives]
        self._in_parts = False  # whether an objective of this world pays its reward in parts

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin an episode: of layout `seed`, or of the next seed of the environment's stream."""
        begun = self.vector.reset(seed=[seed])
        super().reset(seed=seed)
        return self._began(begun)

    def step(self, action: np.ndarray | Sequence[int]) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Advance by one step of `action_repeat` ticks."""
        vector, world = self.vector, self.vector.worlds
        if not vector.running[0]:
            raise RuntimeError("call reset() before step()")
        if vector.done[0]:
            raise RuntimeError("the episode has ended: call reset() before the next step()")
        self._press(action)
        already, paid_before = len(world.events[0]), self._paid()[0]
        world.step(self._keys)
        paid = self._paid()
        terminated = bool(world.ended[0])
        truncated = not terminated and bool(world.ticks[0] >= world.limits[0])
        vector.done[0] = terminated or truncated
        reward = self._objectives[0][1] * (paid[0] - paid_before)
        return (
            vector.first_observation(),
            reward,
            terminated,
            truncated,
            self._info(paid, tuple(world.events[0][already:])),
        )

    def save(self) -> bytes:
        """The world in the middle of an episode, as bytes from which `restore` continues it bit by bit.

        They hold everything on which its future depends, also the seeds of its later episodes. They can be restored
        by the same version of mcproxy into any environment with the same settings.
        """
        return self.vector.save(0)

    def restore(self, data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Continue a saved world; the result is that of `reset`, and bytes that cannot be used are a `UserError`."""
        return self._began(self.vector.restore(0, data))

    def move_marker(self, name: str, position: tuple[int, int, int]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Move the blocks or the place of a proxy objective to a block position (x, y, z), now.

        Several blocks move together. A position outside the world, in another block, in the player or in a mob is a
        `UserError`. The result is that of `reset`. Such an episode cannot be recorded.
        """
        return self._began(self.vector.move_marker(0, name, position))

    def move_goal(self, position: tuple[int, int, int]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Move the blocks or the place of the goal, as `move_marker` does."""
        return self._began(self.vector.move_goal(0, position))

    def render(self) -> np.ndarray | None:
        """The current frame, (H, W, 3) uint8, in render mode `rgb_array`."""
        return self.vector.worlds.render()[0] if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Stop the engine's threads; safe to call twice."""
        self.vector.close()

    def get_keys_to_action(self) -> dict[tuple[str, ...], np.ndarray]:
        """Key chords for `gymnasium.utils.play`: w and s walk, a and d turn, the space bar jumps."""
        bindings = {"w": ("move", 1), "s": ("back", 1), "a": ("turn", 1), "d": ("turn", 2), " ": ("jump", 1)}
        names = self.vector.task.controls
        chords: dict[tuple[str, ...], np.ndarray] = {(): np.zeros(len(names), dtype=np.int64)}
        for key, (control, choice) in bindings.items():
            if control in names:
                for chord, action in list(chords.items()):
                    if not action[names.index(control)]:
                        pressed = action.copy()
                        pressed[names.index(control)] = choice
                        chords[tuple(sorted((*chord, key)))] = pressed
        return chords

    def _began(
        self, begun: tuple[dict[str, np.ndarray], dict[str, Any]]
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """The observation and the infos of the only world, in which an episode began or was changed."""
        obs, infos = begun
        self._in_parts = bool((self.vector.worlds.state["objectives"]["condition"] == HAPPENED).any())
        return {name: array[0] for name, array in obs.items()}, _first(infos)

    def _press(self, action: np.ndarray | Sequence[int]) -> None:
        """Set the engine's keys to an action; one that is none is a ValueError."""
        array = np.asarray(action)
        choices = array.tolist() if array.ndim == 1 and array.dtype.kind in "iu" else []
        if len(choices) != len(self._choices) or not all(map(_within, choices, self._choices)):
            controls.check_actions(self.vector.task.controls, array[None], 1)
        keys = self._keys[0]
        for column, choice in zip(self._columns, choices, strict=True):
            keys[column] = choice

    def _paid(self) -> list[float]:
        """The share of its reward that each objective has paid, 0 to 1."""
        worlds = self.vector.worlds
        if self._in_parts:
            return worlds.paid[0].tolist()
        return [float(tick != NEVER) for tick in worlds.met[0].tolist()]

    def _info(self, paid: list[float], events: tuple[Event, ...]) -> dict[str, Any]:
        """The same infos as `vector` returns, of its only world and as plain Python values."""
        vector, worlds = self.vector, self.vector.worlds
        return {
            "tick": worlds.ticks.item(),
            "seed": vector.seeds.item(),
            "health": worlds.health.item(),
            "returns": {name: reward * share for (name, reward), share in zip(self._objectives, paid, strict=False)},
            "met": {name: tick for (name, _), tick in zip(self._objectives, worlds.met[0].tolist(), strict=False)},
            "events": events,
        }


def _within(choice: int, number: int) -> bool:
    return 0 <= choice < number


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    """World 0's infos as plain Python values."""
    plain: dict[str, Any] = {}
    for name, value in infos.items():
        if not name.startswith("_"):
            plain[name] = _first(value) if isinstance(value, dict) else value[0]
            if isinstance(plain[name], np.generic):
                plain[name] = plain[name].item()
    return plain
