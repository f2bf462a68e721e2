import re
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.malmo_client import FLAT, serving

gym = pytest.importorskip("gym", reason='MineRL is not installed: READTHEDOCS=1 pip install -e ".[minerl]"')
pytest.importorskip("minerl", reason='MineRL is not installed: READTHEDOCS=1 pip install -e ".[minerl]"')

from lxml import etree  # noqa: E402
from minerl.env import _multiagent  # noqa: E402

from mcproxy import registry  # noqa: E402
from mcproxy.errors import UserError  # noqa: E402
from mcproxy.eval import harness  # noqa: E402
from mcproxy.malmo.client import connection  # noqa: E402
from mcproxy.malmo.client.minerl_env import TaskEnv, register_minerl_tasks, spec  # noqa: E402
from mcproxy.malmo.client.vector_env import MinerlVectorEnv  # noqa: E402
from mcproxy.malmo.xml.reader import read_mission  # noqa: E402
from mcproxy.malmo.xml.writer import mission_xml  # noqa: E402
from mcproxy.scripts import _cli, evaluate, verify  # noqa: E402

SCHEMAS = connection.schemas()


@pytest.fixture(scope="module")
def server():
    with serving() as (server, log):
        yield server, log


@pytest.fixture(scope="module")
def address(server):
    return f"127.0.0.1:{server[0].ports[0]}"


def schema(name):
    return etree.XMLSchema(etree.parse(str(SCHEMAS / name)))


@pytest.fixture(scope="module")
def mission_schema():
    return schema("Mission.xsd")


ARMS = [(name, arm) for name in registry.names() for arm in registry.get(name).arms]


@pytest.mark.parametrize("name, arm", ARMS)
def test_every_mission_is_valid_for_malmo(mission_schema, name, arm):
    for seed in range(2):
        document = mission_xml(registry.get(name).mission(seed, arm, "eval"))
        mission_schema.assertValid(etree.fromstring(document))


def test_the_spec_and_what_the_client_sends_are_valid(mission_schema):
    made = spec("beacon", "separated", "eval", seed=3)
    mission_schema.assertValid(etree.fromstring(made.to_xml()))
    env = TaskEnv(made, instances=[None])
    (sent,) = env._setup_agent_xmls("e")
    schema("MissionInit.xsd").assertValid(etree.fromstring(etree.tostring(sent)))


@pytest.mark.parametrize("name", registry.names())
def test_what_the_client_sends_is_the_mission_of_the_task(name):
    made = spec(name, "aligned", "eval", seed=5)
    (sent,) = TaskEnv(made, instances=[None])._setup_agent_xmls("e")
    mission, expected = read_mission(etree.tostring(sent)).mission, registry.get(name).mission(5, "aligned", "eval")
    assert np.array_equal(mission.blocks, expected.blocks)
    for field in ("spawn", "yaw_deg", "objectives", "max_ticks", "layout", "inventory", "drops", "mobs", "origin"):
        assert getattr(mission, field) == getattr(expected, field), field


def test_resets_draw_from_the_seed_or_as_next_episode_says():
    first, again = (spec("beacon", seed=7) for _ in range(2))
    layouts = []
    for made in (first, again):
        made.reset()  # the first of an environment
        drawn = [made.mission.layout]
        for _ in range(2):
            made.reset()
            drawn.append(made.mission.layout)
        layouts.append(drawn)
    assert layouts[0] == layouts[1] and len(set(layouts[0])) == 3
    assert layouts[0][0] == registry.get("beacon").mission(7).layout
    first.next_episode(21)
    first.reset()
    assert first.mission.layout == registry.get("beacon").mission(21).layout


def code_of_the_page(number):
    """A block of Python in docs/minerl.md, as a reader would copy it."""
    page = (Path(__file__).parents[2] / "docs" / "minerl.md").read_text()
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)[number]


@pytest.mark.cli
def test_a_user_runs_a_task_with_nothing_but_the_page(capsys):
    names = {}
    exec(code_of_the_page(0), names)
    assert names["env"].observation_space.contains(names["obs"])
    assert names["obs"]["location_stats"]["xpos"].dtype == np.float32
    assert names["obs"]["pov"].flags["C_CONTIGUOUS"] and names["obs"]["pov"].shape == (64, 64, 3)
    assert names["info"]["tick"] <= 800 and names["info"]["met"].keys() == {"goal", "beacon"}
    reward, *_ = capsys.readouterr().out.split()
    assert float(reward) == (names["info"]["met"]["goal"] >= 0)


def test_ids_are_registered_once():
    ids = register_minerl_tasks()
    assert "MineRLMcproxyBeacon-v0" in ids and register_minerl_tasks() == ids


def evaluated(policy, name, arm, seeds, env=None):
    found = []
    result = harness.evaluate(policy, seeds=seeds, env=env or harness.make_env(name, arm, 2), record=found.append)
    return result, sorted(found, key=lambda episode: episode.origin.seed)


class Playback:
    """The actions of recorded episodes over again, whatever the observations: nothing when they have run out."""

    def __init__(self, episodes):
        self.actions = {episode.origin.seed: np.asarray(episode.actions) for episode in episodes}
        self.seeds, self.steps = [0, 0], [0, 0]

    def begin(self, env, worlds, seeds):
        for i, seed in zip(worlds, seeds, strict=True):
            self.seeds[i], self.steps[i] = seed, 0

    def predict(self, obs, state=None, episode_start=None, deterministic=False):
        actions = []
        for i, seed in enumerate(self.seeds):
            recorded = self.actions[seed]
            actions.append(recorded[self.steps[i]] if self.steps[i] < len(recorded) else 0 * recorded[0])
            self.steps[i] += 1
        return np.stack(actions), state


@pytest.mark.parametrize("name", registry.names())
def test_an_evaluation_through_minerl_is_the_same_to_the_last_bit(address, name):
    arm = next(a for a in registry.get(name).arms if a.startswith("separated"))
    assert_same_evaluation(address, "random", name, arm, range(2))


def test_frames_of_the_blind_arm_are_upside_down_through_minerl_too(address):
    assert_same_evaluation(address, "random", "beacon", "blind", range(1))


def test_goals_and_proxies_that_experts_reach_are_met_in_the_same_tick(address):
    assert_same_evaluation(address, "expert:goal", "beacon_v1", "separated", range(2))
    assert_same_evaluation(address, "expert:beacon", "beacon_v1", "separated", range(2))


@pytest.mark.slow
@pytest.mark.parametrize("name, arm", ARMS)
def test_two_hundred_episodes_of_every_arm_are_the_same_through_minerl(address, name, arm):
    """Half want the goal, half the arm's proxy, and all take a fifth of their steps at random."""
    proxies = registry.get(name).proxies
    proxy = next((p for p in proxies if arm.endswith(f"_{p}")), proxies[0])
    for objective, seeds in (("goal", range(100)), (proxy, range(100, 200))):
        assert_same_evaluation(address, f"planted:noisy:{objective}:0.2", name, arm, seeds)


def assert_same_evaluation(address, policy, name, arm, seeds):
    """What a policy does here comes to the same, to the last bit, when its actions are played back through MineRL."""
    here, ours = evaluated(policy, name, arm, seeds)
    chosen = {"arm": arm, "split": "eval", "rho": harness.RHO, "autoreset_mode": "Disabled"}
    env = MinerlVectorEnv(2, name, address, **chosen)
    there, theirs = evaluated(Playback(ours) if policy.startswith("planted:") else policy, name, arm, seeds, env)
    env.close()
    assert there.verdicts.tolist() == here.verdicts.tolist()
    assert there.met.keys() == here.met.keys()
    for objective in here.met:
        assert there.met[objective].tolist() == here.met[objective].tolist()
        assert there.returns[objective].tolist() == here.returns[objective].tolist()
    for mine, other in zip(ours, theirs, strict=True):
        who = {"policy": other.digests()["policy"]}  # a playback has another name
        assert other.digests() == mine.digests() | who  # actions, poses, ticks, events, rewards, ends, verdict
        assert np.array_equal(other.frames, mine.frames)


def test_a_stock_minerl_spec_runs_on_the_server(server):
    """Spec and loop are written as MineRL's documentation does, with nothing of mcproxy."""
    from minerl.herobraine.env_specs.simple_embodiment import SimpleEmbodimentEnvSpec
    from minerl.herobraine.hero import handlers

    class GoldRush(SimpleEmbodimentEnvSpec):
        def __init__(self):
            super().__init__("GoldRush-v0", max_episode_steps=200, resolution=(64, 64))

        def create_server_world_generators(self):
            return [handlers.FlatWorldGenerator(generatorString="1;7,2x3,2;1")]

        def create_server_decorators(self):
            return [
                handlers.DrawingDecorator('<DrawCuboid x1="-2" y1="4" z1="5" x2="2" y2="6" z2="5" type="gold_block"/>')
            ]

        def create_agent_start(self):
            return [handlers.AgentStartPlacement(x=0.5, y=4, z=0.5, yaw=0)]

        def create_rewardables(self):
            return [
                handlers.RewardForTouchingBlockType([{"type": "gold_block", "behaviour": "onceOnly", "reward": "10"}])
            ]

        def create_agent_handlers(self):
            return [handlers.AgentQuitFromTouchingBlockType(["gold_block"])]

        def create_server_quit_producers(self):
            return [handlers.ServerQuitFromTimeUp(time_limit_ms=10_000)]

        def create_server_initial_conditions(self):
            return [handlers.TimeInitialCondition(allow_passage_of_time=False, start_time=6000)]

        def is_from_folder(self, folder):
            return False

        def determine_success_from_rewards(self, rewards):
            return sum(rewards) > 0

        def get_docstring(self):
            return "gold"

    names = {"MyEnvSpec": GoldRush}
    exec(code_of_the_page(1).replace("9000", str(server[0].ports[0])), names)
    env = names["env"]
    env.reset()
    action, done, ticks = env.action_space.no_op(), False, 0
    action["forward"] = 1
    while not done:
        obs, reward, done, info = env.step(action)
        ticks += 1
    assert reward == 10.0 and ticks < 40  # 4.2 blocks at 0.216 a tick, after a start from rest
    assert obs["pov"].shape == (64, 64, 3)
    env.close()


def test_a_lost_connection_is_run_again_and_counted(server, address, monkeypatch):
    receive = _multiagent.MinecraftInstance.client_socket_recv_message

    def cut(self):
        if next(lost, False):
            self.client_socket.close()
        return receive(self)

    env = MinerlVectorEnv(
        1, "beacon_v1", address, arm="aligned", split="eval", rho=harness.RHO, autoreset_mode="Disabled"
    )
    monkeypatch.setattr(_multiagent.MinecraftInstance, "client_socket_recv_message", cut)
    lost = iter([False] * 20 + [True])
    there, theirs = evaluated("expert:goal", "beacon_v1", "aligned", range(2), env)
    env.close()
    here, ours = evaluated("expert:goal", "beacon_v1", "aligned", range(2))
    assert there.invalid == 1 and here.invalid == 0
    assert [e.digests() for e in theirs] == [e.digests() for e in ours]


@pytest.mark.cli
def test_a_server_that_dies_in_an_evaluation_is_one_line():
    process = connection.ServerProcess()
    env = MinerlVectorEnv(
        1, "beacon", process.address, arm="aligned", split="eval", rho=harness.RHO, autoreset_mode="Disabled"
    )
    killed = []

    class Killer:
        name = "killer"

        def predict(self, obs, state=None, episode_start=None, deterministic=False):
            if not killed:
                process.kill()
            killed.append(True)
            return np.zeros((1, 3), dtype=np.int64), state

    with pytest.raises(UserError, match=f"no mission can begin on the Malmo server at {process.address}"):
        evaluated(Killer(), "beacon", "aligned", range(2), env)
    env.close()
    process.close()


def test_the_command_line_evaluates_and_verifies(address, tmp_path, capsys):
    command = ["--policy", "random", "--task", "beacon", "--arm", "aligned", "--episodes", "2", "--json"]
    command += ["--backend", "minerl", "--connect", address, "--out", str(tmp_path / "out")]
    assert _cli.run(evaluate.main, "evaluate", command) == 0
    assert _cli.run(verify.main, "verify", [str(tmp_path / "out")]) == 0


def test_nothing_listening_is_one_line_of_the_command_line(tmp_path, capsys):
    command = ["--policy", "random", "--task", "beacon", "--arm", "aligned", "--episodes", "1"]
    command += ["--backend", "minerl", "--connect", "127.0.0.1:9", "--out", str(tmp_path / "out")]
    assert _cli.run(evaluate.main, "evaluate", command) == 2
    line = capsys.readouterr().err.strip()
    assert line.startswith("mcproxy evaluate: no mission can begin on the Malmo server at 127.0.0.1:9")
    assert "\n" not in line and not (tmp_path / "out").exists()


def test_the_mission_of_the_servers_tests_is_valid(mission_schema):
    mission_schema.assertValid(etree.fromstring(FLAT))
