"""Where a MineRL client finds its Malmo: an instance for an address, and a server of ours in a process of its own."""

import contextlib
import importlib.util
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcproxy.errors import UserError

OWN_MISSIONS = 8  # run side by side by a server of ours, for the policy's sake: MineRL asks for one tick at a time
INSTALL = 'READTHEDOCS=1 pip install -e ".[minerl]", in the checkout'


def is_installed() -> bool:
    """Whether MineRL can be imported."""
    return all(importlib.util.find_spec(name) is not None for name in ("minerl", "gym"))


def check_installed() -> None:
    """Import MineRL, quietly; a `UserError` says how to get it.

    From then on MineRL does not start Minecraft by itself where a server is gone: it would build one first.
    """
    if not is_installed():
        raise UserError(f"the MineRL backend needs: {INSTALL} (docs/minerl.md)")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import gym

        gym.logger.set_level(gym.logger.ERROR)
        from minerl.env.malmo import InstanceManager

    InstanceManager.managed = False
    logging.getLogger("minerl").setLevel(logging.CRITICAL)  # what goes wrong is told by who asked


def schemas() -> Path:
    """The folder of Malmo's XML schemas, in the installed MineRL."""
    check_installed()
    import minerl

    return Path(minerl.__file__).parent / "Malmo" / "Schemas"


def instance(connect: str) -> Any:
    """MineRL's instance of what listens on HOST:PORT."""
    check_installed()
    from minerl.env.malmo import MinecraftInstance

    host, _, port = connect.rpartition(":")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"{connect!r} is no address: expected HOST:PORT, such as 127.0.0.1:9000")
    found = MinecraftInstance(port=int(port), existing=True)
    found._host = host or "127.0.0.1"
    found._acquire_lock(os.getpid())
    found.launch(daemonize=True)  # marks it as running; Minecraft, if that is what it is, runs already
    return found


@dataclass(frozen=True)
class Malmo:
    """A Malmo server: where it listens, HOST:PORT, and how many missions it runs at once."""

    address: str
    missions: int = 1


@contextlib.contextmanager
def server(connect: str | None) -> Iterator[Malmo]:
    """The Malmo server at an address, of which nothing is known but that; or one of ours, which is ended with this."""
    check_installed()
    if connect is not None:
        yield Malmo(connect)
        return
    with contextlib.closing(ServerProcess()) as own:
        yield Malmo(own.address, OWN_MISSIONS)


class ServerProcess:
    """`mcproxy serve` on a free port of this machine, until `close` or the end of this process.

    Or another `module`, which prints the same line when it serves, and ends with its standard input.
    """

    def __init__(self, *arguments: str, module: str = "") -> None:
        ours = ("mcproxy.scripts.main", "serve", "--port", "0", "--with-parent", *arguments)
        command = [sys.executable, "-m", *((module,) if module else ours)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("serving"):
            self.close()
            raise UserError(
                f"mcproxy serve did not start: {line.strip() or 'it ended with code'} {self._process.poll()}"
            )
        self.address = f"127.0.0.1:{line.split()[-1]}"

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def kill(self) -> None:
        """End the server without notice, as a crash does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the server; safe to call twice."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(timeout=5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
