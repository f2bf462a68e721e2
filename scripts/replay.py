"""Watch recorded episodes, alone or two of the same seed side by side, or write one as a clip or a picture."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli


@dataclass
class Args:
    """Watch recorded episodes in a window (H lists its keys); or write one as a clip or a picture, with no display."""

    file: tyro.conf.Positional[Path]
    """A recording (main_data.hdf5), or a folder in which there is one."""
    episode: int = 0
    """Which episode to begin with, in the order in which they ended."""
    seed: int | None = None
    """Begin with the episode of this layout seed instead, which is the same layout in every recording."""
    beside: Path | None = None
    """Another recording, whose episode of the same seed is shown to the right."""
    task: tuple[str, ...] = ()
    """Files of your own tasks, if it is those that are recorded there; other tasks are found by their names."""
    export: Path | None = None
    """Write the episode to this file instead: a clip (.webm) or a summary picture (.png)."""
    size: int | None = None
    """Side of the agent's view in pixels; 448 by default, 360 for two."""
    force: bool = False
    """Replace the exported file if it exists."""


def main(argv: list[str]) -> int:
    """Open the window, or export."""
    args = _cli.parse(Args, argv, "replay")
    if args.seed is not None and args.episode:
        raise UserError("--episode and --seed both say which episode: give one of them")
    if args.export is None:
        from mcproxy.viewer.window import require_display

        require_display("write a clip with --export OUT.webm, or a picture with --export OUT.png")
    from mcproxy import registry
    from mcproxy.recording import Recording
    from mcproxy.viewer import replayer
    from mcproxy.viewer.export import check_export, export

    if args.export is not None:
        check_export(args.export, args.force)
    for own in args.task:
        registry.get(own)
    size = args.size if args.size is not None else (448 if args.beside is None else 360)
    beside = None if args.beside is None else Recording(args.beside)
    episodes = replayer.Episodes(Recording(args.file), beside, size)
    index = args.episode if args.seed is None else episodes.of_seed(args.seed)
    if args.export is None:
        replayer.watch(replayer.Replayer(episodes, index))
        return 0
    with _cli.progress() as show:
        playbacks = episodes.playbacks(index)
        export(playbacks, args.export, size, args.force, lambda done, total: show("export", done, total))
    print(args.export)
    return 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "replay"))
