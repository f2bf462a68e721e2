"""One Luanti client: its processes, its keys and mouse, and its frames, one tick at a time.

A tick of 50 ms is: keys and mouse by XTest, a command to the shim, one frame of the client. In singleplayer the
server's time is the client's, so nothing runs on between two commands.
"""

import base64
import ctypes
import json
import math
import mmap
import os
import select
import shutil
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from mcproxy.controls import TURN_DEG
from mcproxy.errors import UserError
from mcproxy.luanti import assets
from mcproxy.mission import Mission

TICKS_PER_S = 20
TICK_NS = 1_000_000_000 // TICKS_PER_S
REGIONS, SPACING = 16, 256  # regions of the map a side, and nodes between two; 120 can be seen
_ASIDE = 3  # pixels
FADE_FRAMES = 200  # in which the brightness of the sky has faded to what it stays at
_HOME = (0.5, 1.0, 0.5)  # on the stone between two missions, at the origin of the map
_COMMAND, _RESULT = struct.Struct("=qq"), struct.Struct("=qq")
_JOIN_S, _FRAME_S, _BUILD_S = 90.0, 30.0, 60.0
_SETTINGS = """
name = singleplayer
window_maximized = false
autosave_screensize = false
fullscreen = false
fps_max = 60
fps_max_unfocused = 60
pause_on_lost_focus = false
video_driver = opengl
enable_sound = false
sound_volume = 0
enable_clouds = false
enable_3d_clouds = false
menu_clouds = false
enable_fog = false
view_bobbing_amount = 0
fall_bobbing_amount = 0
arm_inertia = false
enable_particles = false
cinematic = false
smooth_lighting = true
enable_shaders = true
mip_map = true
bilinear_filter = false
trilinear_filter = false
anisotropic_filter = false
fsaa = 0
vsync = false
viewing_range = 120
invert_mouse = false
autojump = false
free_move = false
show_debug = false
show_entity_selectionbox = false
enable_client_modding = true
enable_mod_channels = true
client_mapblock_limit = -1
csm_restriction_flags = 0
enable_damage = false
creative_mode = true
disable_anticheat = true
time_speed = 0
mg_name = singlenode
fixed_map_seed = 1
dedicated_server_step = 0.05
server_map_save_interval = 3600
max_block_send_distance = 12
max_block_generate_distance = 12
active_block_range = 1
block_send_optimize_distance = 12
server_side_occlusion_culling = false
max_simultaneous_block_sends_per_client = 200
full_block_send_enable_min_time_from_building = 0
movement_speed_walk = 4.317
movement_speed_jump = 8.6
movement_gravity = 14.1
movement_acceleration_default = 3
movement_acceleration_air = 0.8
enable_remote_media_server = false
serverlist_url =
update_check = false
server_announce = false
debug_log_level = action
chat_log_level = none
keymap_forward = KEY_KEY_W
keymap_jump = KEY_SPACE
display_density_factor = 1
gui_scaling = 1
hud_scaling = 1
console_height = 0.1
bind_address = 127.0.0.1
mouse_sensitivity = {sensitivity:.8g}
mcproxy_fov_deg = {fov_deg:g}
screen_w = {width}
screen_h = {height}
"""
# The walking speed is Minecraft's; jump, gravity and accelerations come close to Minecraft's curves (docs/transfer.md).
# Every other setting keeps what is not the world out of the picture, and time and network out of the run.

# Ends the processes in FOLDER/pids and removes FOLDER when its standard input ends, which it does however we end.
_GUARD = """
cat >/dev/null
kill $(cat "$0/pids") 2>/dev/null
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 $(cat "$0/pids") 2>/dev/null || break
    sleep 0.1
done
kill -9 $(cat "$0/pids") 2>/dev/null
rm -rf "$0"
"""


class ClientLost(Exception):
    """The client died, or does not answer."""


@dataclass(frozen=True)
class Pose:
    """The player as the client has it, in our coordinates."""

    pos: np.ndarray  # (3,) float64, blocks
    velocity: np.ndarray  # (3,) float64, blocks per second
    yaw_deg: float
    pitch_deg: float
    on_ground: bool


class Client:
    """A client of its own home, display, port and world, stepped tick by tick; square frames of `side` pixels."""

    def __init__(self, side: int = 64, fov_deg: float = 70.0) -> None:
        self.side = side
        self.window = (2 * math.ceil(0.8125 * side), side)  # Luanti widens the field of view of windows below 16:10
        self._settings = _SETTINGS.format(
            sensitivity=TURN_DEG / (math.tan(math.radians(fov_deg / 2)) * 1.3763819),  # pixels are scaled by the zoom
            fov_deg=fov_deg,
            width=self.window[0],
            height=self.window[1],
        )
        self._display: _Display | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._pipes: list[int] = []
        self._processes: list[subprocess.Popen[Any]] = []
        self.start()

    def start(self) -> None:
        """Start a new client, in place of the one that runs if one does."""
        self.close()
        minetest, server, made = assets.program("minetest"), assets.program("Xvfb"), assets.folder()
        self._folder = Path(tempfile.mkdtemp(prefix="mcproxy-luanti-"))
        (self._folder / "pids").touch()
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, str(self._folder)], stdin=subprocess.PIPE, start_new_session=True
        )
        try:
            self._begin(minetest, server, made)
        except BaseException:
            self.close()
            raise

    def _begin(self, minetest: str, server: str, made: Path) -> None:
        folder, home = self._folder, self._folder / "home" / ".minetest"
        self.world = folder / "world"
        self.world.mkdir()
        (self.world / "world.mt").write_text(
            f"gameid = {assets.GAME}\nenable_damage = false\ncreative_mode = true\nserver_announce = false\n"
            + "".join(f"{name}backend = sqlite3\n" for name in ("", "player_", "auth_", "mod_storage_"))
        )
        (home / "games").mkdir(parents=True)
        (home / "games" / assets.GAME).symlink_to(made / "game")
        shutil.copytree(made / "probe", home / "clientmods" / "mcproxy_probe")
        (home / "clientmods" / "mods.conf").write_text("load_mod_mcproxy_probe = true\n")
        (folder / "settings.conf").write_text(self._settings)
        width, height = self.window
        pixels = folder / "pixels"
        pixels.write_bytes(bytes(3 * width * height))
        with pixels.open("r+b") as file:
            self._pixels = mmap.mmap(file.fileno(), 0)

        self._display = _Display(server, folder, self._processes)
        theirs, self._commands = os.pipe()
        self._results, their_results = os.pipe()
        self._pipes = [self._commands, self._results]
        environment = os.environ | {
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": str(folder / "home" / ".cache"),
            "DISPLAY": self._display.name,
            "LC_ALL": "C",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "LD_PRELOAD": str(made / "shim.so"),
            "MCPROXY_SHIM": f"{pixels}:{theirs}:{their_results}",
        }
        command = [minetest, "--config", str(folder / "settings.conf"), "--world", str(self.world)]
        command += ["--gameid", assets.GAME, "--go", "--logfile", str(folder / "debug.txt")]
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            pass_fds=(theirs, their_results),
            start_new_session=True,
        )
        self._processes.append(self._process)
        _note(folder, self._process.pid)
        os.close(theirs)
        os.close(their_results)
        assert self._process.stderr is not None
        self._report = _Report(self._process.stderr)
        self._asked = 0
        self._used: dict[tuple[int, int], str] = {}
        self._region = (0, 0)
        if not self._report.wait(0, _JOIN_S):
            raise ClientLost(f"Luanti's client did not start: {self._report.last_line}")
        self._display.focus(self.window)
        self._make_frames(1)

    def close(self) -> None:
        """End the client and its X server, and remove their folder; safe to call twice."""
        if self._guard is None:
            return
        if self._display is not None:
            self._display.close()
        for descriptor in self._pipes:
            os.close(descriptor)
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        for process in (self._guard, *self._processes):
            process.wait()
        self._guard, self._display, self._pipes, self._processes = None, None, [], []

    def load(self, mission: Mission) -> None:
        """Build a mission in a region of its own and stand at its spawn, at rest, with every block drawn.

        A layout always gets the same region, so its poses are the same to the last bit in any client. A client that
        has already built another layout there is started anew.
        """
        number = int(mission.layout[:8], 16) % REGIONS**2
        region = ((number % REGIONS - REGIONS // 2) * SPACING, (number // REGIONS - REGIONS // 2) * SPACING)
        if self._used.get(region, mission.layout) != mission.layout:
            self.start()
        self._keys(False, False)
        self._make_frames(16)  # placing a player does not stop it
        self._region = (
            0,
            0,
        )  # from there, so that the origin of the picture's coordinates depends on no earlier region
        self._place(_HOME, 0.0, (1, 1, 1))
        self._region = region
        if region not in self._used:
            self._build(mission, region)
            self._used[region] = mission.layout
        self._place(mission.spawn, mission.yaw_deg, mission.blocks.shape)
        self._wait_for_blocks()
        self._turn(_ASIDE)  # so that the yaw of the spawn can only come from being placed there once more
        self._make_frames(FADE_FRAMES)
        self._place(
            mission.spawn, mission.yaw_deg, mission.blocks.shape
        )  # looking around has left 1e-5 degrees in the yaw
        self.look()

    def tick(self, move: int, turn: int, jump: int, read: bool) -> None:
        """Advance by one tick with these choices of the controls; with `read` the picture is read back."""
        self._keys(move == 1, jump == 1)
        self._turn({0: 0, 1: -1, 2: 1}[turn])
        self._frame(TICK_NS, read)

    def look(self) -> None:
        """Read the picture back, without any time passing."""
        self._frame(0, read=True)

    def frame(self) -> np.ndarray:
        """The latest frame that was read: (side, side, 3) uint8 RGB, row 0 on top, the middle of the window."""
        width, height = self.window
        image = np.frombuffer(self._pixels, np.uint8).reshape(height, width, 3)[::-1]
        left = (width - height) // 2
        return np.ascontiguousarray(image[:, left : left + height])

    def pose(self) -> Pose:
        """The pose after the latest tick. Luanti keeps positions to about 1e-4 blocks."""
        _, _, x, y, z, east, up, south, yaw, pitch, ground = self._report.values[:11]
        return Pose(
            pos=np.array([self._region[0] + 0.5 - x, y + 0.5, z - self._region[1] + 0.5]),
            velocity=np.array([-east, up, south]),
            yaw_deg=(90.0 - math.degrees(yaw) + 180.0) % 360.0 - 180.0,
            pitch_deg=math.degrees(pitch),
            on_ground=ground != 0,
        )

    def _build(self, mission: Mission, region: tuple[int, int]) -> None:
        """Let the game build a mission."""
        blocks = base64.b64encode(np.ascontiguousarray(mission.blocks).tobytes()).decode()
        asked = self._ask("mission", {"size": mission.blocks.shape, "blocks": blocks, "region": region})
        deadline = time.monotonic() + _BUILD_S
        while not self._is_ready(asked):
            if time.monotonic() > deadline:
                raise ClientLost("Luanti did not build the mission in time")
            self._frame(TICK_NS)
            time.sleep(0.001)

    def _place(self, pos: Sequence[float], yaw_deg: float, size: Sequence[int]) -> None:
        """Let the game put the player at a place of the region, and wait until it stands there."""
        place = {"spawn": list(map(float, pos)), "yaw_deg": float(yaw_deg), "region": self._region, "size": size}
        asked = float(self._ask("place", place))
        deadline = time.monotonic() + _BUILD_S
        while time.monotonic() < deadline:  # the server's thread runs in real time
            self._frame(TICK_NS)
            time.sleep(0.001)
            pose = self.pose()
            turned = (pose.yaw_deg - yaw_deg + 180.0) % 360.0 - 180.0
            known = self._report.values[11] == asked  # to the probe, which then counts the blocks that the client lacks
            if known and np.abs(pose.pos - pos).max() < 0.003 and abs(turned) < 1e-4:
                return
        raise ClientLost(f"the player is at {pose}, expected {list(pos)} and yaw {yaw_deg:g}")

    def _make_frames(self, count: int) -> None:
        for _ in range(count):
            self._frame(TICK_NS)

    def _frame(self, nanoseconds: int, read: bool = False) -> None:
        """Let the client make one frame, with its clock moved on by so much; waits until it is drawn."""
        before = self._report.count
        try:
            os.write(self._commands, _COMMAND.pack(nanoseconds, read))
        except OSError:
            raise ClientLost(f"Luanti's client has ended: {self._report.last_line}") from None
        ready, _, _ = select.select([self._results], [], [], _FRAME_S)
        if not ready or len(os.read(self._results, _RESULT.size)) < _RESULT.size:
            raise ClientLost(f"Luanti's client does not answer: {self._report.last_line}")
        if nanoseconds and not self._report.wait(before, _FRAME_S):
            raise ClientLost("Luanti's client does not report its pose")

    def _keys(self, forward: bool, jump: bool) -> None:
        assert self._display is not None
        changed = self._display.hold("w", forward), self._display.hold("space", jump)
        if any(changed):
            self._display.sync()

    def _turn(self, pixels: int) -> None:
        assert self._display is not None
        if pixels:
            self._display.move_mouse(pixels)
            self._display.sync()

    def _ask(self, name: str, document: dict[str, Any]) -> str:
        """Write a document for the game, and the number of the request, which is returned."""
        self._asked += 1
        (self.world / f"{name}.json").write_text(json.dumps(document))
        new = self.world / f"{name}.new"
        new.write_text(str(self._asked))
        new.replace(self.world / f"{name}.id")
        return str(self._asked)

    def _is_ready(self, asked: str) -> bool:
        try:
            return (self.world / "ready.id").read_text() == asked
        except FileNotFoundError:
            return False

    def _wait_for_blocks(self) -> None:
        """Look all around until the client lacks no block of the map and two looks are alike.

        Threads of the engine's own send blocks, first those in view, and mesh them.
        """
        before: np.ndarray | None = None
        for _ in range(40):
            self._wait_for_threads()
            views = []
            for _ in range(4):  # the window is 97 degrees wide
                self._turn(round(90 / TURN_DEG))
                self._frame(TICK_NS, read=True)
                views.append(np.frombuffer(self._pixels, np.uint8).copy())
            now = np.concatenate(views).astype(np.int16)
            complete = self._report.values[12] == 0
            if before is not None and complete and np.count_nonzero(np.abs(now - before) > 8) <= 0.0003 * now.size:
                return
            before = now
        raise ClientLost("the blocks of the mission are not drawn in time")

    def _wait_for_threads(self) -> None:
        """Make frames until the threads that send and mesh blocks have been idle for 0.1 s and 8 frames."""
        since, frames, last = time.monotonic(), 0, self._busy_ns()
        while time.monotonic() - since < 0.1 or frames < 8:
            self._frame(TICK_NS)
            time.sleep(0.003)
            frames, now = frames + 1, self._busy_ns()
            if now - last > 300_000:
                since, frames = time.monotonic(), 0
            last = now

    def _busy_ns(self) -> int:
        """Nanoseconds for which those threads have run or waited for a processor."""
        total = 0
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            try:
                if any(word in (task / "comm").read_text() for word in ("Mesh", "Emerge")):
                    total += sum(map(int, (task / "schedstat").read_text().split()[:2]))
            except (FileNotFoundError, ProcessLookupError):
                continue  # a thread that has just ended
        return total


class _Report:
    """The poses that the probe writes to the client's log, read in a thread."""

    def __init__(self, log: IO[str]) -> None:
        self.values, self.count, self.last_line = [0.0] * 13, 0, "no message"
        self._changed, self._ended = threading.Condition(), False
        threading.Thread(target=self._read, args=(log,), daemon=True).start()

    def wait(self, count: int, seconds: float) -> bool:
        """Wait until more than `count` poses have come; False if none came in time, or the client has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self.count > count or self._ended, seconds)
            return self.count > count

    def _read(self, log: IO[str]) -> None:
        for line in log:
            _, mark, values = line.partition(": MCPROXY ")
            with self._changed:
                if mark:
                    pose = [float(value) for value in values.split()]
                    if pose[1] > 0.0:  # a frame in which the clock stood still may report or not
                        self.values, self.count = pose, self.count + 1
                        self._changed.notify_all()
                elif line.strip():
                    self.last_line = line.strip()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


class _Display:
    """An X server of its own, with the keys and the mouse of XTest (libX11 and libXtst, by ctypes)."""

    def __init__(self, server: str, folder: Path, processes: list[subprocess.Popen[Any]]) -> None:
        reads, writes = os.pipe()
        command = [server, "-displayfd", str(writes), "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]
        nothing = subprocess.DEVNULL
        self._server = subprocess.Popen(
            command, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=(writes,), start_new_session=True
        )
        processes.append(self._server)
        _note(folder, self._server.pid)
        os.close(writes)
        number = ""
        while not number.endswith("\n") and select.select([reads], [], [], _FRAME_S)[0]:
            part = os.read(reads, 16).decode()  # the server ends if we stop reading before its line is whole
            if not part:
                break
            number += part
        os.close(reads)
        if not number.endswith("\n"):
            raise UserError("no X server can be started: does Xvfb run here?")
        self.name = f":{number.strip()}"
        try:
            self._x, self._test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        except OSError as error:
            raise UserError(f"--backend luanti needs libX11 and libXtst ({error}): apt-get install libxtst6") from None
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XDefaultRootWindow.restype = ctypes.c_ulong
        self._x.XKeysymToKeycode.argtypes = [ctypes.c_void_p, ctypes.c_ulong]
        self._at, deadline = ctypes.c_void_p(), time.monotonic() + _FRAME_S
        while not self._at.value:  # it names its display a little before it can be reached
            self._at = ctypes.c_void_p(self._x.XOpenDisplay(self.name.encode()))
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise ClientLost(f"the X server {self.name} does not answer")
            time.sleep(0.02)
        self._x.XAutoRepeatOff(self._at)
        self._codes = {
            name: self._x.XKeysymToKeycode(self._at, ord(" " if name == "space" else name)) for name in ("w", "space")
        }
        self._down = dict.fromkeys(self._codes, False)

    def focus(self, window: tuple[int, int]) -> None:
        """Move the client's window to the corner and give it the keyboard: no window manager does."""
        root, parent, children, count = (
            ctypes.c_ulong(),
            ctypes.c_ulong(),
            ctypes.POINTER(ctypes.c_ulong)(),
            ctypes.c_uint(),
        )
        top = ctypes.c_ulong(self._x.XDefaultRootWindow(self._at))
        self._x.XQueryTree(
            self._at, top, ctypes.byref(root), ctypes.byref(parent), ctypes.byref(children), ctypes.byref(count)
        )
        if not count.value:
            raise ClientLost("Luanti's client has no window")
        last = ctypes.c_ulong(children[count.value - 1])
        self._x.XFree(children)
        self._x.XMoveWindow(self._at, last, 0, 0)
        self._x.XSetInputFocus(self._at, last, 1, ctypes.c_ulong(0))
        self.sync()

    def hold(self, key: str, down: bool) -> bool:
        """Press or release a key if it is not so already; returns whether that was needed."""
        if self._down[key] == down:
            return False
        self._test.XTestFakeKeyEvent(self._at, self._codes[key], int(down), ctypes.c_ulong(0))
        self._down[key] = down
        return True

    def move_mouse(self, pixels: int) -> None:
        """Move the mouse to the right by so many pixels."""
        self._test.XTestFakeRelativeMotionEvent(self._at, pixels, 0, ctypes.c_ulong(0))

    def sync(self) -> None:
        """Wait until the server has taken every event."""
        self._x.XSync(self._at, 0)

    def close(self) -> None:
        """Let the connection go before the server ends: a lost one would end our process."""
        if self._at is not None and self._at.value:
            self._x.XCloseDisplay(self._at)
            self._at = ctypes.c_void_p()


def _note(folder: Path, pid: int) -> None:
    """Add a process to those that the guard ends."""
    with (folder / "pids").open("a") as file:
        file.write(f"{pid}\n")
