"""Experts reach their objective in every evaluation world that has it, by the ordinary actions alone."""

from types import SimpleNamespace

import numpy as np
import pytest

from mcproxy.agent.experts import Expert
from mcproxy.controls import columns
from mcproxy.engine.pathing import STRAIGHT, distances, ground
from mcproxy.engine.worlds import key_table
from mcproxy.env import VoxelVectorEnv
from mcproxy.errors import UserError
from mcproxy.mission import Objective, Possess

WORLDS = 100


def run(arm, objective):
    """The env after every world's expert has met its objective, ended or run out of time."""
    env = VoxelVectorEnv(WORLDS, arm=arm, split="eval", rho=0.5, autoreset_mode="NextStep", resolution=(1, 1))
    env.reset(seed=0)
    expert = Expert(objective, env)
    expert.begin(env, range(WORLDS), range(WORLDS))
    column = [o.name for o in env.task.objectives].index(objective)
    met, walked, before = np.full(WORLDS, -1), np.zeros(WORLDS), env.worlds.players["pos"].copy()
    for _ in range(env.worlds.limits.max() // env.action_repeat):
        env.worlds.step(_keys(env, expert))
        open_ = met < 0
        walked[open_] += np.linalg.norm(env.worlds.players["pos"] - before, axis=1)[open_]
        before = env.worlds.players["pos"].copy()
        met = env.worlds.met[:, column].copy()
    return env, met, walked


def _keys(env, expert):
    return key_table(columns(env.task.controls), expert.predict(None)[0])


@pytest.mark.parametrize(
    "arm, objective",
    [(arm, "goal") for arm in ("aligned", "shifted", "separated", "absent", "decoy", "blind", "mixture")]
    + [(arm, "beacon") for arm in ("aligned", "shifted", "separated", "decoy", "goalless", "blind", "mixture")],
)
def test_the_expert_meets_its_objective_in_every_world_that_has_it(arm, objective):
    env, met, _ = run(arm, objective)
    assert (met >= 0).all(), f"missed in worlds {np.flatnonzero(met < 0)}"


@pytest.mark.parametrize("objective, other", [("goal", "beacon"), ("beacon", "goal")])
def test_in_separated_an_expert_meets_its_own_objective_alone_and_walks_no_detour(objective, other):
    env, met, walked = run("separated", objective)
    assert (env.worlds.met[:, [o.name for o in env.task.objectives].index(other)] < 0).all()
    ratios = []
    for mission, length in zip(env.worlds.missions, walked, strict=True):
        (target,) = mission.targets(objective)[:, [0, 2]]
        spawn = int(mission.spawn[0]), int(mission.spawn[2])
        shortest = distances(ground(mission.blocks), target[None], 1)[spawn] / STRAIGHT - 0.8  # contact at 0.5 + 0.3
        ratios.append(length / shortest)
    assert np.median(ratios) <= 1.15  # within 15 % of the shortest way over the grid


def test_an_unknown_objective_is_refused_with_the_known_ones():
    env = VoxelVectorEnv(1, resolution=(1, 1))
    with pytest.raises(UserError, match="unknown objective of task 'beacon' 'becon'; did you mean 'beacon'"):
        Expert("becon", env)


def test_an_expert_for_what_has_no_place_is_refused():
    hoard = (Objective("goal", "goal", Possess("key")),)
    task = SimpleNamespace(name="hoard", objectives=hoard, controls=("move", "turn", "jump"))
    with pytest.raises(UserError, match="expert:goal cannot pursue '1 key'"):
        Expert("goal", SimpleNamespace(task=task, num_envs=1))
