"""Play a task yourself, in real time and in a window, with the controls that its agents have."""

import sys
from dataclasses import dataclass

from mcproxy.scripts import _cli


@dataclass
class Args:
    """Play a task yourself; the window shows the keys, and every episode's verdict is printed as it ends."""

    task: str = "beacon"
    """Which task."""
    arm: str = "aligned"
    """In which arm."""
    seed: int = 0
    """In which layout (of the split eval) to begin; the key n goes to the next."""


def main(argv: list[str]) -> int:
    """Open the window and play."""
    args = _cli.parse(Args, argv, "play")
    from mcproxy import registry
    from mcproxy.verdict import verdict_of
    from mcproxy.viewer.play import Game, play

    game = Game(registry.get(args.task), args.arm, args.seed, verdict_of, tell=lambda line: print(line, flush=True))
    play(game)
    return 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "play"))
