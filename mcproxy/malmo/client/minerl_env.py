"""Tasks as MineRL 0.4.4 environments: an `EnvSpec` for every task, arm and split, and gym ids for all tasks.

    register_minerl_tasks()
    env = gym.make("MineRLMcproxyBeacon-v0", arm="separated")           # on the embedded engine, which it starts
    env = gym.make("MineRLMcproxyBeacon-v0", connect="127.0.0.1:9000")  # on what listens there: ours, or a Minecraft

The environment is MineRL's own, which draws the next mission at each reset. Where Malmo has no handler for an
objective, it is judged from the observations (`judge`), and pays and ends the episode by that.
"""

from typing import Any

import numpy as np

from mcproxy import registry
from mcproxy.items import HOTBAR
from mcproxy.malmo.client import connection
from mcproxy.malmo.client.observed_objectives import Judge
from mcproxy.malmo.xml import vocabulary
from mcproxy.malmo.xml.client_mission import Watched
from mcproxy.malmo.xml.writer import sections
from mcproxy.mission import SEED_RANGE, Happened, Mission, Possess
from mcproxy.task import Task

connection.check_installed()
from lxml import etree  # noqa: E402
from minerl.env._singleagent import _SingleAgentEnv  # noqa: E402
from minerl.herobraine.env_spec import EnvSpec  # noqa: E402
from minerl.herobraine.hero import handlers, spaces  # noqa: E402
from minerl.herobraine.hero.handler import Handler  # noqa: E402
from minerl.herobraine.hero.handlers.translation import TranslationHandler  # noqa: E402

KEYS = (
    *("forward", "back", "left", "right", "jump", "sneak", "sprint", "attack", "use"),
    *(f"hotbar.{slot}" for slot in range(1, HOTBAR + 1)),
)
OTHER = "other"  # pieces of whatever is not named in the inventory
_ENTRY = "mcproxy.malmo.client.minerl_env:make"


class TaskSpec(EnvSpec):
    """A task in an arm and a split: every reset draws the next mission.

    The first one is that of layout `seed`, exactly; the next ones come from a stream of that seed, as in
    `VoxelEnv`. `next_episode(seed)` chooses the layout of the next reset, which nothing else can: MineRL keeps
    `env.seed` to itself. `mission` is the one that runs.
    """

    def __init__(
        self,
        task: Task | str,
        arm: str = "aligned",
        split: str = "train",
        seed: int = 0,
        rho: float = 1.0,
        resolution: tuple[int, int] = (64, 64),
    ) -> None:
        self.task = registry.get(task) if isinstance(task, str) else task
        self.arm, self.split, self.rho, self.resolution = arm, split, rho, resolution
        self.mission = self.task.mission(seed, arm, split, rho)
        self._stream = np.random.default_rng(seed)
        self._fresh = 2  # MineRL resets a spec when it is made, and again before its first episode
        super().__init__(env_id(self.task))

    def next_episode(self, seed: int | None = None, mission: Mission | None = None) -> None:
        """Say what the next reset begins: a layout of the task, or any mission."""
        self.mission = mission or self.task.mission(int(seed or 0), self.arm, self.split, self.rho)
        self._fresh = 1

    def reset(self) -> None:
        """Draw the next mission, unless it has been chosen, and make all handlers anew."""
        if self._fresh == 0:
            seed = int(self._stream.integers(SEED_RANGE))
            self.mission = self.task.mission(seed, self.arm, self.split, self.rho)
        self._fresh = max(self._fresh - 1, 0)
        self._sections = sections(self.mission)
        super().reset()

    def to_xml(self) -> str:
        """The mission as XML."""
        root = etree.fromstring(super().to_xml())
        about = root.find("{*}About")
        etree.SubElement(about, etree.QName(about, "Description").text).text = self._sections.description
        return etree.tostring(root, encoding="unicode")

    def create_observables(self) -> list[TranslationHandler]:
        """The frame, the location and the inventory."""
        self.told = _Location()
        return [_Frame(self.resolution, self.mission), self.told, _Inventory(carried(self.task))]

    def create_actionables(self) -> list[TranslationHandler]:
        """Every key that the engine knows, and the camera."""
        return [*(handlers.KeybasedCommandAction(key, key) for key in KEYS), handlers.CameraAction()]

    def create_rewardables(self) -> list[TranslationHandler]:
        """None: rewards are among the handlers of the agent, as parts of the mission."""
        return []

    def create_monitors(self) -> list[TranslationHandler]:
        """None."""
        return []

    def create_agent_start(self) -> list[Handler]:
        """Place and inventory."""
        return [*map(_Given, self._sections.start)]

    def create_agent_handlers(self) -> list[Handler]:
        """The goal's reward and end, if Malmo has handlers for them."""
        return [*map(_Given, self._sections.agent)]

    def create_server_initial_conditions(self) -> list[Handler]:
        """Time and weather."""
        return [*map(_Given, self._sections.conditions)]

    def create_server_world_generators(self) -> list[Handler]:
        """A flat world of nothing."""
        return [_Given(self._sections.server[0])]

    def create_server_decorators(self) -> list[Handler]:
        """All blocks, chests, items and mobs."""
        return [*map(_Given, self._sections.server[1:-1])]

    def create_server_quit_producers(self) -> list[Handler]:
        """The time limit, longer than the task's, which is kept on this side."""
        return [_Given(self._sections.server[-1])]

    def is_from_folder(self, folder: str) -> bool:
        """Whether a folder of human play belongs to this: none does."""
        return False

    def determine_success_from_rewards(self, rewards: list) -> bool:
        """Whether the goal was met."""
        return sum(rewards) > 0

    def get_docstring(self) -> str:
        """What the task is about."""
        return self.task.description

    def _entry_point(self, fake: bool) -> str:
        return "mcproxy.malmo.client.minerl_env:TaskEnv"


class TaskEnv(_SingleAgentEnv):
    """MineRL's environment, with the objectives that Malmo does not know of, and the task's time limit.

    The infos add `tick`, `met` and `returns` (by objective), and `TimeLimit.truncated` where the time was up. `judge`
    has all that is known of the episode.
    """

    judge: Judge

    def __init__(self, env_spec: TaskSpec, **kwargs: Any) -> None:
        super().__init__(env_spec, **kwargs)
        self.owned: connection.ServerProcess | None = None  # a server that ends with this environment

    def reset(self) -> dict[str, Any]:
        """Begin the next episode."""
        self.judge, self._paid = Judge(self.task.mission), 0.0
        obs = super().reset()
        self.judge.see(self.task.told.document)
        return obs

    def step(self, action: dict[str, Any]) -> tuple[dict[str, Any], float, bool, dict[str, Any]]:
        """Run one tick; after a lost connection MineRL's own answer, with `error` in the infos, comes through."""
        obs, reward, done, info = super().step(action)
        if "error" in info:
            return obs, reward, done, info
        judge, goal = self.judge, self.task.mission.objectives[0]
        before = self._paid
        judge.tick(action, self.task.told.document)
        if done and not judge.ended and not judge.up:
            judge.accept(paid=reward > 0)
        returns = paid(judge)
        if not isinstance(goal.condition, Watched):
            reward += returns[goal.name] - before
        self._paid = returns[goal.name]
        self.done = bool(done or judge.ended or judge.up)
        info = info | {"tick": int(judge.state["tick"][0]), "met": judge.met(), "returns": returns}
        if self.done and not judge.ended:
            info["TimeLimit.truncated"] = True
        return obs, reward, self.done, info

    def close(self) -> None:
        """Leave, and end the server if it was started for this environment; safe to call twice."""
        super().close()
        if self.owned is not None:
            self.owned.close()


def spec(task: Task | str, arm: str = "aligned", split: str = "train", seed: int = 0, **kwargs: Any) -> TaskSpec:
    """The `EnvSpec` of a task in an arm and a split; `TaskSpec` has the other arguments."""
    return TaskSpec(task, arm, split, seed, **kwargs)


def make(
    task: Task | str,
    arm: str = "aligned",
    split: str = "train",
    seed: int = 0,
    connect: str | None = None,
    instances: list[Any] | None = None,
    **kwargs: Any,
) -> TaskEnv:
    """The environment of a task, on the Malmo server at `connect` (HOST:PORT), or else on one of its own.

    `instances` are MineRL's, for who starts Minecraft by MineRL's means.
    """
    own = None
    if instances is None:
        if connect is None:
            own = connection.ServerProcess()
            connect = own.address
        instances = [connection.instance(connect)]
    env = TaskEnv(TaskSpec(task, arm, split, seed, **kwargs), instances=instances)
    env.owned = own
    return env


def env_id(task: Task | str) -> str:
    """The gym id of a task: `MineRLMcproxyBeacon-v0` for `beacon`."""
    name = task if isinstance(task, str) else task.name
    return f"MineRLMcproxy{''.join(part.capitalize() for part in name.replace('-', '_').split('_'))}-v0"


def register_minerl_tasks() -> list[str]:
    """Make all tasks known to `gym.make`, with the arguments of `make` but the task; the ids."""
    import gym

    ids = {env_id(name): name for name in registry.names()}
    for name, task in ids.items():
        if name not in gym.envs.registry.env_specs:
            gym.register(name, entry_point=_ENTRY, kwargs={"task": task})
    return [*ids]


def paid(judge: Judge) -> dict[str, float]:
    """By objective, what it has paid so far."""
    met = judge.met()
    return {o.name: o.paid(met[o.name], judge.events) for o in judge.mission.objectives}


def carried(task: Task) -> list[str]:
    """The items of which the inventory tells the number: those that the task shows, or that an objective is about."""
    names = {*task.items}
    for objective in task.objectives:
        condition = objective.condition
        names |= {condition.item} if isinstance(condition, Possess) else set()
        if isinstance(condition, Happened) and condition.event in ("collected", "placed"):
            names |= {condition.what} & vocabulary.ITEMS.keys()
    return sorted(names)


class _Given(Handler):
    """An element of a mission, as it is."""

    def __init__(self, element: etree._Element) -> None:
        self._xml, self._name = etree.tostring(element, encoding="unicode"), etree.QName(element).localname

    def to_string(self) -> str:
        return self._name

    def xml(self) -> str:
        return self._xml


class _Frame(handlers.POVObservation):
    """The frame, in memory of its own, upside down, mirrored or black where the mission says so."""

    def __init__(self, resolution: tuple[int, int], mission: Mission) -> None:
        self._mission = mission
        super().__init__(resolution)

    def from_hero(self, obs: dict[str, Any]) -> np.ndarray:
        frame = super().from_hero(obs)
        return np.ascontiguousarray(self._mission.seen(frame))


class _Location(TranslationHandler):
    """Where the player is and looks, float32; `document` is all that was observed in the latest tick."""

    _NAMES = ("xpos", "ypos", "zpos", "yaw", "pitch")

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        box = {name: spaces.Box(-np.inf, np.inf, shape=(), dtype=np.float32) for name in self._NAMES}
        super().__init__(spaces.Dict(box))

    def to_string(self) -> str:
        return "location_stats"

    def xml(self) -> str:
        return "<ObservationFromFullStats/>"

    def from_hero(self, x: dict[str, Any]) -> dict[str, np.ndarray]:
        self.document = x
        return {name: np.float32(x[name]) for name in self._NAMES}


class _Inventory(TranslationHandler):
    """How many pieces of each item are carried, and of all others, float32; items have the engine's names."""

    def __init__(self, names: list[str]) -> None:
        self._names = {(vocabulary.ITEMS[name].type, vocabulary.ITEMS[name].metadata): name for name in names}
        boxes = {name: spaces.Box(0, np.inf, shape=(), dtype=np.float32) for name in (*names, OTHER)}
        self._nothing = dict.fromkeys(boxes, 0)
        super().__init__(spaces.Dict(boxes))

    def to_string(self) -> str:
        return "inventory"

    def xml(self) -> str:
        return '<ObservationFromFullInventory flat="false"/>'

    def from_hero(self, x: dict[str, Any]) -> dict[str, np.ndarray]:
        pieces = self._nothing.copy()
        for stack in x["inventory"]:
            if stack["quantity"]:
                pieces[self._names.get((stack["type"], stack["metadata"]), OTHER)] += stack["quantity"]
        return {name: np.float32(count) for name, count in pieces.items()}
