"""MineRL in place of the engine: `VoxelVectorEnv` whose worlds are MineRL environments, for the evaluation harness.

Everything above the worlds stays as it is: tasks, actions, repeats, observations, recordings, verdicts. Below, an
action becomes MineRL's dictionary, and the state is what MineRL observes, as far as it goes (`judge`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mcproxy.controls import CONTROLS
from mcproxy.engine.worlds import Worlds
from mcproxy.env import VoxelVectorEnv
from mcproxy.errors import UserError
from mcproxy.malmo.client import connection
from mcproxy.mission import Mission

_LOST = (OSError, TypeError, AttributeError, RuntimeError, AssertionError)  # by which MineRL tells of a lost connection


class MinerlVectorEnv(VoxelVectorEnv):
    """N worlds of a task behind MineRL environments, all on the Malmo server at `connect`, HOST:PORT.

    Without `connect` a server is started, and ended with `close`. Frames are those of the server, so its field of view
    holds, and `fov_deg` says what that is. The other arguments are those of `VoxelVectorEnv`.
    """

    def __init__(self, num_envs: int = 1, task: str = "beacon", connect: str | None = None, **kwargs: Any) -> None:
        self._connect = connect
        super().__init__(num_envs, task, **kwargs)

    @property
    def broken(self) -> np.ndarray:
        """(N,) bool: the connection of that world was lost, and its episode counts for nothing."""
        assert isinstance(self.worlds, MinerlWorlds)
        return self.worlds.broken

    def _make_worlds(self, threads: int) -> Worlds:
        worlds = MinerlWorlds(self.num_envs, self.task.size, self.resolution, self.fov_deg, self.action_repeat)
        worlds.connect(self._connect, self)
        return worlds


class MinerlWorlds(Worlds):
    """`Worlds` that run elsewhere; of `state` those fields hold that can be observed (`Judge.state`)."""

    def connect(self, address: str | None, env: VoxelVectorEnv) -> None:
        """Make the MineRL environments, one a world."""
        connection.check_installed()
        from mcproxy.malmo.client.minerl_env import TaskEnv, TaskSpec

        self._server = connection.ServerProcess("--fov", f"{env.fov_deg:g}") if address is None else None
        self._address = self._server.address if self._server is not None else str(address)
        height, width = self.resolution
        self.broken = np.zeros(self.num_worlds, dtype=bool)
        self._frames = np.zeros((self.num_worlds, height, width, 3), dtype=np.uint8)
        try:
            self._envs = [
                TaskEnv(
                    TaskSpec(env.task, env.arm, env.split, rho=env.rho, resolution=(width, height)),
                    instances=[connection.instance(self._address)],
                )
                for _ in range(self.num_worlds)
            ]
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
        for env in getattr(self, "_envs", ()):
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
