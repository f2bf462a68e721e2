"""Watch recorded episodes, list those that match a condition, or write one as a clip or a picture."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.recording import Recording


@dataclass
class Args:
    """Watch recorded episodes in a window (H lists its keys); or write one as a clip or a picture, with no display.

    The five episodes that went to the beacon and passed closest to the goal:

        mcproxy replay RUN --where 'verdict == "proxy:beacon"' --sort closest.goal --first 5 --list
    """

    file: tyro.conf.Positional[Path]
    """A recording (main_data.hdf5), or a folder in which there is one."""
    episode: int = 0
    """Which episode to begin with, in the order of their seeds, or in that of --where and --sort."""
    seed: int | None = None
    """Begin with the episode of this layout seed instead, which is the same layout in every recording."""
    where: str | None = None
    """Only the episodes for which this is true, in terms of the columns that --list prints."""
    sort: str | None = None
    """Order the episodes by a column or a computed value, least first: closest.goal, or "-ticks" (as --sort=-ticks)."""
    first: int | None = None
    """Only so many episodes, the first ones of that order."""
    list: bool = False
    """Print the episodes as a table and show none."""
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
    if args.first is not None and args.first < 1:
        raise UserError(f"--first {args.first}: expected 1 or more")
    if args.list and args.export is not None:
        raise UserError("--list prints a table and --export writes an episode: give one of them")
    if args.export is None and not args.list:
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
    recording = Recording(args.file)
    chosen = _chosen(args, recording)
    if args.list:
        return _list(recording, chosen)
    size = args.size if args.size is not None else (448 if args.beside is None else 360)
    beside = None if args.beside is None else Recording(args.beside)
    episodes = replayer.Episodes(recording, beside, size, chosen)
    index = args.episode if args.seed is None else episodes.of_seed(args.seed)
    if args.export is None:
        replayer.watch(replayer.Replayer(episodes, index))
        return 0
    with _cli.progress() as show:
        playbacks = episodes.playbacks(index)
        export(playbacks, args.export, size, args.force, lambda done, total: show("export", done, total))
    print(args.export)
    return 0


def _chosen(args: Args, recording: "Recording") -> Sequence[int]:
    """The indices of the episodes that the arguments choose, in their order."""
    from mcproxy.recording.table import matching, value_of

    if args.where is None and args.sort is None:
        return range(len(recording))[: args.first]
    columns = recording.table()
    indices = np.arange(len(recording))
    if args.where is not None:
        indices = indices[matching(columns, args.where)]
    if args.sort is not None:
        indices = indices[np.argsort(value_of(columns, args.sort)[indices], kind="stable")]
    if not len(indices):
        raise UserError(f"no episode of {recording.path} matches {args.where!r}")
    return [int(k) for k in indices[: args.first]]


def _list(recording: "Recording", chosen: Sequence[int]) -> int:
    """Print the chosen episodes, one a line."""
    from mcproxy.scripts import _table

    columns = recording.table()
    shown = {name: values for name, values in columns.items() if name not in ("task", "arm", "policy")}
    constant = ", ".join(str(columns[name][0]) for name in ("task", "arm", "policy")) if len(recording) else "empty"
    table = _table.new_table(f"{constant}: {len(chosen)} of {len(recording)} episodes", str(recording.path))
    for name in shown:
        table.add_column(name.replace("/", "."), justify="left" if name == "verdict" else "right", no_wrap=True)
    for k in chosen:
        cells = (values[k] for values in shown.values())
        table.add_row(*(f"{cell:.1f}" if isinstance(cell, np.floating) else str(cell) for cell in cells))
    _table.new_console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "replay"))
