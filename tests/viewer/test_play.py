"""Playing oneself: what keys do, when the clock runs, how an episode ends, and the window itself."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mcproxy import controls, registry
from mcproxy.engine.worlds import Worlds
from mcproxy.experts import Expert
from mcproxy.mission import GOAL, NOWHERE, Mission, Objective, Stack
from mcproxy.scripts import main as command_line
from mcproxy.verdict import verdict_of
from mcproxy.viewer.canvas import text_width
from mcproxy.viewer.panel import Layout, told_of
from mcproxy.viewer.play import _COMMANDS, BINDINGS, Game, Presses, _described, _lines
from tests.helpers.virtual_display import needs_xvfb, virtual_display


@pytest.fixture
def told() -> list[str]:
    """The lines that the game says."""
    return []


@pytest.fixture
def game(told) -> Game:
    return Game(registry.get("beacon"), "separated", 7, verdict_of, tell=told.append, size=320)


def play_like(game: Game, objective: str) -> None:
    """Let an expert press the keys until the episode is over."""
    env = SimpleNamespace(task=game.task, num_envs=1, worlds=game._worlds, action_repeat=1)
    expert = Expert(objective, env)
    expert.begin(env, [0], [game.seed])
    keys = {binding: key for key, binding in BINDINGS.items()}
    while not game.over:
        action = expert.predict(None)[0][0]
        game.advance([keys[name, choice] for name, choice in zip(game.task.controls, action, strict=True) if choice])


def test_every_choice_of_every_control_has_a_key():
    choices = {(c.name, k) for c in controls.CONTROLS for k in range(1, len(c.choices))}
    assert set(BINDINGS.values()) == choices


def test_the_clock_starts_with_the_first_key(game):
    game.advance([])
    game.advance(["h"])  # has no meaning
    assert game.tick == 0
    game.advance(["w"])
    game.advance([])
    assert game.tick == 2


def test_a_held_key_walks_and_turns_as_it_does_for_an_agent(game):
    start, yaw = game._worlds.players["pos"][0].copy(), float(game._worlds.players["yaw_deg"][0])
    for _ in range(4):
        game.advance(["d"])
    assert game._worlds.players["yaw_deg"][0] - yaw == 4 * controls.TURN_DEG
    np.testing.assert_array_equal(game._worlds.players["pos"][0], start)
    for _ in range(8):
        game.advance(["up"])
    assert np.linalg.norm(game._worlds.players["pos"][0] - start) > 1.0  # 8 ticks at 4.3 blocks/s are 1.7


@pytest.mark.parametrize(("objective", "verdict"), [("goal", "goal"), ("beacon", "proxy:beacon")])
def test_an_episode_ends_with_its_verdict_told_once(game, told, objective, verdict):
    play_like(game, objective)
    game.advance(["w"])
    assert told == [f"beacon, separated, seed 7: {verdict} (tick {game.tick})"]
    assert game.tick <= game.mission.max_ticks


def test_r_begins_again_n_goes_to_the_next_world_and_escape_quits(game):
    first = game.mission.digest()
    game.advance(["w"])
    game.press("r")
    assert (game.tick, game.seed, game.mission.digest()) == (0, 7, first)
    game.press("n")
    assert game.seed == 8 and game.mission.digest() != first
    game.press("escape")
    assert game.done


def test_the_picture_shows_the_keys_that_are_held(game):
    idle = game.image()
    game.advance(["space"])
    held = game.image()
    assert idle.shape == held.shape
    white = (held == (250, 250, 252)).all(axis=-1) & (idle != held).any(axis=-1)
    assert white.sum() > 500  # pixels of one lit key


def test_the_keys_of_all_controls_fit_below_the_picture_and_none_is_left_out():
    words, layout = [*_described(controls.NAMES), *_COMMANDS], Layout(448)
    lines = _lines(words, layout)
    assert " · ".join(lines) == " · ".join(words)
    assert all(text_width(line, layout.small) <= layout.width - 2 * layout.small for line in lines)


@pytest.mark.parametrize("name", registry.names())
def test_every_task_can_be_played_with_the_keys_of_its_controls_on_the_screen(name):
    game = Game(registry.get(name), "shifted", 0, verdict_of, tell=lambda line: None, size=320)
    assert len(_described(game.task.controls)) == len(game.task.controls)
    assert list(game._pressed) == list(game.task.controls)  # the panel draws a key for each choice of these
    game.advance(["j", "w", "l"])
    assert game.image().shape[1] == Layout(320, len(game.mission.objectives)).width


def test_the_picture_tells_what_is_carried_what_is_in_hand_first():
    worlds = Worlds(1, (8, 8, 8), (8, 8))
    goal = (Objective("goal", GOAL, NOWHERE),)
    carried = (Stack("iron_shovel"), Stack("dirt", 12))
    worlds.load(0, Mission(np.zeros((8, 8, 8), np.uint8), (4.0, 0.0, 4.0), goal, 100, "", inventory=carried))
    note = "10 hearts · 1 iron_shovel, 12 dirt"
    assert told_of(worlds, worlds.state[0], ("move", "attack"))["note"] == note
    worlds.state["held"] = 1
    assert told_of(worlds, worlds.state[0], ("move", "use"))["note"] == "10 hearts · 12 dirt, 1 iron_shovel"
    assert told_of(worlds, worlds.state[0], ("move", "turn"))["note"] == ""  # it could not be used


def test_a_press_walks_for_a_while_and_turns_for_one_step():
    presses = Presses()
    presses.press("w")
    presses.press("a")
    held = [sorted(presses.held()) for _ in range(14)]
    assert held == [["a", "w"]] * 4 + [["w"]] * 8 + [[]] * 2


def test_a_repeat_prolongs_a_press_and_its_opposite_ends_it():
    presses = Presses()
    presses.press("w")
    for _ in range(10):
        presses.held()
    presses.press("w")
    assert [presses.held() for _ in range(12)] == [["w"]] * 12
    presses.press("w")
    presses.press("s")
    assert presses.held() == ["s"]


def test_bad_arguments_are_one_line(capsys):
    for argv, told in (
        (["play", "--task", "becon"], "did you mean 'beacon'"),
        (["play", "--arm", "separate"], "did you mean 'separated'"),
        (["play", "--seed", "-1"], "seed=-1"),
        (["play", "--seed", "x"], "whole number"),
    ):
        assert command_line.main(argv) == 2
        errors = capsys.readouterr().err
        assert told in errors and errors.count("\n") == 1, argv


PLAY = """
import sys
sys.modules["pygame"] = None  # OpenCV's window
from mcproxy.viewer import window as replay_window
from mcproxy.scripts import main

keys = iter(["w"] * 5 + ["d", "space", "n", "escape"])
real = replay_window.Window.key

def scripted(window, wait_ms):
    assert real(window, wait_ms) is None
    return next(keys)

replay_window.Window.key = scripted
sys.exit(main.main(["play", "--arm", "decoy"]))
"""


@pytest.mark.cli
@needs_xvfb
def test_the_window_opens_on_a_real_display():
    with virtual_display() as display:
        environment = os.environ | {"DISPLAY": display}
        command = [sys.executable, "-c", PLAY]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
