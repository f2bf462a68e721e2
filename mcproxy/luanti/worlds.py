"""Luanti in place of the engine: worlds that are Luanti clients, for `VoxelVectorEnv` and the evaluation harness.

Everything above the worlds stays as it is: tasks, actions, repeats, policies, recordings, verdicts. Below, the client's
own physics moves the player and its own renderer draws the frames; the state holds the pose that the client reports,
on which the objectives are judged.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mcproxy.blocks import ID
from mcproxy.controls import INDEX
from mcproxy.engine.simulation.collision import find_block
from mcproxy.engine.simulation.physics import HALF_WIDTH, STANDING
from mcproxy.engine.state import NEVER, TOUCHED, log_event
from mcproxy.engine.tick import judge
from mcproxy.engine.worlds import Worlds
from mcproxy.errors import UserError
from mcproxy.luanti import assets
from mcproxy.luanti.client import TICKS_PER_S, Client, ClientLost, Pose
from mcproxy.machine import processor
from mcproxy.mission import Inside, Mission, Reach, Touch
from mcproxy.task import Task

CONTROLS = ("move", "turn", "jump")  # that a client takes
TOUCH_MARGIN = (
    0.01  # blocks; Luanti keeps positions to 0.001 and stops up to that far from a wall, so Malmo's can miss it
)


def backend() -> str:
    """The engine, its version and the processor, whose kind decides about single pixels: as recordings state it."""
    return f"{assets.version()}, {processor()}"


def check_fits(task: Task) -> None:
    """Raise a `UserError` if Luanti cannot run this task: its agent does more than move, turn and jump, say."""
    others = [name for name in task.controls if name not in CONTROLS]
    if others:
        raise UserError(
            f"--backend luanti runs tasks whose agent moves, turns and jumps; {task.name} needs {others[0]!r}"
        )
    for objective in task.objectives:
        if not isinstance(objective.condition, Touch | Reach | Inside):
            kind = type(objective.condition).__name__
            raise UserError(
                f"--backend luanti judges places and touched blocks; {task.name}'s {objective.name} is {kind}"
            )


class LuantiWorlds(Worlds):
    """`Worlds` that each run in a Luanti client of its own, for `VoxelVectorEnv(worlds=LuantiWorlds)`.

    Of `state`, only the tick, the player's pose and the objectives are set. Frames are square. A client that dies makes
    its world `broken`: that episode counts for nothing, and the next one begins in a new client.
    """

    def __init__(
        self,
        num_worlds: int,
        shape: tuple[int, int, int],
        resolution: tuple[int, int],
        fov_deg: float,
        action_repeat: int,
        threads: int = 1,
    ) -> None:
        super().__init__(num_worlds, shape, resolution, fov_deg, action_repeat)
        height, width = resolution
        if height != width:
            raise UserError(f"--backend luanti draws square frames, not {height} x {width}")
        self.backend = backend()
        self._frames = np.zeros((num_worlds, height, width, 3), dtype=np.uint8)
        self._place = np.zeros(4, dtype=np.int64)
        self._clients: list[Client] = []
        self._pool = ThreadPoolExecutor(num_worlds)
        try:
            for _ in range(num_worlds):
                self._clients.append(Client(height, fov_deg))
        except BaseException as error:
            self.close()
            if isinstance(error, ClientLost):
                raise UserError(f"no Luanti client can be started: {error}") from None
            raise

    def load(self, index: int, mission: Mission) -> None:
        """Begin an episode of `mission` in one world, in a new client if the former one fails twice."""
        super().load(index, mission)
        client = self._clients[index]
        for attempt in range(3):
            try:
                if attempt or self.broken[index]:
                    client.start()
                client.load(mission)
                break
            except ClientLost as error:
                if attempt == 2:
                    raise UserError(f"Luanti cannot begin layout {mission.layout[:8]}: {error}") from None
        self.broken[index] = False
        self._frames[index] = client.frame()

    def step(self, keys: np.ndarray, active: np.ndarray | None = None) -> None:
        """Advance the active worlds by one step, side by side; those whose client is lost are `broken`."""
        which = range(self.num_worlds) if active is None else np.flatnonzero(active).tolist()
        for _ in self._pool.map(lambda i: self._step(i, keys[i]), which):
            pass
        for i in which:
            self._collect_events(i)

    def render(self, out: np.ndarray | None = None, only: Sequence[int] | None = None) -> np.ndarray:
        """The latest frames, (N, H, W, 3) uint8."""
        if out is None:
            return self._frames.copy()
        which = slice(None) if only is None else list(only)
        out[which] = self._frames[which]
        return out

    def close(self) -> None:
        """End every client; safe to call twice."""
        for client in self._clients:
            client.close()
        self._pool.shutdown()
        super().close()

    def _step(self, index: int, keys: np.ndarray) -> None:
        """Advance one world by a step of the agent, to its end at most."""
        client = self._clients[index]
        move, turn, jump = (int(keys[INDEX[name]]) for name in CONTROLS)
        last = min(self.action_repeat, int(self.limits[index] - self.ticks[index])) - 1
        try:
            for k in range(0 if self.broken[index] or self._ended[index] else last + 1):
                client.tick(move, turn, jump, read=k == last)
                self.ticks[index] += 1
                self._judge(index, client.pose())
                if self._ended[index]:
                    client.look()
                    break
            self._frames[index] = client.frame()
        except ClientLost:
            self.broken[index] = True

    def _judge(self, index: int, pose: Pose) -> None:
        """Take over a pose, and judge the objectives on it as the engine does, but for `TOUCH_MARGIN`."""
        world, player, mission = self.state[index], self.players[index], self.missions[index]
        assert mission is not None
        player["pos"], player["vel"] = pose.pos, pose.velocity / TICKS_PER_S
        player["yaw_deg"], player["on_ground"] = pose.yaw_deg, pose.on_ground
        judge(self._blocks[index], self.state[index : index + 1], self._place)
        for k, objective in enumerate(mission.objectives):
            record = world["objectives"][k]
            if not isinstance(objective.condition, Touch) or record["holds"]:
                continue
            what, blocks, pos = ID[objective.condition.block], self._blocks[index], np.ascontiguousarray(player["pos"])
            margin = TOUCH_MARGIN
            cell = find_block(blocks, world["shape"], pos, HALF_WIDTH, STANDING, margin, margin, what)
            if cell[0] < 0:
                continue
            record["holds"] = 1
            log_event(self.state[index], TOUCHED, what, *cell)
            if record["met"] == NEVER:
                record["met"] = world["tick"]
                if objective.terminal:
                    world["ended"] = 1
