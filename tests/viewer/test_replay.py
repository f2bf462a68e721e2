"""The viewer: what the panel shows, which episodes stand side by side, keys, clips, and the window itself."""

import builtins
import dataclasses
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from mcproxy import controls
from mcproxy.env import VoxelVectorEnv
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.experts import Expert
from mcproxy.recording import Recorder, Recording
from mcproxy.scripts import main as command_line
from mcproxy.verdict import verdict_of
from mcproxy.viewer import canvas as replay_canvas
from mcproxy.viewer import window as replay_window
from mcproxy.viewer.canvas import GOLD, PROXY_COLOURS
from mcproxy.viewer.export import export, write_clip, write_picture
from mcproxy.viewer.panel import Layout, panel, storyboard
from mcproxy.viewer.playback import HOLD_TICKS, Playback, clip, layout_of
from mcproxy.viewer.replayer import HELP, Episodes, Replayer
from mcproxy.viewer.top_down_map import TopDown
from tests.helpers.virtual_display import needs_xvfb, virtual_display

SEED, OTHER_SEED = 7, 8
SIZE = 320
BEACON = PROXY_COLOURS[0]


def expert_episode(arm: str, seed: int, objective: str, steps: int = 60) -> Episode:
    """What an expert does in one layout, cut after some steps."""
    env = VoxelVectorEnv(1, arm=arm, split="eval", autoreset_mode="Disabled", max_episode_steps=steps)
    obs, _ = env.reset(seed=[seed])
    expert = Expert(objective, env)
    expert.begin(env, [0], [seed])
    players, mission = env.worlds.players, env.worlds.missions[0]
    rows, poses, ticks, frames = [], [], [], []
    while True:
        poses.append([*players["pos"][0], players["yaw_deg"][0], players["pitch_deg"][0]])
        ticks.append(int(env.worlds.ticks[0]))
        frames.append(obs["pov"][0])
        if rows and (rows[-1][2] or rows[-1][3]):
            break
        action, _ = expert.predict(obs)
        obs, reward, terminated, truncated, _ = env.step(action)
        rows.append((action[0], reward[0], terminated[0], truncated[0]))
    actions, rewards, terminations, truncations = map(np.array, zip(*rows, strict=True))
    met = {o.name: int(t) for o, t in zip(mission.objectives, env.worlds.met[0], strict=False)}
    return Episode(
        mission=mission,
        policy=f"expert:{objective}",
        frames=np.stack(frames),
        actions=actions,
        rewards=rewards,
        terminations=terminations,
        truncations=truncations,
        poses=np.array(poses),
        ticks=np.array(ticks),
        met=met,
        events=tuple(env.worlds.events[0]),
        verdict=verdict_of(met),
        resolution=env.resolution,
        fov_deg=env.fov_deg,
        action_repeat=env.action_repeat,
        controls=env.task.controls,
        max_ticks=int(env.worlds.limits[0]),
    )


@pytest.fixture(scope="module")
def together() -> Episode:
    return expert_episode("aligned", SEED, "goal")


@pytest.fixture(scope="module")
def apart() -> Episode:
    return expert_episode("separated", SEED, "beacon")


@pytest.fixture(scope="module")
def folders(together, apart, tmp_path_factory):
    """Two recordings: layouts 7, 8 in `aligned`, and 9, 7 in `separated`."""
    root = tmp_path_factory.mktemp("recordings")
    paths = []
    for episodes in (
        [together, expert_episode("aligned", OTHER_SEED, "goal")],
        [expert_episode("separated", 9, "goal"), apart],
    ):
        with Recorder(root) as recorder:
            for episode in episodes:
                recorder.write(dataclasses.replace(episode, policy="expert"))
        paths.append(recorder.path)
    return paths


@pytest.fixture
def replayer(folders, tmp_path) -> Replayer:
    return Replayer(Episodes(Recording(folders[0]), size=SIZE), folder=tmp_path)


def has_colour(image: np.ndarray, colour: tuple[int, int, int], x: float, y: float, reach: int = 3) -> bool:
    """Whether some pixel near (x, y) has exactly this colour."""
    x, y = round(x), round(y)
    near = image[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
    return bool((near == colour).all(axis=-1).any())


def test_a_film_has_every_tick_of_the_recording_and_the_frames_that_the_agent_saw(apart):
    playback = Playback(apart, size=64)
    assert playback.last_tick == apart.ticks[-1] and playback.faithful
    np.testing.assert_array_equal(playback.path[apart.ticks], apart.poses[:, :3])
    for step in (0, 5, len(apart)):
        np.testing.assert_array_equal(playback.view(int(apart.ticks[step])), apart.frames[step])


def test_the_view_keeps_the_proportions_of_the_recorded_frames(apart):
    wide = dataclasses.replace(apart, resolution=(32, 64), frames=None)
    assert Playback(wide, SIZE).view(0).shape == (SIZE // 2, SIZE, 3)


def test_an_episode_that_does_not_unfold_as_recorded_says_so_in_its_title(apart):
    actions = apart.actions.copy()
    actions[2] = (0, 1, 1)  # not forward, but left and up
    playback = Playback(dataclasses.replace(apart, actions=actions), SIZE)
    assert not playback.faithful and "verify" in playback.moment(0).warning
    assert Playback(apart, SIZE).moment(0).warning == ""


def test_the_map_marks_goal_marker_path_and_player_where_they_are(apart):
    playback = Playback(apart, SIZE)
    top_down = TopDown(playback.mission, 400)
    image = top_down.draw(playback.path, 0.0, 70.0, {})
    assert image.shape == (400, 400, 3)
    (goal,), (beacon,) = playback.mission.targets("goal"), playback.mission.targets("beacon")
    assert has_colour(image, GOLD, *top_down.at(goal[0] + 0.5, goal[2] + 0.5))
    middle = playback.path[playback.decided // 2]
    assert has_colour(image, (255, 255, 255), *top_down.at(middle[0], middle[2]))
    before = top_down.draw(playback.path[:1], 0.0, 70.0, {})
    assert has_colour(before, BEACON, *top_down.at(beacon[0] + 0.5, beacon[2] + 0.5))
    assert not has_colour(before, (255, 255, 255), *top_down.at(middle[0], middle[2]))
    for path, at in ((playback.path, playback.path[-1]), (playback.path[:1], playback.path[0])):
        drawn = top_down.draw(path, 0.0, 70.0, {})
        assert has_colour(drawn, (236, 56, 56), *top_down.at(at[0], at[2]))


def test_the_map_shows_the_field_of_view_in_front_of_the_player(apart):
    playback = Playback(apart, SIZE)
    top_down = TopDown(playback.mission, 400)
    x, z = top_down.at(playback.path[0][0], playback.path[0][2])
    away = round(3 * top_down.cell)  # blocks
    south, west = (top_down.draw(playback.path[:1], yaw, 60.0, {}) for yaw in (0.0, 90.0))
    brighter = south.astype(int).sum(axis=-1) - west.astype(int).sum(axis=-1)
    assert brighter[round(z) + away, round(x)] > 0  # +z is down
    assert brighter[round(z), round(x) - away] < 0  # yaw 90 is -x, left


def test_where_goal_and_marker_share_a_column_the_map_shows_both(together):
    playback = Playback(together, SIZE)
    top_down = TopDown(playback.mission, 400)
    (goal,) = playback.mission.targets("goal")
    image = top_down.draw(playback.path[:1], 0.0, 70.0, {})
    where = top_down.at(goal[0] + 0.5, goal[2] + 0.5)
    assert has_colour(image, GOLD, *where)
    assert has_colour(image, BEACON, *where, reach=18)


def test_walls_are_told_from_the_ground_on_the_map(apart):
    playback = Playback(apart, SIZE)
    top_down = TopDown(playback.mission, 400)
    image = top_down.draw(playback.path[:1], 0.0, 70.0, {})
    hedge, meadow = (image[round(y), round(x)].astype(int) for x, y in (top_down.at(0.5, 5.5), top_down.at(2.5, 3.5)))
    assert hedge.sum() < 0.8 * meadow.sum()


@pytest.mark.parametrize("size", [320, 333, 448, 700])
@pytest.mark.parametrize("cards", [1, 2])
def test_the_panel_fills_its_layout_whose_sides_are_even(together, apart, size, cards):
    playbacks = [Playback(together, size), Playback(apart, size)][:cards]
    layout = layout_of(playbacks, size)
    image = panel([playback.moment(10) for playback in playbacks], layout)
    assert image.shape == (layout.height, layout.width, 3) and image.dtype == np.uint8
    assert layout.height % 2 == layout.width % 2 == 0
    view = playbacks[-1].view(10)
    left = (cards - 1) * layout.card_width + layout.pad
    np.testing.assert_array_equal(image[layout.top : layout.top + size, left : left + size], view)


def test_the_pressed_keys_are_lit(apart):
    playback = Playback(apart, SIZE)
    layout = layout_of([playback], SIZE)
    lit = {}
    for name, keys in {"none": (0, 0, 0), "forward": (1, 0, 0), "left": (0, 1, 0), "jump": (0, 0, 1)}.items():
        moment = dataclasses.replace(playback.moment(0), keys=dict(zip(apart.controls, keys, strict=True)))
        image = panel([moment], layout)
        row = image[layout.top + layout.map_size + layout.pad + 3, layout.size + 2 * layout.pad :]
        lit[name] = np.flatnonzero((row > 240).all(axis=-1))
    assert len(lit["none"]) == 0
    assert 0 < lit["left"].mean() < lit["forward"].mean() < lit["jump"].mean()


def test_every_choice_of_every_control_has_a_key(apart):
    moment = dataclasses.replace(Playback(apart, SIZE).moment(0), keys=dict.fromkeys(controls.NAMES, 1))
    assert panel([moment], Layout(SIZE)).shape == (Layout(SIZE).height, Layout(SIZE).width, 3)


def test_the_verdict_is_shown_from_the_tick_that_decides_it(apart):
    playback = Playback(apart, SIZE)
    layout = layout_of([playback], SIZE)
    assert playback.decided == apart.met["beacon"] and apart.verdict == "proxy:beacon"
    badge = layout.size + 2 * layout.pad + 6, layout.top + layout.size + layout.pad + layout.row
    for tick, shown in ((playback.decided - 1, False), (playback.decided, True), (playback.last_tick, True)):
        moment = playback.moment(tick)
        assert moment.verdict_now == ("proxy:beacon" if shown else None)
        assert moment.met_now == ({"beacon": playback.decided} if shown else {})
        assert has_colour(panel([moment], layout), BEACON, *badge, reach=0) == shown


def test_after_its_end_an_episode_stays_as_it_ended(together):
    playback = Playback(together, SIZE)
    late = playback.moment(playback.last_tick + 50, playback.last_tick + 100)
    assert late.over and late.tick == playback.last_tick and late.last_tick == playback.last_tick + 100


def test_a_click_on_the_bar_of_time_means_the_tick_that_is_drawn_there():
    layout = Layout(SIZE, cards=2)
    for card in (0, 1):
        left, right, middle = layout.bar(card)
        assert layout.share_at(left, middle) == 0.0
        assert layout.share_at((left + right) / 2, middle) == pytest.approx(0.5)
        assert layout.share_at(right + 3, middle) == 1.0
    assert layout.share_at(layout.width / 4, layout.top + 5) is None


def test_two_episodes_stand_side_by_side_by_their_seed(folders):
    episodes = Episodes(Recording(folders[0]), Recording(folders[1]), SIZE)
    assert [episodes.of_seed(seed) for seed in (SEED, OTHER_SEED)] == [0, 1]
    left, right = episodes.playbacks(0)
    assert (left.episode.origin.seed, left.episode.origin.arm) == (SEED, "aligned")
    assert (right.episode.origin.seed, right.episode.origin.arm) == (SEED, "separated")
    titles = [playback.moment(0).title for playback in (left, right)]
    assert titles == ["beacon · aligned", "beacon · separated"]
    with pytest.raises(UserError, match=f"no episode of seed {OTHER_SEED}"):
        episodes.playbacks(1)


@pytest.mark.parametrize(
    ("index", "size", "told"), [(2, SIZE, "expected 0 to 1"), (-1, SIZE, "expected 0"), (0, 8, "pixels")]
)
def test_an_episode_or_a_size_that_is_not_there_is_refused(folders, index, size, told):
    with pytest.raises(UserError, match=told):
        Episodes(Recording(folders[0]), size=size).playbacks(index)


def test_keys_move_through_the_episode(replayer):
    replayer.press("space")
    assert not replayer.playing
    for key, tick in {".": 4, "up": 8, ",": 4, "right": 24, "left": 4, "end": replayer.last_tick, "home": 0}.items():
        replayer.press(key)
        assert replayer.tick == tick, key
    replayer.press(",")
    assert replayer.tick == 0
    replayer.press("space")
    replayer.advance(0.5)
    assert replayer.playing and replayer.tick == 10  # 20 ticks a second
    replayer.press("]")
    replayer.advance(0.5)
    assert replayer.tick == 30
    replayer.advance(1000.0)
    assert replayer.tick == replayer.last_tick and not replayer.playing
    replayer.press("space")
    assert replayer.playing and replayer.tick == 0


def test_the_speed_stays_between_an_eighth_and_eight(replayer):
    for key, speed in (("[", 0.125), ("]", 8.0), ("z", 0.125), ("x", 8.0)):
        for _ in range(10):
            replayer.press(key)
        assert replayer.speed == speed


def test_keys_turn_to_other_episodes_and_stop_at_the_ends(replayer):
    for key, episode, told in (("page up", 0, "first"), ("page down", 1, ""), ("page down", 1, "last")):
        replayer.press(key)
        assert replayer.episode == episode and told in replayer.message


def test_the_view_alone_the_help_and_quitting(replayer):
    whole = replayer.image()
    replayer.press("tab")
    assert replayer.image().shape[1] == SIZE < whole.shape[1]
    replayer.press("tab")
    replayer.press("h")
    assert replayer.image().mean() < 0.8 * whole.mean()
    replayer.press("ä")
    assert not replayer.done
    replayer.press("q")
    assert replayer.done


def test_the_mouse_seeks_on_the_bar_alone(replayer):
    left, right, middle = Layout(SIZE).bar(0)
    replayer.click((left + right) / 2, middle)
    assert replayer.tick == pytest.approx(replayer.last_tick / 2) and not replayer.playing
    replayer.click(left, middle + 100)
    assert replayer.tick == pytest.approx(replayer.last_tick / 2)


def test_pictures_and_clips_of_the_viewer_never_replace_a_file(replayer, tmp_path):
    replayer.press("s")
    replayer.press("s")
    replayer.playbacks = [SimpleNamespace(**vars(playback), moment=playback.moment) for playback in replayer.playbacks]
    for playback in replayer.playbacks:
        playback.last_tick = playback.decided = 3  # a short clip
    replayer.press("e")
    assert "writing" in replayer.message
    replayer.advance(0.0)
    names = ["replay-episode-0-0.png", "replay-episode-0-0.webm", "replay-episode-0-1.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert replayer.message.endswith(names[1])
    replayer.folder = tmp_path / "missing"
    replayer.press("s")
    assert "No such file" in replayer.message


def test_a_clip_shows_every_tick_until_the_verdict_and_hurries_after_it(apart):
    playback = Playback(apart, SIZE)
    assert playback.last_tick - playback.decided > 100
    count = len(clip([playback], SIZE))
    calm = playback.decided + 60  # ticks
    assert count == sum(HOLD_TICKS) + calm + 1 + (playback.last_tick - calm - 1) // 4


def test_an_exported_clip_has_its_pictures_and_its_rate(apart, tmp_path):
    playback, path = Playback(apart, SIZE), tmp_path / "clip.webm"
    pictures = clip([playback], SIZE)[:12]
    told = []
    write_clip(pictures, path, lambda done, total: told.append((done, total)))
    assert told[-1] == (12, 12)
    video = replay_canvas.opencv().VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1][:, :, ::-1])
    assert len(frames) == 12 and video.get(replay_canvas.opencv().CAP_PROP_FPS) == 20
    expected = pictures[11]()
    assert frames[11].shape == expected.shape
    assert np.abs(frames[11].astype(int) - expected).mean() < 8  # VP8 is lossy
    assert [p.name for p in tmp_path.iterdir()] == ["clip.webm"]


def test_an_exported_picture_shows_both_arms_and_four_views_of_each(together, apart, tmp_path):
    playbacks, path = [Playback(together, SIZE), Playback(apart, SIZE)], tmp_path / "both.png"
    export(playbacks, path, SIZE)
    image = replay_canvas.opencv().imread(str(path))[:, :, ::-1]
    layout = layout_of(playbacks, SIZE)
    assert image.shape == (layout.height, layout.width, 3)
    left = layout.card_width + layout.pad
    views = [
        (tick, playbacks[1].view(tick)) for tick in np.linspace(0, playbacks[1].decided - 8, 4).round().astype(int)
    ]
    shown = image[layout.top : layout.top + SIZE, left : left + SIZE]
    np.testing.assert_array_equal(shown, storyboard(views, SIZE))


@pytest.mark.parametrize(
    ("name", "told"), [("clip.avi", ".webm"), ("clip", ".webm"), ("there.png", "--force"), ("missing/a.png", "missing")]
)
def test_an_export_that_cannot_be_written_is_refused_and_nothing_changes(together, tmp_path, name, told):
    (tmp_path / "there.png").write_bytes(b"mine")
    with pytest.raises(UserError, match=told):
        export([Playback(together, SIZE)], tmp_path / name, SIZE)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("there.png", b"mine")]


def test_an_export_that_fails_half_way_leaves_what_was_there(tmp_path):
    path = tmp_path / "clip.webm"
    path.write_bytes(b"mine")
    black = np.zeros((64, 64, 3), dtype=np.uint8)

    def fail() -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_clip([lambda: black, lambda: black, fail], path)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("clip.webm", b"mine")]
    write_picture(black, path.with_suffix(".png"))
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_the_command_exports_and_refuses_in_one_line(folders, tmp_path, capsys):
    out = str(tmp_path / "out.png")
    left, right = (str(path.parent.parent) for path in folders)
    assert command_line.main(["replay", left, "--beside", right, "--export", out, "--size", "320"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    for argv, told in (
        (["replay", left, "--export", out], "--force"),
        (["replay", left, "--export", "clip.gif"], ".webm"),
        (["replay", left, "--episode", "5", "--export", str(tmp_path / "b.png")], "expected 0 to 1"),
        (["replay", left, "--seed", "7", "--episode", "1", "--export", str(tmp_path / "b.png")], "give one of them"),
        (["replay", left, "--seed", "5", "--export", str(tmp_path / "b.png")], "no episode of seed 5 in"),
        (["replay", left, "--beside", right, "--episode", "1", "--export", str(tmp_path / "b.png")], "seed 8"),
        (["replay", str(tmp_path / "nothing"), "--export", str(tmp_path / "b.png")], "does not exist"),
        (["replay", out, "--export", str(tmp_path / "b.png")], "out.png"),
    ):
        assert command_line.main(argv) == 2
        errors = capsys.readouterr().err
        assert told in errors and errors.count("\n") == 1, argv
    assert command_line.main(["replay", left, "--export", out, "--size", "320", "--force"]) == 0


@pytest.mark.cli
@pytest.mark.parametrize(("verb", "display"), [("replay", None), ("play", None), ("replay", ":987")])
def test_without_a_display_a_window_is_refused_in_one_line(folders, verb, display):
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment |= {} if display is None else {"DISPLAY": display}
    command = [sys.executable, "-m", "mcproxy.scripts.main", verb, *([str(folders[0])] if verb == "replay" else [])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2  # and not 134, an abort
    assert "DISPLAY" in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


def test_an_opencv_that_does_not_load_names_its_system_libraries(monkeypatch):
    def refuse(name, *rest):
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file")
        return load(name, *rest)

    load = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UserError, match="libxcb1 libgl1 libglib2.0-0"):
        replay_canvas.opencv.__wrapped__()


def test_codes_of_keys_have_names():
    codes = {
        0xFF51: "left",
        0xFF56: "page down",
        9: "tab",
        32: "space",
        ord("H"): "h",
        ord("["): "[",
        0xFF63: None,
        -1: None,
    }
    assert {code: replay_window.key_name(code) for code in codes} == codes


WATCH = """
import sys
from pathlib import Path
from mcproxy.viewer import replayer
from mcproxy.viewer import window as replay_window
from mcproxy.recording import Recording

keys = iter(["tab", "tab", "h", "h", ".", "end", "page down", "s", "q"])
real = replay_window.Window.key

def scripted(window, wait_ms):
    assert real(window, wait_ms) is None
    return next(keys)

replay_window.Window.key = scripted
left, right, folder = map(Path, sys.argv[1:])
replay_window.require_display("this test needs one")
replayer.watch(replayer.Replayer(replayer.Episodes(Recording(left), size=320), folder=folder))
"""


@pytest.mark.cli
@needs_xvfb
def test_the_window_opens_on_a_real_display_and_its_keys_work(folders, tmp_path):
    with virtual_display() as display:
        command = [sys.executable, "-c", WATCH, *map(str, folders), str(tmp_path)]
        environment = os.environ | {"DISPLAY": display}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    (screenshot,) = tmp_path.iterdir()
    image = replay_canvas.opencv().imread(str(screenshot))
    assert screenshot.name == "replay-episode-1-0.png"
    assert image.shape == (Layout(320).height + 2 * Layout(320).small, Layout(320).width, 3)


def test_the_help_names_every_key_that_does_something(replayer):
    described = " ".join(key for key, _ in HELP)
    for key in ("space", ",", ".", "left", "home", "page up", "[", "tab", "e", "s", "h", "q"):
        assert key in described
