import contextlib
import importlib.util
import json
import os
import socket
import struct
import threading
import time

import numpy as np
import pytest

from mcproxy import registry
from mcproxy.engine.worlds import Worlds
from mcproxy.errors import UserError
from mcproxy.malmo.client import connection
from mcproxy.malmo.server import protocol, session
from mcproxy.malmo.xml.reader import read_mission
from mcproxy.malmo.xml.writer import mission_xml
from tests.helpers.malmo_client import FLAT, Client, image, init_of, serving


@pytest.fixture(scope="module")
def server():
    with serving() as (server, log):
        yield server, log


@pytest.fixture
def port(server):
    return server[0].ports[0]


@pytest.fixture
def log(server):
    server[1].clear()
    return server[1]


@pytest.fixture
def client(port):
    client = Client(port)
    yield client
    client.leave()


def walk_until_done(client, *commands, most=60):
    for tick in range(1, most + 1):
        _, reward, done, info = client.step(*commands)
        if done:
            return tick, reward, info
    return most, 0.0, info


def test_a_mission_written_by_hand_runs_to_its_reward_and_its_end_in_one_step(client):
    assert client.begin() == 1
    frame, info, done = client.peek()
    assert (info["xpos"], info["ypos"], info["zpos"]) == (0.5, 4.0, 0.5) and not done
    assert len(frame) == 32 * 16 * 3
    tick, reward, info = walk_until_done(client, "forward 1")
    assert reward == 5.0
    assert 2.7 - 0.001 <= info["zpos"] <= 2.7  # 0.3 before the gold block's face at z = 3


def test_the_time_limit_ends_a_mission_after_its_ticks(client):
    client.begin()
    tick, reward, info = walk_until_done(client, "back 1", most=80)
    assert (tick, reward, info["total_time"]) == (60, 0.0, 60)  # 3000 ms of 50 ms each
    frame, reward, done, again = client.step("forward 1")  # nothing changes any more
    assert done and again["total_time"] == 60


def test_keys_stay_down_until_they_are_released(client):
    client.begin()
    client.step("forward 1")
    moving = [client.step()[3]["zpos"] for _ in range(5)]
    assert all(later > earlier for earlier, later in zip(moving, moving[1:], strict=False))
    client.step("forward 0")
    for _ in range(20):
        rest = client.step()[3]["zpos"]
    assert client.step()[3]["zpos"] == rest


@pytest.mark.parametrize("value", ["True", "1.0", "yes", ""])
def test_keys_take_1_and_0_alone(client, log, value):
    client.begin()
    assert client.step(f"forward {value}")[3]["zpos"] == 0.5
    assert "cannot follow" in log[0]


def test_the_camera_turns_before_the_player_moves(client):
    client.begin()
    info = client.step("forward 1", "camera 0.0 90.0")[3]  # yaw 90 looks along -x
    assert info["xpos"] < 0.5 and info["zpos"] == pytest.approx(0.5, abs=1e-12)
    assert (info["yaw"], info["pitch"]) == (90.0, 0.0)


def test_pitch_ends_at_straight_up_and_down(client):
    client.begin()
    assert client.step("camera -120.0 0.0")[3]["pitch"] == -90.0


def test_frames_have_their_bottom_row_first(client):
    client.begin()
    picture = image(client.peek()[0], 16, 32).astype(int)
    assert picture[0].sum() > picture[-1].sum()  # the sky is brighter than the ground


def test_frames_and_positions_are_those_of_the_engine(client):
    mission = registry.get("beacon").mission(3, "separated", "eval")
    client.begin(mission_xml(mission))
    worlds = Worlds(1, mission.blocks.shape, action_repeat=1)
    worlds.load(0, mission)
    keys = np.zeros((1, 11), dtype=np.int8)
    keys[0, [0, 3, 5]] = 1, 2, 1  # forward, turn right, jump
    assert np.array_equal(image(client.peek()[0], 64, 64), worlds.render()[0])
    for _ in range(40):
        frame, _, _, info = client.step("forward 1", "jump 1", "camera 0.0 3.75")
        worlds.step(keys)
        assert [info["xpos"], info["ypos"], info["zpos"]] == worlds.players["pos"][0].tolist()
        assert info["yaw"] == worlds.players["yaw_deg"][0]
        assert np.array_equal(image(frame, 64, 64), worlds.render()[0])
    worlds.close()


def test_quit_answers_whether_nothing_runs(client):
    client.send(b"<Quit/>")
    assert client.receive() == struct.pack("!I", 1)
    client.begin()
    client.send(b"<Quit/>")
    assert client.receive() == struct.pack("!I", 0)


def test_inventory_is_told_slot_by_slot(client):
    start = '<Inventory><InventoryObject slot="0" type="wool" metadata="14" quantity="3"/></Inventory></AgentStart>'
    observe = '<ObservationFromFullInventory flat="false"/><ObservationFromEquippedItem/><ObservationFromFullStats/>'
    mission = FLAT.replace("</AgentStart>", start).replace("<ObservationFromFullStats/>", observe)
    client.begin(mission)
    info = client.peek()[1]
    first, second = info["inventory"][:2]
    assert (first["type"], first["metadata"], first["quantity"]) == ("wool", 14, 3)
    assert (second["type"], second["quantity"], len(info["inventory"])) == ("air", 0, 41)
    assert info["equipped_items"]["mainhand"]["type"] == "wool"
    info = client.step("hotbar.2 1")[3]
    assert info["current_item_index"] == 1 and info["equipped_items"]["mainhand"] == {}


REWARDS = {
    "oncePerBlock": [1.0, 0.0, 0.0],
    "constant": [1.0, 1.0, 1.0],
    "onceOnly": [1.0, 0.0, 0.0],
}


@pytest.mark.parametrize("behaviour", REWARDS)
def test_the_floor_pays_who_stands_on_it(client, behaviour):
    reward = f'<Block type="emerald_block" reward="1" behaviour="{behaviour}"/>'
    mission = FLAT.replace('<Block type="gold_block" reward="5" behaviour="onceOnly"/>', reward)
    mission = mission.replace(
        "</DrawingDecorator>", '<DrawBlock x="0" y="3" z="0" type="emerald_block"/></DrawingDecorator>'
    )
    client.begin(mission)
    assert [client.step()[1] for _ in range(3)] == REWARDS[behaviour]


def test_ends_are_paid_by_their_description(client):
    end = (
        '<RewardForMissionEnd rewardForDeath="-9"><Reward description="out_of_time" reward="-2"/></RewardForMissionEnd>'
    )
    client.begin(FLAT.replace("<HumanLevelCommands/>", end + "<HumanLevelCommands/>"))
    assert walk_until_done(client)[1] == -2.0


def test_realtime_waits_for_a_tick_of_20_a_second(monkeypatch):
    clock = {"now": 100.0, "slept": 0.0}

    def sleep(seconds):
        clock["now"] += seconds
        clock["slept"] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(time, "sleep", sleep)
    running = session.Session(read_mission(FLAT), realtime=True)
    for _ in range(10):
        clock["now"] += 0.02  # the client's own time
        running.step("")
    running.close()
    assert clock["slept"] == pytest.approx(10 * 0.05 - 10 * 0.02)


def test_two_clients_play_at_once(port):
    first, second = Client(port), Client(port)
    assert first.begin() == second.begin() == 1
    first.step("forward 1")
    assert second.step()[3]["zpos"] == 0.5
    assert first.step()[3]["zpos"] > 0.5
    first.leave(), second.leave()


# Faults: the client loses its connection, the log gains a line, and others are served as before.


def left_in_step(client):
    client.begin()
    client.socket.sendall(struct.pack("!I", 100) + b"<StepClient0>forward 1")
    client.close()


def left_between_mission_and_token(client):
    client.send(init_of(FLAT))
    client.close()


def left_in_peek(client):
    client.begin()
    client.send(b"<Peek/>")
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no goodbye
    client.close()


def sent(message):
    return lambda client: client.send(message)


BOMB = '<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
FAULTS = {
    "a length of 4 GB": (lambda c: c.socket.sendall(b"\xff\xff\xff\xff"), "a length of 4294967295 bytes"),
    "a length of zero": (lambda c: c.socket.sendall(b"\0\0\0\0"), "a length of 0 bytes"),
    "a mission of 50 MB": (lambda c: c.socket.sendall(struct.pack("!I", 50 * 2**20)), "expected 1 to 4194304"),
    "an XML bomb": (lambda c: c.begin(BOMB + FLAT.strip()), "DOCTYPE"),
    "a deep mission": (
        lambda c: c.begin(FLAT.replace("<About>", "<About>" + "<a>" * 300 + "</a>" * 300)),
        "cannot be run",
    ),
    "an unknown element": (
        lambda c: c.begin(FLAT.replace("<HumanLevelCommands/>", "<ChatCommands/>")),
        "<ChatCommands>",
    ),
    "a step before a mission": (sent(b"<StepClient0></StepClient0 >"), "before any mission"),
    "a step without an end": (lambda c: (c.begin(), c.send(b"<StepClient0>forward 1")), "without an end"),
    "no command": (sent(b"<Hallo/>"), "no command of the protocol"),
    "two agents": (lambda c: (c.send(init_of(FLAT)), c.send(b"e:0:0:2:true")), "of '2' agents"),
    "left in a step": (left_in_step, "left within"),
    "left in Peek": (left_in_peek, ""),
    "left between mission and token": (left_between_mission_and_token, "left between a mission and its token"),
    "left at once": (lambda c: c.close(), "left without <Disconnect/>"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_the_connection_and_a_line(server, port, log, fault):
    commit, line = FAULTS[fault]
    client = Client(port)
    with contextlib.suppress(ConnectionError):
        commit(client)
    if client.socket.fileno() != -1:
        assert client.is_closed()
    client.close()
    wait_until(lambda: log and server[0].clients == 0)
    assert len(log) == 1 and line in log[0] and "\n" not in log[0]
    other = Client(port)
    assert other.begin() == 1
    other.leave()


def test_garbage_before_the_greeting_is_refused(server, port, log):
    client = Client(port, hello=None)
    client.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")  # its first four bytes are a length of 1.2 GB
    assert client.is_closed()
    client.close()
    greeted = Client(port, hello=b"<MalmoEnv1.0/>")
    assert greeted.is_closed()
    wait_until(lambda: len(log) == 2)
    assert "the greeting" in log[0] and "expected <MalmoEnv0.37.0" in log[1]


def test_a_thread_that_the_system_refuses_costs_one_client(server, port, log, monkeypatch):
    start, refused = threading.Thread.start, iter([True])

    def refusing(thread):
        if next(refused, False):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refusing)
    assert Client(port).is_closed()
    wait_until(lambda: log and server[0].clients == 0)
    assert len(log) == 1 and "refused: can't start new thread" in log[0]
    other = Client(port)
    assert other.begin() == 1
    other.leave()


@pytest.mark.parametrize(
    "command", ["camera nan 0.0", "camera 0.0 inf", "camera 0.0 1e30", "camera 1.0", "forward 2", "fly 1"]
)
def test_commands_out_of_range_change_nothing(client, log, command):
    client.begin()
    before = client.step()[3]
    after = client.step(command)[3]
    for key in ("xpos", "ypos", "zpos", "yaw", "pitch"):
        assert after[key] == before[key]
    assert len(log) == 1 and repr(command)[1:-1] in log[0]


def test_ten_thousand_commands_are_followed_in_one_step(client):
    client.begin()
    info = client.step(*["camera 0.0 1.0"] * 10_000, "forward 1")[3]
    assert info["yaw"] == 10_000 % 360 - 360 * (10_000 % 360 >= 180)


def test_a_thousand_connections_leave_nothing_behind(server, port, log):
    def count():
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    wait_until(lambda: server[0].clients == 0)
    before = count()
    for k in range(1000):
        client = Client(port)
        if k % 100 == 0:
            client.begin()
            client.step()
        client.send(b"<Disconnect/>")
        client.close()
    wait_until(lambda: count() == before and server[0].clients == 0)
    assert log == []


@pytest.mark.parametrize("hello", [None, b"<MalmoEnv0.37.0/>"])
def test_who_says_nothing_or_stops_is_let_go(monkeypatch, server, port, log, hello):
    monkeypatch.setattr(protocol, "STALLED_S", 0.01)
    client = Client(port, hello)
    if hello is not None:
        client.socket.sendall(b"\0\0")  # half a length
    assert client.is_closed()
    client.close()
    wait_until(lambda: len(log) == 1)
    assert ("sent nothing" if hello is None else "stopped for") in log[0]


def test_exit_leaves_the_server_running(server, port):
    client = Client(port)
    client.send(b"<Exit>NOW</Exit>")
    assert client.receive() == struct.pack("!I", 1) and client.is_closed()
    client.close()
    other = Client(port)
    assert other.begin() == 1
    other.leave()


def test_a_taken_port_is_one_line(port):
    with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{port}: Address already in use"), serving_on(port):
        pass


def serving_on(port):
    from mcproxy.malmo.server.server import MalmoServer

    return MalmoServer(port=port)


def test_instances_listen_on_ports_of_their_own():
    with serving(instances=3) as (server, _):
        assert len(set(server.ports)) == 3
        for port in server.ports:
            client = Client(port)
            assert client.begin() == 1
            client.leave()


def test_every_info_is_json_with_the_keys_that_minerl_reads(client):
    client.begin()
    keys = "is_dead living_death_event_fired xpos ypos zpos yaw pitch life is_alive food saturation xp air score "
    keys += (
        "sun_brightness sky_light_level light_level can_see_sky biome_rainfall biome_temperature is_raining biome_id"
    )
    assert set(keys.split()) | {"sea_level", "stat"} <= json.loads(json.dumps(client.peek()[1])).keys()


def wait_until(condition):
    """The server's threads notice in their own time; what has not come true within a minute never will."""
    event = threading.Event()
    for _ in range(12_000):
        if condition():
            return
        event.wait(0.005)
    raise AssertionError("the server has not noticed")


def test_without_minerl_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'MineRL backend needs: READTHEDOCS=1 pip install -e "\.\[minerl\]", in the'):
        connection.check_installed()
