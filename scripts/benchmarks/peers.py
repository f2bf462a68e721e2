"""The loops of other environments, each run in turn with ours on one core.

Every loop is the peer's own: one environment, stepped from Python with random actions, started anew whenever an episode
ends, and its frame handed over as a numpy array after every step. Ours steps 64 beacon worlds in a call, as training
does. The actions of all are drawn beforehand. One core is also what a peer is quickest on: ViZDoom hands each step to a
process of its own, and on two cores waits twice as long for the other one to wake up.
"""

import contextlib
import importlib.util
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mcproxy import errors
from mcproxy.agent.config import PPOConfig, RunConfig
from mcproxy.scripts import _cli

NUM_WORLDS = 64  # of ours
SB3 = "sb3"  # whose trainer is compared with ours, not an environment
STEPS = 200 * NUM_WORLDS  # of either loop in a turn; a beacon world is out of time after 200 steps, so each ends once
Loop = Callable[[], None]  # takes `STEPS` steps
_two_updates: Callable[[], Any]  # of the trainer in this process; see `_training`


@dataclass(frozen=True)
class Peer:
    """Another environment: its loop, and the frames (H, W) that both loops draw."""

    start: Callable[[], AbstractContextManager[Loop]]
    resolution: tuple[int, int]
    what: str

    @property
    def size(self) -> str:
        """The frame as the keys name it: width x height."""
        return f"{self.resolution[1]}x{self.resolution[0]}"


def check(name: str) -> None:
    """Raise a `UserError` if a peer's package is missing."""
    if importlib.util.find_spec("sb3_contrib" if name == SB3 else name) is None:
        raise errors.UserError(f'the package {name} is missing: in the checkout, pip install -e ".[bench]"')


def keys(name: str) -> tuple[str, str]:
    """The keys of what `measure` returns."""
    if name == SB3:
        return "train_vs_sb3", "sb3_train_steps_per_s"
    return f"vs_{name}_{PEERS[name].size}", f"{name}_{PEERS[name].size}_steps_per_s"


def measure(name: str, repeats: int) -> tuple[float, float]:
    """Our steps a second over the peer's, and the peer's own; of worlds alone the best of `repeats` turns of each.

    What the peer prints goes to stderr, and what it writes into a folder that is removed.
    """
    if name == SB3:
        return _training(repeats)
    peer = PEERS[name]
    times: tuple[list[float], list[float]] = ([], [])
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        stack.enter_context(_one_core())
        stack.enter_context(_own_folder())
        loops = stack.enter_context(_ours(peer.resolution)), stack.enter_context(peer.start())
        for _ in range(repeats):
            for loop, taken in zip(loops, times, strict=True):
                start = time.perf_counter()
                loop()
                taken.append(time.perf_counter() - start)
    ours, theirs = min(times[0]), min(times[1])
    return theirs / ours, STEPS / theirs


def _training(repeats: int) -> tuple[float, float]:
    """Our trainer's steps a second over those of sb3-contrib's RecurrentPPO, and the latter's, on all cores.

    Both train on beacon with the default settings, the same sizes and the same environment, in turn, each in a process
    of its own: ours tells the C library to keep freed memory, which would make sb3 a third faster too. Ours computes in
    bfloat16 where the processor has instructions for it, which sb3 cannot. Counted is the time of all turns but the
    first, 65,536 steps of each at the default `repeats`, as `train_steps_per_s` counts: what a long training gets.
    """
    alone, steps = multiprocessing.get_context("spawn"), 2 * PPOConfig().batch_size
    seconds: tuple[list[float], list[float]] = ([], [])
    with contextlib.ExitStack() as stack:
        makers = (_our_updates, _sb3_updates)
        sides = [stack.enter_context(ProcessPoolExecutor(1, alone, _begin, (make,))) for make in makers]
        for _ in range(2 * repeats + 1):
            for side, taken in zip(sides, seconds, strict=True):
                taken.append(side.submit(_training_turn).result())
    ours, theirs = (sum(taken[1:]) / (2 * repeats) for taken in seconds)
    return theirs / ours, steps / theirs


def _our_updates() -> Callable[[], Any]:
    """What makes two updates of our trainer."""
    from mcproxy.agent.ppo import Trainer
    from mcproxy.agent.run_folder import with_precision
    from mcproxy.scripts.train import maker

    config = with_precision(RunConfig())
    trainer = Trainer(config, maker(config), _cli.cores())
    return lambda: (trainer.update(), trainer.update())


def _sb3_updates() -> Callable[[], Any]:
    """What makes two updates of RecurrentPPO."""
    from mcproxy.scripts.benchmarks import sb3
    from mcproxy.scripts.train import maker

    config = RunConfig()
    worlds = sb3.Worlds(maker(config)(config.ppo.num_envs))
    model = sb3.recurrent_ppo(config, worlds, _cli.cores())
    return lambda: model.learn(2 * config.ppo.batch_size, reset_num_timesteps=False)


def _begin(make: Callable[[], Callable[[], Any]]) -> None:
    global _two_updates
    _two_updates = make()


def _training_turn() -> float:
    """Seconds that two updates of the trainer in this process take."""
    start = time.perf_counter()
    _two_updates()
    return time.perf_counter() - start


@contextlib.contextmanager
def _ours(resolution: tuple[int, int]) -> Iterator[Loop]:
    """Beacon worlds on one thread, 4 ticks a step."""
    from mcproxy import controls
    from mcproxy.env import VoxelVectorEnv

    env = VoxelVectorEnv(NUM_WORLDS, resolution=resolution, threads=1, action_repeat=4)
    sizes = controls.sizes(env.task.controls)
    actions = np.random.default_rng(0).integers(0, sizes, size=(STEPS // NUM_WORLDS, NUM_WORLDS, len(sizes)))
    env.reset(seed=0)

    def loop() -> None:
        for row in actions:
            env.step(row)

    yield loop
    env.close()


@contextlib.contextmanager
def _vizdoom() -> Iterator[Loop]:
    """ViZDoom's `my_way_home`, nine rooms to find one's way in: RGB24, 4 tics an action, no window and no sound."""
    import vizdoom

    game = vizdoom.DoomGame()
    game.load_config(str(Path(vizdoom.scenarios_path) / "my_way_home.cfg"))
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
    game.set_screen_format(vizdoom.ScreenFormat.RGB24)
    game.set_window_visible(False)
    game.set_seed(0)
    game.init()
    buttons = (STEPS, game.get_available_buttons_size())
    actions = np.random.default_rng(0).integers(2, size=buttons).astype(float).tolist()

    def loop() -> None:
        for action in actions:
            game.make_action(action, 4)
            if game.is_episode_finished():
                game.new_episode()
            game.get_state()  # the frame is copied here

    yield loop
    game.close()


@contextlib.contextmanager
def _miniworld() -> Iterator[Loop]:
    """MiniWorld's `FourRooms`, without gymnasium's wrappers; OpenGL draws into no window."""
    try:
        import pyglet

        pyglet.options["headless"] = sys.platform == "linux"  # through EGL, with or without a display
        from miniworld.envs import FourRooms
    except ImportError as error:
        raise errors.UserError(f"miniworld finds no OpenGL ({error}): apt-get install libegl1 libglu1-mesa") from None

    env = FourRooms(obs_width=64, obs_height=64)
    actions = np.random.default_rng(0).integers(env.action_space.n, size=STEPS).tolist()
    env.reset(seed=0)

    def loop() -> None:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    yield loop
    env.close()


@contextlib.contextmanager
def _crafter() -> Iterator[Loop]:
    """Crafter as it comes: a flat world of 64 x 64, seen from above."""
    import crafter

    env = crafter.Env(size=(64, 64), seed=0)
    actions = np.random.default_rng(0).integers(env.action_space.n, size=STEPS).tolist()
    env.reset()

    def loop() -> None:
        for action in actions:
            _, _, done, _ = env.step(action)
            if done:
                env.reset()

    yield loop


PEERS = {
    "vizdoom": Peer(_vizdoom, (120, 160), "my_way_home, 4 tics a step"),
    "miniworld": Peer(_miniworld, (64, 64), "FourRooms"),
    "crafter": Peer(_crafter, (64, 64), "its one world"),
}


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Keep this thread, and all it starts meanwhile, on one core; a system that cannot do so is left as it is."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def _own_folder() -> Iterator[None]:
    """Work in a temporary folder meanwhile: ViZDoom leaves `_vizdoom` and `_vizdoom.ini` wherever it starts."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
