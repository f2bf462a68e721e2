"""Saved worlds: they continue bit by bit, objectives can be moved in them, and bad bytes are refused."""

import copy
import json
import pickle
import zlib

import gymnasium
import numpy as np
import pytest

import mcproxy
from mcproxy.blocks import ID
from mcproxy.engine import state_check
from mcproxy.engine.state import CONTENT, ENTITY, OBJECTIVE, SLOT, TIMER, WORLD
from mcproxy.env import VoxelEnv, VoxelVectorEnv
from mcproxy.env.saved_world import _MAGIC, _checksum
from mcproxy.errors import UserError

SMALL = {"resolution": (24, 24)}


def actions_of(env, count, seed=0):
    """Random actions that press each control half of the time."""
    rng, nvec = np.random.default_rng(seed), env.unwrapped.action_space.nvec
    return [np.where(rng.random(len(nvec)) < 0.5, rng.integers(nvec), np.minimum(nvec - 1, 1)) for _ in range(count)]


def unfold(env, actions):
    """All that the environment returns for some actions, with a reset after each end, as comparable values."""
    seen = []
    for action in actions:
        obs, reward, terminated, truncated, info = env.step(action)
        seen.append(({name: np.asarray(a).tobytes() for name, a in obs.items()}, reward, terminated, truncated, info))
        player = env.unwrapped.vector.worlds.players[0]
        seen.append(player.tobytes())
        if terminated or truncated:
            seen.append(env.reset()[1])
    return seen


@pytest.mark.parametrize("task", mcproxy.task_names())
def test_a_restored_world_continues_bit_by_bit_into_the_next_episodes(task):
    env = VoxelEnv(task, max_episode_steps=45, **SMALL)
    env.reset(seed=3)
    unfold(env, actions_of(env, 30))
    data, tick, rest = env.save(), env.vector.worlds.ticks[0], actions_of(env, 60, seed=1)
    expected = unfold(env, rest)  # over the end of the time after 15 steps
    other = VoxelEnv(task, max_episode_steps=45, **SMALL)
    for again in (env, other):
        obs, info = again.restore(data)
        assert info["tick"] == tick and again.save() == data
        assert (obs["pov"] == again.vector.worlds.render()[0]).all()
        assert unfold(again, rest) == expected


def test_a_world_can_be_saved_in_one_batch_and_restored_in_another():
    many, one = VoxelVectorEnv(3, **SMALL), VoxelEnv(**SMALL)
    many.reset(seed=7), one.reset(seed=8)
    one.step([1, 1, 0])
    obs, infos = many.restore(2, one.save())
    assert infos["tick"].tolist() == [0, 0, 4] and infos["_tick"].tolist() == [False, False, True]
    assert infos["seed"][2] == 8
    expected = one.step([1, 0, 1])
    actual = many.step(np.array([[0, 0, 0], [0, 0, 0], [1, 0, 1]]))
    assert (actual[0]["pov"][2] == expected[0]["pov"]).all()
    assert many.save(2) == one.save()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_of_an_environment_unfolds_as_the_original(copied):
    env = gymnasium.make("mcproxy/Keys-v1", max_episode_steps=20, **SMALL)
    env.reset(seed=3)
    unfold(env, actions_of(env, 10))
    twin = copied(env)
    inner, original = twin.unwrapped, env.unwrapped
    assert isinstance(inner, VoxelEnv) and isinstance(original, VoxelEnv)
    assert inner.vector.worlds is not original.vector.worlds
    assert (twin.action_space.sample() == env.action_space.sample()).all()
    rest = actions_of(env, 30, seed=1)
    assert unfold(twin, rest) == unfold(env, rest)


def test_a_copy_of_a_batch_unfolds_as_the_original_with_its_worlds_that_have_ended():
    env = VoxelVectorEnv(2, max_episode_steps=3, autoreset_mode="NextStep", **SMALL)
    env.reset(seed=3)
    twin = pickle.loads(pickle.dumps(env))
    for _ in range(8):
        action = env.action_space.sample()
        ours, theirs = twin.step(action), env.step(action)
        assert ours[0]["pov"].tobytes() == theirs[0]["pov"].tobytes()
        assert ours[4]["seed"].tolist() == theirs[4]["seed"].tolist()
        twin = copy.deepcopy(twin)
    assert VoxelVectorEnv(2, **SMALL).__reduce__()[1][1] == [None, None]  # never reset: nothing to save


def test_a_moved_marker_and_a_moved_goal_are_met_where_they_are_now():
    env = VoxelEnv(arm="separated", **SMALL)
    before, _ = env.reset(seed=0)
    mission, world = env.vector.worlds.missions[0], env.vector.worlds
    x, y, z = np.floor(mission.spawn).astype(int).tolist()
    free = [(x + i, y, z + k) for i in (-1, 0, 1) for k in (-1, 0, 1) if world.blocks(0)[x + i, y, z + k] == 0]
    ahead = next(cell for cell in free if cell != (x, y, z))
    old = tuple(mission.targets("beacon")[0])
    obs, info = env.move_marker("beacon", ahead)
    assert (obs["pov"] != before["pov"]).any() and info["met"] == {"goal": -1, "beacon": -1}
    assert world.blocks(0)[ahead] == ID["beacon"] and world.blocks(0)[old] == 0
    assert world.missions[0].targets("beacon").tolist() == [list(ahead)]
    assert mission.targets("beacon").tolist() == [list(old)]  # others may share it
    data = env.save()
    world.players["pos"][0] = np.add(ahead, (0.5, 1.0, 0.5))  # on top of it
    assert env.step([0, 0, 0])[-1]["met"] == {"goal": -1, "beacon": 1}
    env.restore(data)
    assert world.missions[0].targets("beacon").tolist() == [list(ahead)] and env.save() == data
    env.move_goal(old)
    assert world.missions[0].targets("goal").tolist() == [list(old)]
    world.players["pos"][0] = np.add(old, (0.5, 1.0, 0.5))
    assert env.step([0, 0, 0])[1:3] == (1.0, True)


def test_a_moved_place_pays_at_the_new_place():
    env = VoxelEnv("banner", arm="aligned", **SMALL)
    env.reset(seed=0)
    x, y, z = np.floor(env.vector.worlds.missions[0].spawn).astype(int).tolist()
    place = env.vector.worlds.state["objectives"]["place"][0, 0].copy()
    cell = np.floor(place[:3]).astype(int)
    target = next(
        (i, y, k)
        for i in range(x - 6, x + 7)
        for k in range(z - 6, z + 7)
        if np.hypot(i - x, k - z) > place[3] + 1.5 and env.vector.worlds.blocks(0)[i, y, k] == 0
    )
    env.move_goal(target)
    moved = env.vector.worlds.state["objectives"]["place"][0, 0]
    assert (moved[:3] - place[:3]).tolist() == (np.array(target) - cell).tolist()
    env.vector.worlds.players["pos"][0] = moved[:3]
    assert env.step(np.zeros(2, dtype=int))[1:3] == (1.0, True)


def test_a_move_that_cannot_be_made_is_refused_in_one_line_and_changes_nothing():
    env = VoxelEnv(arm="separated", **SMALL)
    with pytest.raises(RuntimeError, match="call reset"):
        env.move_goal((1, 1, 1))
    env.reset(seed=0)
    data = env.save()
    spawn = tuple(np.floor(env.vector.worlds.missions[0].spawn).astype(int).tolist())
    beacon = tuple(env.vector.worlds.missions[0].targets("beacon")[0].tolist())
    floor = (spawn[0], spawn[1] - 1, spawn[2])
    for name, cell, message in (
        ("beacon", spawn, r"^beacon at .*: the player is there$"),
        ("beacon", floor, r"^beacon at .*: \w+ is there, expected air$"),
        ("beacon", (-1, 1, 1), r"^beacon at \(-1, 1, 1\): expected a position within .* blocks$"),
        ("becon", spawn, r"^unknown marker of task 'beacon' 'becon'; did you mean 'beacon'\?$"),
        ("beacon", (1.5, 1, 1), r"^position \(1.5, 1, 1\): expected three whole numbers, x, y and z$"),
    ):
        with pytest.raises(UserError, match=message):
            env.move_marker(name, cell)
    with pytest.raises(UserError, match="beacon is there"):
        env.move_goal(beacon)
    assert env.save() == data
    keys = VoxelEnv("keys", **SMALL)
    keys.reset(seed=0)
    with pytest.raises(UserError, match="has no place in this world"):
        keys.move_goal((1, 1, 1))


def test_bytes_from_elsewhere_are_refused_in_one_line():
    env = VoxelEnv(**SMALL)
    env.reset(seed=0)
    data = env.save()
    flipped = bytearray(data)
    flipped[-5] ^= 1
    for bad, message in (
        (b"", "no saved world"),
        (b"hello", "no saved world"),
        (data[:-1], "checksum"),
        (bytes(flipped), "checksum"),
        (sealed(b""), "damaged"),
        (sealed(b"\xff\xff\xff\xff"), "damaged"),
        (sealed(len(b"[]").to_bytes(4, "little") + b"[]"), "damaged"),
        (edited(data, engine="0.1.0"), "is of mcproxy 0.1.0"),
        (edited(data, shape=[1, 2]), "damaged"),
        (edited(data, shape=[10**6] * 3), "damaged"),
        (edited(data, events=3), "damaged"),
        (edited(data, seed=1), "another mission than seed 1"),
        (edited(data, seed=-1), "damaged"),
        (edited(data, moved=[["goal", [1, 2]]]), "damaged"),
        (edited(data, moved=[["nothing", [1, 2, 3]]]), "unknown objective 'nothing'"),
        (edited(data, stream={}), "damaged"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            env.restore(bad)
        assert "\n" not in str(caught.value)
    for other, message in (
        (VoxelEnv("maze", **SMALL), "task=beacon, this environment has maze"),
        (VoxelEnv(resolution=(24, 25)), r"resolution=\[24, 24\], this environment has \[24, 25\]"),
        (VoxelEnv(arm="separated", **SMALL), "arm=aligned"),
    ):
        with pytest.raises(UserError, match=message):
            other.restore(data)
    assert env.save() == data


def test_every_field_of_a_world_that_kernels_read_is_checked():
    own = {"num_entities", "num_timers", "dig_cell", "player", "objectives", "slots", "entities", "timers", "contents"}
    checked = {*state_check._WORLD, *state_check._FROM_MISSION, *own}
    assert set(WORLD.names or ()) - checked == {"log"}  # of which no row is read, as the log's length is 0
    assert set(OBJECTIVE.names or ()) == {*state_check._OBJECTIVE, *state_check._OBJECTIVE_FROM_MISSION}
    assert set(ENTITY.names or ()) == {*state_check._ENTITY, "kind", "what", "pos"}
    assert set(TIMER.names or ()) == {*state_check._TIMER, "cell"} and set(SLOT.names or ()) == {*state_check._SLOT}
    assert set(CONTENT.names or ()) == {*state_check._CONTENT, "cell", "item"}
    assert set(WORLD["player"].names or ()) == {*state_check._PLAYER, "pos"}


@pytest.mark.parametrize(
    "field, value",
    [
        ("held", 99), ("dig_cell", [0, -1, 0]), ("tick", -1), ("num_objectives", 8), ("shape", [99, 9, 99]),
        ("log_length", 999), ("num_contents", 99), ("num_timers", 1), ("health", 21), ("dug", np.nan),
    ],
)  # fmt: skip
def test_a_state_that_would_lead_a_kernel_astray_is_refused(field, value):
    env = VoxelEnv(**SMALL)
    env.reset(seed=0)
    state, blocks = env.vector.worlds.snapshot(0)
    state = np.array(state)
    state[field] = value
    with pytest.raises(UserError, match=f"the saved world has {field}"):
        state_check.check(state, blocks, env.vector.worlds.missions[0], env.vector.task.size)


def test_bodies_timers_and_blocks_of_a_saved_world_are_checked():
    env = VoxelEnv(**SMALL)
    env.reset(seed=0)
    mission, size = env.vector.worlds.missions[0], env.vector.task.size
    for path, value in (
        (("player", "pos"), np.inf),
        (("player", "vel"), 1e6),
        (("slots", "item"), 10**6),
        (("objectives", "what"), 999),
    ):
        state, blocks = env.vector.worlds.snapshot(0)
        state[path[0]][path[1]] = value
        with pytest.raises(UserError, match=".".join(path)):
            state_check.check(state, blocks, mission, size)
    for kind, what in ((1, 10**6), (2, 255), (3, 99), (4, 0)):
        state, blocks = env.vector.worlds.snapshot(0)
        state["num_entities"] = 1
        state["entities"]["kind"][3], state["entities"]["what"][3] = kind, what
        with pytest.raises(UserError, match="entities"):
            state_check.check(state, blocks, mission, size)
    state, blocks = env.vector.worlds.snapshot(0)
    state["num_timers"], state["timers"]["due"][5], state["timers"]["cell"][5] = 1, 9, [0, 99, 0]
    with pytest.raises(UserError, match="timers.cell"):
        state_check.check(state, blocks, mission, size)
    state, blocks = env.vector.worlds.snapshot(0)
    blocks[0, 0, 0] = 255
    with pytest.raises(UserError, match="blocks 255"):
        state_check.check(state, blocks, mission, size)


def sealed(rest):
    """Bytes with the right beginning and checksum."""
    return _MAGIC + _checksum(rest) + rest


def edited(data, **changes):
    """A saved world with another header."""
    rest = data[len(_MAGIC) + 16 :]
    length = int.from_bytes(rest[:4], "little")
    header = json.dumps(json.loads(rest[4 : 4 + length]) | changes).encode()
    zlib.decompress(rest[4 + length :])  # the body stays whole
    return sealed(len(header).to_bytes(4, "little") + header + rest[4 + length :])
