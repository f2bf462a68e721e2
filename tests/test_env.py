"""The environments: gymnasium's contract, the three autoreset modes, and the single environment as the reference."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import mcproxy  # noqa: F401  registers the ids
from mcproxy.blocks import ID
from mcproxy.env import VoxelEnv, VoxelVectorEnv
from mcproxy.errors import UserError
from mcproxy.mission import GOAL, Event, Mission, Objective, Possess, Stack, layout_hash
from mcproxy.task import REGISTERED, Task

SHORT = {"max_episode_steps": 5}  # so that every world's time runs out within a test


def assert_same(ours, theirs, path=""):
    """Equal values, keys and masks, through nested dicts and object arrays."""
    if isinstance(theirs, dict):
        assert set(ours) == set(theirs), path
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{path}/{key}")
    elif isinstance(theirs, tuple) or (isinstance(theirs, np.ndarray) and theirs.dtype == object):
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(a, b, f"{path}[{i}]")
    else:
        np.testing.assert_array_equal(ours, theirs, err_msg=path)


def dig(rng, arm, rho):
    """Somebody with a shovel and dirt before a wall of dirt."""
    blocks = np.zeros((5, 5, 5), dtype=np.uint8)
    blocks[:, 0], blocks[:, 1:3, 4] = ID["stone"], ID["dirt"]
    carried = (Stack("iron_shovel"), Stack("dirt", 2))
    layout = layout_hash(rng.integers(1000, size=8))
    return Mission(blocks, (2.5, 1.0, 2.9), OBJECTIVES, 60, layout, inventory=carried)


OBJECTIVES = (Objective("goal", GOAL, Possess("dirt", 3)),)


@pytest.fixture
def digging(monkeypatch):
    """A task whose agent digs, and sees what it carries."""
    task = Task(
        "digging",
        1,
        dig,
        ("aligned",),
        OBJECTIVES,
        ("move", "attack", "hotbar"),
        (5, 5, 5),
        items=("dirt", "iron_shovel"),
    )
    monkeypatch.setitem(REGISTERED, "digging", task)


@pytest.mark.parametrize("mode", [AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP])
def test_native_and_sync_vector_env_agree_in_every_value_at_every_step(mode):
    native = VoxelVectorEnv(3, autoreset_mode=mode, resolution=(24, 24), **SHORT)
    sync = SyncVectorEnv([lambda: VoxelEnv(resolution=(24, 24), **SHORT)] * 3, autoreset_mode=mode)
    assert_same(native.reset(seed=11), sync.reset(seed=11))
    actions = np.random.default_rng(0)
    for _ in range(14):  # two time-outs and a bit
        action = actions.integers(native.single_action_space.nvec, size=(3, 3))
        assert_same(native.step(action), sync.step(action))


@pytest.mark.parametrize("task", mcproxy.task_names())
def test_the_single_environment_gives_what_a_vector_of_one_world_gives(task):
    one = VoxelEnv(task, resolution=(24, 24), max_episode_steps=40)
    many = VoxelVectorEnv(1, task, resolution=(24, 24), max_episode_steps=40, autoreset_mode="Disabled")
    obs, info = one.reset(seed=5)
    expected: tuple[Any, ...] = many.reset(seed=5)
    rng, nvec = np.random.default_rng(0), many.single_action_space.nvec
    for _ in range(100):  # two time-outs and a bit
        assert_same({name: array[None] for name, array in obs.items()}, expected[0])
        assert_same(info, plain(expected[-1]))
        if many.done[0]:
            (obs, info), expected = one.reset(), many.reset()
            continue
        action = np.where(rng.random(len(nvec)) < 0.5, rng.integers(nvec), np.minimum(nvec - 1, 1))
        obs, reward, terminated, truncated, info = one.step(action)
        expected = many.step(action[None])
        assert (reward, terminated, truncated) == tuple(array[0] for array in expected[1:4])
        assert type(reward) is float and type(terminated) is type(truncated) is bool


def plain(infos):
    """The infos of the only world, without their masks."""
    values = {name: value for name, value in infos.items() if not name.startswith("_")}
    return {name: plain(value) if isinstance(value, dict) else value[0] for name, value in values.items()}


def test_an_ended_episode_has_to_be_reset_before_the_next_step():
    one, many = VoxelEnv(max_episode_steps=1), VoxelVectorEnv(2, max_episode_steps=1, autoreset_mode="Disabled")
    with pytest.raises(RuntimeError, match=r"^call reset\(\) before step\(\)$"):
        one.step([0, 0, 0])
    one.reset(seed=0), many.reset(seed=0)
    one.step([0, 0, 0]), many.step(np.zeros((2, 3), dtype=int))
    with pytest.raises(RuntimeError, match=r"^the episode has ended: call reset\(\) before the next step\(\)$"):
        one.step([0, 0, 0])
    with pytest.raises(RuntimeError, match=r"^worlds \[0, 1\] have ended: reset them with a reset_mask$"):
        many.step(np.zeros((2, 3), dtype=int))


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_beyond_63_bits_is_refused_and_no_world_begins(seed):
    one, many = VoxelEnv(resolution=(8, 8)), VoxelVectorEnv(2, resolution=(8, 8))
    for reset in (lambda: one.reset(seed=seed), lambda: many.reset(seed=[0, seed])):
        with pytest.raises(UserError, match=rf"^seed={seed}: expected 0 to 2\*\*63 - 1$"):
            reset()
    assert not many.running.any()
    assert one.reset(seed=2**63 - 1)[1]["seed"] == 2**63 - 1


def test_metadata_and_spec_describe_the_environment():
    env = gymnasium.make("mcproxy/Beacon-v1", action_repeat=2, resolution=(8, 8))
    assert env.metadata["render_fps"] == 10  # of 20 ticks a second
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again.unwrapped, VoxelEnv) and again.unwrapped.vector.action_repeat == 2


def test_check_env_is_content_with_the_single_environment():
    check_env(gymnasium.make("mcproxy/Beacon-v1", render_mode="rgb_array").unwrapped)


def test_make_and_make_vec_take_arm_and_split():
    env = gymnasium.make("mcproxy/Beacon-v1", arm="separated", split="eval")
    obs, info = env.reset(seed=3)
    envs = gymnasium.make_vec("mcproxy/Beacon-v1", num_envs=2, arm="separated", split="eval")
    batch, infos = envs.reset(seed=3)
    np.testing.assert_array_equal(batch["pov"][0], obs["pov"])
    assert infos["seed"].tolist() == [3, 4] and info["seed"] == 3
    assert isinstance(envs.unwrapped, VoxelVectorEnv)
    assert envs.unwrapped.worlds.missions[0].origin.arm == "separated"


def test_disabled_mode_runs_exactly_the_layouts_asked_for():
    env = VoxelVectorEnv(2, autoreset_mode="Disabled", resolution=(8, 8), **SHORT)
    env.reset(seed=[5, 9])
    forward = np.array([[1, 0, 0], [1, 0, 0]])
    for _ in range(5):
        *_, truncated, infos = env.step(forward)
    assert truncated.all() and infos["seed"].tolist() == [5, 9]
    with pytest.raises(RuntimeError, match="reset_mask"):
        env.step(forward)
    with pytest.raises(ValueError, match="one True"):
        env.reset(options={"reset_mask": np.zeros(2, dtype=bool)})
    before = env.worlds.players[0].copy()
    env.reset(seed=[None, 77], options={"reset_mask": np.array([False, True])})
    assert env.worlds.players[0] == before and env.worlds.missions[1].origin.seed == 77


def test_meeting_the_goal_terminates_and_pays_once_and_a_timeout_truncates():
    env = VoxelVectorEnv(1, autoreset_mode="Disabled", resolution=(8, 8))
    env.reset(seed=0)
    gold = env.worlds.missions[0].targets("goal")[0]
    env.worlds.players["pos"][0] = gold + (0.5, 0.0, -0.29 - 0.3)  # 0.29 short of contact, looking along +z
    env.worlds.players["yaw_deg"][0] = 0.0
    _, reward, terminated, truncated, infos = env.step(np.array([[1, 0, 0]]))
    assert reward[0] == 1.0 and terminated[0] and not truncated[0]
    assert infos["returns"]["goal"][0] == 1.0 and infos["met"]["goal"][0] >= 1
    assert [e for e in infos["events"][0] if e.what == "gold_block"] == [
        Event(int(infos["met"]["goal"][0]), "touched", "gold_block", tuple(gold.tolist()))
    ]


def test_touching_the_proxy_is_scored_but_neither_pays_nor_ends():
    env = VoxelVectorEnv(1, arm="separated", autoreset_mode="Disabled", resolution=(8, 8))
    env.reset(seed=0)
    beacon = env.worlds.missions[0].targets("beacon")[0]
    env.worlds.players["pos"][0] = (beacon[0] + 0.5, 1.0, beacon[2] - 0.4)
    env.worlds.players["yaw_deg"][0] = 0.0
    _, reward, terminated, truncated, infos = env.step(np.array([[1, 0, 0]]))
    assert reward[0] == 0.0 and not terminated[0] and not truncated[0]
    assert infos["returns"]["beacon"][0] == 1.0 and infos["returns"]["goal"][0] == 0.0


def test_frames_are_fresh_arrays_unless_copy_is_off():
    env = VoxelVectorEnv(1, resolution=(8, 8))
    first, second = env.reset(seed=0)[0]["pov"], env.step(np.zeros((1, 3), dtype=int))[0]["pov"]
    assert not np.shares_memory(first, second)
    shared = VoxelVectorEnv(1, resolution=(8, 8), copy=False)
    assert np.shares_memory(shared.reset(seed=0)[0]["pov"], shared.step(np.zeros((1, 3), dtype=int))[0]["pov"])


@pytest.mark.parametrize(
    "actions, message",
    [
        (np.zeros((2, 2), dtype=int), r"shape \(2, 2\), expected \(2, 3\)"),
        (np.full((2, 3), np.nan), "dtype float64, expected integers"),
        (np.array([[0, 0, 0], [0, 3, 0]]), "action 3 of control 1 in world 1, expected 0 to 2"),
        (np.array([[-1, 0, 0], [0, 0, 0]]), "action -1 of control 0"),
    ],
)
def test_wrong_actions_are_named_before_the_engine_sees_them(actions, message):
    env = VoxelVectorEnv(2, resolution=(8, 8))
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(actions)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"task": "becon"}, "unknown task 'becon'; did you mean 'beacon'"),
        ({"arm": "seperated"}, "did you mean 'separated'"),
        ({"split": "tset"}, "did you mean 'test'"),
        ({"num_envs": 0}, "num_envs=0: expected 1 or more"),
        ({"rho": 1.5}, "rho=1.5: expected a probability"),
        ({"fov_deg": 0.0}, "fov_deg=0.0"),
        ({"resolution": (64,)}, "expected .height, width"),
        ({"resolution": (100_000, 64)}, "1 to 2048 pixels"),
        ({"max_episode_steps": -1}, "max_episode_steps=-1: expected 1 or more"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(kwargs, message):
    with pytest.raises(UserError, match=message) as error:
        VoxelVectorEnv(**kwargs)
    assert "\n" not in str(error.value)


def test_play_chords_cover_walking_turning_and_jumping_at_once():
    chords = VoxelEnv(resolution=(8, 8)).get_keys_to_action()
    assert chords[(" ", "a", "w")].tolist() == [1, 1, 1]
    assert ("a", "d") not in chords  # a control has one choice at a time


def test_a_task_with_items_shows_what_is_carried_and_what_is_in_hand(digging):
    env = VoxelVectorEnv(2, "digging", resolution=(8, 8), autoreset_mode="Disabled")
    obs, infos = env.reset(seed=0)
    assert env.observation_space.contains(obs)
    assert obs["inventory"].tolist() == [[2, 1]] * 2 and obs["held"].tolist() == [2, 2]
    assert infos["health"].tolist() == [20, 20]
    obs, *_ = env.step(np.array([[1, 1, 2], [1, 1, 1]]))
    assert obs["held"].tolist() == [1, 2]  # dirt; the shovel
    assert obs["inventory"].dtype == np.int32
    # dirt takes an iron shovel 3 ticks, in the first step; picked up 9 ticks later, at the end of the third
    for _ in range(2):
        obs, *_ = env.step(np.array([[0, 0, 0], [0, 0, 0]]))
    assert obs["inventory"].tolist() == [[2, 1], [3, 1]]


def test_an_episode_that_ends_hands_out_its_last_inventory(digging):
    env = VoxelVectorEnv(1, "digging", resolution=(8, 8))
    env.reset(seed=0)
    terminated = np.array([False])
    while not terminated[0]:
        obs, rewards, terminated, truncated, infos = env.step(np.array([[1, 1, 0]]))
        assert not truncated[0]
    assert rewards[0] == 1.0
    assert infos["final_obs"][0]["inventory"].tolist() == [3, 1] and obs["inventory"].tolist() == [[2, 1]]


def test_check_env_is_content_with_a_task_that_shows_items(digging):
    check_env(VoxelEnv("digging"))
