"""How fast a real MineRL client runs on the Malmo server, and on one that does nothing; for `bench`."""

import sys
import time

STEPS = 600


def measure(repeats: int) -> tuple[float, float, float]:
    """Ticks a second of MineRL's client on our server, the same over those on an idle server, and ms of a reset.

    64 x 64 pixels, location and inventory observed, random keys; each server has a process of its own.
    """
    from mcproxy.malmo.client import connection

    own, idle = connection.ServerProcess(), connection.ServerProcess(module=__name__)
    times: dict[str, list[float]] = {own.address: [], idle.address: []}
    resets: list[float] = []
    try:
        for _ in range(repeats + 1):
            for address, taken in times.items():
                seconds, reset_s = _run(address)
                taken.append(seconds)
                if address == own.address:
                    resets.append(reset_s)
    finally:
        own.close()
        idle.close()
    fastest, fastest_idle = (STEPS / min(taken) for taken in times.values())
    return fastest, fastest / fastest_idle, 1000 * min(resets)


def _run(address: str) -> tuple[float, float]:
    """Seconds of `STEPS` ticks, and the least seconds of a reset between them."""
    import numpy as np

    from mcproxy.malmo.client.minerl_env import make

    env, rng = make("beacon", connect=address), np.random.default_rng(0)
    keys = rng.integers(0, 2, size=(STEPS, 3)).tolist()
    action = env.action_space.no_op()
    spent, resets, done = 0.0, [], True
    for forward, jump, turn in keys:
        if done:
            start = time.perf_counter()
            env.reset()
            resets.append(time.perf_counter() - start)
        action["forward"], action["jump"], action["camera"] = forward, jump, np.array([0.0, 3.75 * turn], np.float32)
        start = time.perf_counter()
        _, _, done, _ = env.step(action)
        spent += time.perf_counter() - start
    env.close()
    return spent, min(resets)


def _serve_idle() -> None:
    """Serve missions in which nothing happens: frame, reward, end and observations are always the first ones."""
    from mcproxy.malmo.server import server
    from mcproxy.malmo.server.session import Session, Step

    class Idle(Session):
        def step(self, commands: str) -> Step:
            if not hasattr(self, "_first"):
                self._first = self.peek()
            return self._first

    setattr(server, "Session", Idle)  # noqa: B010 - the one place that makes them
    with server.MalmoServer(port=0) as serving:
        print(f"serving on 127.0.0.1, port {serving.ports[0]}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    _serve_idle()
