"""The judge of what a MineRL client observes, against the engine, whose own account of it is not shown to the judge."""

import dataclasses
import json

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.blocks import ID
from mcproxy.errors import UserError
from mcproxy.malmo.client.observed_objectives import Judge
from mcproxy.malmo.server.session import Session
from mcproxy.malmo.xml.reader import read_mission
from mcproxy.malmo.xml.vocabulary import EVENTS_KEY
from mcproxy.malmo.xml.writer import mission_xml
from mcproxy.mission import GOAL, Happened, Mission, Objective, Possess, Stack, Touch

TOLD = ("touched", "reached", "swung", "broke", "placed", "collected", "opened", "died")
KEYS = ("forward", "back", "left", "right", "jump", "sneak", "attack", "use")


def observed(mission, actions):
    """The judge and the engine after the same actions, each a dictionary of MineRL's keys."""
    session, judge = Session(read_mission(mission_xml(mission))), Judge(mission)
    judge.see(json.loads(session.peek().info))
    for action in actions:
        camera = "camera {} {}".format(*action.get("camera", (0.0, 0.0)))
        step = session.step("\n".join([*(f"{key} {action.get(key, 0)}" for key in KEYS), camera]))
        told = json.loads(step.info)
        assert isinstance(told.pop(EVENTS_KEY), list)
        judge.tick(action, told)
        assert judge.ended == bool(session.worlds.ended[0])
        if step.done:
            break
    session.close()
    return judge, session.worlds


def account(events, kinds=TOLD):
    return [(e.tick, e.kind, e.what) for e in events if e.kind in kinds]


def random_actions(seed, ticks):
    rng = np.random.default_rng(seed)
    for _ in range(ticks // 4):
        pressed = {key: int(rng.random() < 0.4) for key in KEYS}
        pressed["attack"] = int(rng.random() < 0.8)
        view = (float(rng.choice([-3.75, 0.0, 3.75])), float(rng.choice([-3.75, 0.0, 3.75])))
        yield from [pressed | {"camera": view}] * 4


@pytest.mark.parametrize("name", registry.names())
def test_the_judge_sees_what_happens_in_every_task(name):
    mission = registry.get(name).mission(1, "aligned", "eval")
    judge, worlds = observed(mission, random_actions(0, 400))
    assert account(judge.events) == account(worlds.events[0])
    assert [*judge.met().values()] == worlds.met[0, : len(mission.objectives)].tolist()


def yard(**more):
    """Dirt, wool of two colours and a chest in a row before a player with a pile of planks and a key in its bag."""
    blocks = np.zeros((9, 5, 9), dtype=np.uint8)
    blocks[:, 0] = ID["grass"]
    blocks[4, 1:3, 6] = ID["dirt"], ID["red_wool"]
    parts = {
        "blocks": blocks,
        "spawn": (4.5, 1.0, 4.5),
        "objectives": (Objective("goal", GOAL, Touch("gold_block")),),
        "max_ticks": 400,
        "layout": "0" * 16,
        "inventory": (Stack("planks", 3), Stack("key")),
    }
    return Mission(**(parts | more))


def test_digging_collecting_and_placing_are_counted():
    objectives = (
        Objective("goal", GOAL, Happened("placed", "planks")),
        Objective("dug", "natural", Happened("broke", "red_wool")),
        Objective("got", "natural", Happened("collected", "red_wool")),
        Objective("owned", "natural", Possess("red_wool")),
    )
    dig = [{"attack": 1}] * 40 + [{"forward": 1, "jump": 1}] * 60 + [{"back": 1}] * 20
    build = [{"camera": (50.0, 0.0)}] + [{"use": 1}] * 20
    judge, worlds = observed(yard(objectives=objectives), dig + build)
    assert account(judge.events) == account(worlds.events[0])
    assert [*judge.met().values()] == worlds.met[0, :4].tolist()
    assert all(tick > 0 for tick in judge.met().values())


def test_what_cannot_be_observed_is_refused():
    button = Objective("goal", GOAL, Happened("fired", "stone_button"))
    with pytest.raises(UserError, match="waits for 'fired stone_button': MineRL cannot observe it"):
        Judge(yard(objectives=(button,)))


def test_a_server_that_ends_a_mission_is_believed():
    judge = Judge(yard())
    judge.state["tick"] = 7
    judge.accept(paid=True)
    assert judge.ended and judge.met() == {"goal": 7}
    judge = Judge(dataclasses.replace(yard()))
    judge.state["tick"] = 9
    judge.accept(paid=False)
    assert judge.up and not judge.ended
