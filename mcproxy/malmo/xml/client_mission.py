"""What a client asks a Malmo server for: a mission, and what it wants to see, to be paid for, and to end it.

Rewards and ends are Malmo's handlers with the conditions of our objectives. They are not the same as objectives: a
mission written without mcproxy has rewards and no objectives, and of ours only a goal that Malmo knows is among them.
"""

from dataclasses import dataclass

from mcproxy.mission import GOAL, Mission, Possess, Reach, Touch

Watched = Touch | Reach | Possess  # the conditions that Malmo has handlers for
ONCE, PER_BLOCK, ALWAYS, PER_PIECE, PER_GAIN = "onceOnly", "oncePerBlock", "constant", "perPiece", "perGain"


@dataclass(frozen=True)
class Reward:
    """What is paid when any of the conditions holds: once, once for every block, at every tick, or by pieces.

    Possession can pay for every `count` pieces more than ever before (PER_PIECE), or for every gain of so many
    (PER_GAIN).
    """

    conditions: tuple[Watched, ...]
    reward: float
    behaviour: str = ONCE


@dataclass(frozen=True)
class Quit:
    """What ends the mission; `description` is what `RewardForMissionEnd` knows it by."""

    conditions: tuple[Watched, ...]
    description: str = ""


@dataclass(frozen=True)
class Handlers:
    """What a client is paid for, and what ends its mission.

    `end_rewards` are paid by the description of the end; "" stands for death.
    """

    rewards: tuple[Reward, ...] = ()
    quits: tuple[Quit, ...] = ()
    end_rewards: tuple[tuple[str, float], ...] = ()
    time_up: str = ""

    @property
    def conditions(self) -> list[Watched]:
        """All conditions that are waited for."""
        paid = [condition for reward in self.rewards for condition in reward.conditions]
        return paid + [condition for end in self.quits for condition in end.conditions]


@dataclass(frozen=True)
class Assignment:
    """A mission as a client sent it.

    `origin` is Malmo's position of the block (0, 0, 0), `screen` (width, height) in pixels, `observes` the names of the
    observation elements, `ticks` the time limit that Malmo keeps, `ours` whether mcproxy wrote it.
    """

    mission: Mission
    handlers: Handlers
    origin: tuple[int, int, int]
    screen: tuple[int, int]
    observes: frozenset[str]
    ticks: int
    ours: bool


def handlers_of(mission: Mission) -> Handlers:
    """The handlers by which Malmo pays and ends a mission of ours: those of the goal, if it has a word for it."""
    goals = [o for o in mission.objectives if o.kind == GOAL and isinstance(o.condition, Watched)]
    conditions = [(o.condition, o.reward) for o in goals if isinstance(o.condition, Watched)]
    rewards = tuple(Reward((condition,), reward) for condition, reward in conditions)
    return Handlers(rewards, tuple(Quit((condition,), GOAL) for condition, _ in conditions), time_up=TIME_UP)


TIME_UP = "out_of_time"
