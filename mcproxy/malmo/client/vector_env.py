"""MineRL in place of the engine: `VoxelVectorEnv` whose worlds are MineRL environments, for the evaluation harness.

Everything above the worlds stays as it is: tasks, actions, repeats, observations, recordings, verdicts. Below, an
action becomes MineRL's dictionary, and the state is what MineRL observes, as far as it goes (`judge`).
"""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mcproxy import registry
from mcproxy.controls import CONTROLS
from mcproxy.engine.worlds import Worlds
from mcproxy.env import VoxelVectorEnv
from mcproxy.errors import UserError
from mcproxy.malmo.client import connection
from mcproxy.mission import Cell, Mission
from mcproxy.task import Task

if TYPE_CHECKING:
    from mcproxy.malmo.client.minerl_env import TaskSpec

_LOST = (OSError, TypeError, AttributeError, RuntimeError, AssertionError)  # by which MineRL tells of a lost connection


class MinerlVectorEnv(VoxelVectorEnv):
    """N worlds of a task behind MineRL environments, all on the Malmo server at `connect`, HOST:PORT.

    Without `connect` a server is started, and ended with `close`. Frames are those of the server, so its field of view
    holds, and `fov_deg` says what that is. The other arguments are those of `VoxelVectorEnv`.
    """

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "beacon",
        connect: str | None = None,
        arm: str = "aligned",
        split: str = "train",
        rho: float = 1.0,
        **kwargs: Any,
    ) -> None:
        spec = functools.partial(_task_spec, registry.get(task), arm, split, rho)
        worlds = functools.partial(MinerlWorlds, connect, spec)
        super().__init__(num_envs, task, arm, split, rho, worlds=worlds, **kwargs)


class MinerlWorlds(Worlds):
    """`Worlds` behind MineRL environments on the server at `address`; `spec` makes a task's `EnvSpec` for a resolution.

    Of `state`, only the fields that can be observed are set (`Judge.state`).
    """

    def __init__(
        self,
        address: str | None,
        spec: "Callable[[tuple[int, int]], TaskSpec]",
        num_worlds: int,
        shape: tuple[int, int, int],
        resolution: tuple[int, int],
        fov_deg: float,
        action_repeat: int,
        threads: int,
    ) -> None:
        connection.check_installed()
        from mcproxy.malmo.client.minerl_env import TaskEnv

        super().__init__(num_worlds, shape, resolution, fov_deg, action_repeat)
        self._server = connection.ServerProcess("--fov", f"{fov_deg:g}") if address is None else None
        self._address = self._server.address if self._server is not None else str(address)
        self._frames = np.zeros((num_worlds, *resolution, 3), dtype=np.uint8)
        self._envs: list[TaskEnv] = []
        try:
            for _ in range(num_worlds):
                self._envs.append(TaskEnv(spec(resolution), instances=[connection.instance(self._address)]))
        except UserError:
            self.close()
            raise
        self._nothing = dict.fromkeys(self._envs[0].action_space.spaces, 0) | {"camera": np.zeros(2, np.float32)}

    def load(self, index: int, mission: Mission) -> None:
        """Begin an episode of `mission` in one world; a server that is not there is a `UserError`."""
        super().load(index, mission)
        env = self._envs[index]
        env.task.next_episode(mission=mission)
        try:
            obs = env.reset()
        except _LOST as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UserError(
                f"no mission can begin on the Malmo server at {self._address} ({reason[:120]}): is it running, "
                f"and does it take this mission? its log says"
            ) from error
        self.broken[index] = False
        self._take(index, obs)

    def snapshot(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """A `UserError`: only a part of such a world can be observed."""
        raise UserError("a world behind a Malmo server cannot be saved: use the embedded engine")

    def move(self, index: int, name: str, cell: Cell) -> None:
        """A `UserError`, as with `snapshot`."""
        raise UserError("a world behind a Malmo server cannot be edited: use the embedded engine")

    def step(self, keys: np.ndarray, active: np.ndarray | None = None) -> None:
        """Advance the active worlds by one step; those whose connection is lost are `broken`."""
        for i in range(self.num_worlds):
            env, action = self._envs[i], self._action(keys[i])
            for _ in range(self.action_repeat):
                stands = self.broken[i] or self._ended[i] or self.ticks[i] >= self.limits[i]
                if stands or (active is not None and not active[i]):
                    break
                obs, _, _, info = env.step(action)
                if "error" in info:
                    self.broken[i] = True
                else:
                    self._take(i, obs)

    def render(self, out: np.ndarray | None = None, only: Sequence[int] | None = None) -> np.ndarray:
        """The latest frames, (N, H, W, 3) uint8."""
        if out is None:
            return self._frames.copy()
        which = slice(None) if only is None else list(only)
        out[which] = self._frames[which]
        return out

    def close(self) -> None:
        """Leave, and end the server if it is ours; safe to call twice."""
        for env in self._envs:
            env.close()
        if self._server is not None:
            self._server.close()
        super().close()

    def _take(self, index: int, obs: dict[str, Any]) -> None:
        """Take over what a world's judge knows after a tick."""
        judge = self._envs[index].judge
        limit = min(self.limits[index], judge.state["limit"][0])
        self.state[index], self.limits[index] = judge.state[0], limit
        self.events[index] = judge.events
        self.blocks(index)[:] = judge.blocks
        self._frames[index] = obs["pov"]

    def _action(self, keys: np.ndarray) -> dict[str, Any]:
        """MineRL's action for one tick of the choices of every control, (len(CONTROLS),) int8."""
        action: dict[str, Any] = dict(self._nothing)
        for control, choice in zip(CONTROLS, keys.tolist(), strict=True):
            for key, value in control.minerl[choice].items():
                action[key] = action[key] + np.float32(value) if key == "camera" else value
        return action


def _task_spec(task: Task, arm: str, split: str, rho: float, resolution: tuple[int, int]) -> "TaskSpec":
    """The `EnvSpec` of a task whose frames have this resolution, (height, width) in pixels."""
    from mcproxy.malmo.client.minerl_env import TaskSpec

    height, width = resolution
    return TaskSpec(task, arm, split, rho=rho, resolution=(width, height))
