"""Stand in for Minecraft: run missions of MineRL 0.4.4 clients on the embedded engine, over Malmo's protocol."""

import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcproxy.engine.view import FOV_DEG, FOV_RANGE_DEG
from mcproxy.errors import UserError
from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.malmo.server.server import MalmoServer

MAX_INSTANCES = 64


@dataclass
class Args:
    """Run missions of MineRL 0.4.4 clients on the embedded engine, over Malmo's protocol, until Ctrl-C.

    Any mission whose elements the engine implements runs, with or without mcproxy on the client's side; what it does
    not implement is refused by name. Whoever can connect can run missions: it listens on this machine alone by default.
    """

    port: int = 9000
    """The first port; 0 takes free ones."""
    host: str = "127.0.0.1"
    """The address to listen on; 0.0.0.0 lets other machines in."""
    instances: int = 1
    """Ports in a row, for clients that want a Minecraft each; one port serves many clients too."""
    realtime: bool = False
    """Keep missions at 20 ticks a second, as people play."""
    fov: float = FOV_DEG
    """The vertical field of view in degrees; MineRL's Minecraft shows 130."""
    with_parent: bool = False
    """Stop when standard input is closed, as it is when the process that started this one ends."""


def main(argv: list[str]) -> int:
    """Print where it listens, and serve."""
    args = _cli.parse(Args, argv, "serve")
    if not 1 <= args.instances <= MAX_INSTANCES or not 0 <= args.port <= 65536 - args.instances:
        raise UserError(
            f"--instances {args.instances} --port {args.port}: expected 1 to {MAX_INSTANCES}, ports to 65535"
        )
    if not FOV_RANGE_DEG[0] <= args.fov <= FOV_RANGE_DEG[1]:
        raise UserError("--fov {:g}: expected {:g} to {:g} degrees".format(args.fov, *FOV_RANGE_DEG))
    from mcproxy.engine import precompile
    from mcproxy.malmo.server.server import MalmoServer

    def log(line: str) -> None:
        _cli.say(f"mcproxy serve: {line}")

    with MalmoServer(args.port, args.host, args.instances, args.fov, args.realtime, log) as server:
        precompile.compile_first_step()
        print(f"serving on {args.host}, port {' '.join(map(str, server.ports))}", flush=True)
        if args.with_parent:
            threading.Thread(target=_close_with_input, args=(server,), daemon=True).start()
        server.serve()
    return 0


def _close_with_input(server: "MalmoServer") -> None:
    sys.stdin.read()
    server.close()


if __name__ == "__main__":
    sys.exit(_cli.run(main, "serve"))
