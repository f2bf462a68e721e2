"""Continue a recorded episode from one of its steps, with the marker or the goal where it was and elsewhere."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli
from mcproxy.scripts.probe import check_figure

if TYPE_CHECKING:
    from mcproxy.eval.inside.branch import Branch, Side

MAP_PX = 640


@dataclass
class Args:
    """Move the marker or the goal at one step of a recorded episode, run on, and compare actions and destinations.

        mcproxy branch RUN/recordings/mcproxy/Beacon-v2/NAME-separated-v0 --episode 3 --at 12 --move beacon

    Up to that step the recorded actions are executed again, and the policy is shown every frame.
    """

    recording: tyro.conf.Positional[Path]
    """A recording (main_data.hdf5), or a folder in which there is one."""
    at: int
    """The step before which the two worlds part, from 0."""
    move: str
    """The objective that is moved: a proxy, or goal."""
    episode: int = 0
    """Which episode, in the order of their seeds."""
    to: tuple[int, int, int] | None = None
    """Where it is moved, in blocks; by default to its place in the other worlds of the quartet."""
    policy: str | None = None
    """The policy that goes on; by default that of the recording, if it is a shipped agent or an expert."""
    continuations: int = 20
    """Runs of each of the two worlds, each with noise of its own, the same for both."""
    task: tuple[str, ...] = ()
    """Files of your own tasks, if it is one of those that is recorded there."""
    figure: Path | None = None
    """Write a map of both worlds (.png; needs the extra plots) with the net motion in each column and heading."""
    force: bool = False
    """Replace the figure if it exists."""
    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Branch, and print a table or JSON."""
    args = _cli.parse(Args, argv, "branch")
    if args.figure is not None:
        check_figure(args.figure, args.force)
    from mcproxy import registry
    from mcproxy.eval.inside.branch import branch
    from mcproxy.recording import Recording

    for own in args.task:
        registry.get(own)
    with Recording(args.recording) as recording:
        if not 0 <= args.episode < len(recording):
            raise UserError(f"--episode {args.episode}: expected 0 to {len(recording) - 1}")
        episode = recording[args.episode]
    policy = args.policy or _policy_of(episode.policy)
    found = branch(episode, policy, args.at, args.move, args.to, args.continuations)
    if args.figure is not None:
        _draw(found, args.figure)
    if args.json:
        _cli.print_json(_document(found))
    else:
        _show(found)
    return 0


def _policy_of(name: str) -> str:
    """The recording's policy, if its name is enough to load it."""
    from mcproxy.load_policy import shipped

    if name in shipped() or name == "random" or name.startswith("expert:"):
        return name
    raise UserError(f"recorded by {name!r}, which its name does not find: say where it is with --policy")


def _sides(found: "Branch") -> "list[tuple[str, Side]]":
    return [(f"{found.moved} where it was", found.here), (f"{found.moved} at {found.to}", found.there)]


def _document(found: "Branch") -> dict[str, Any]:
    return {
        "seed": found.episode.seed,
        "at": found.at,
        "moved": found.moved,
        "to": found.to,
        "policy": found.policy,
        "controls": list(found.episode.controls),
        "sides": [
            {
                "verdicts": list(side.verdicts),
                "ends": [poses[-1].tolist() for poses in side.poses],
                "probabilities": None if side.probabilities is None else side.probabilities.tolist(),
            }
            for _, side in _sides(found)
        ],
    }


def _show(found: "Branch") -> None:
    from mcproxy.eval.measures.stats import wilson
    from mcproxy.scripts import _table

    title = f"seed {found.episode.seed} from step {found.at}: where does {found.policy} go?"
    caption = f"percent of {len(found.here.verdicts)} continuations, with 95 % intervals"
    table = _table.new_table(title, caption)
    destinations = sorted({*found.here.verdicts, *found.there.verdicts})
    for name in ("world", *destinations):
        table.add_column(name, justify="left" if name == "world" else "right")
    for name, side in _sides(found):
        rates = (wilson(side.verdicts.count(d), len(side.verdicts)) for d in destinations)
        table.add_row(name, *(_table.in_percent(rate) for rate in rates))
    console = _table.new_console()
    console.print(table)
    if found.here.probabilities is None or found.there.probabilities is None:
        return
    table = _table.new_table("Its next action", "percent for each choice of each control", ("world",))
    for name in (*found.episode.controls, "total variation"):
        table.add_column(name, justify="right")
    distance = np.abs(found.here.probabilities - found.there.probabilities).sum(axis=1).max() / 2
    for k, (name, side) in enumerate(_sides(found)):
        assert side.probabilities is not None
        cells = (" ".join(f"{100 * p:.0f}" for p in row if p > 1e-9) for row in side.probabilities)
        table.add_row(name, *cells, f"{distance:.2f}" if k else "")
    console.print(table)


def _draw(found: "Branch", path: Path) -> None:
    """Both worlds from above: the way to the branch, and arrows of net motion coloured by heading."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from mcproxy.eval.inside.branch import OCTANTS
    from mcproxy.viewer.top_down_map import TopDown

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 7))
    walked = found.episode.poses[: found.at + 1]
    for axis, (name, side) in zip(axes, _sides(found), strict=True):
        top_down = TopDown(side.mission, MAP_PX)
        axis.imshow(top_down.draw(walked[:, :3], float(walked[-1, 3]), found.episode.fov_deg, {}))
        cells, moves = side.net_motion()
        length = np.hypot(*moves.T)
        cells, moves = cells[length > 0.02], moves[length > 0.02]
        places = np.array([top_down.at(x + 0.5, z + 0.5) for x, z, _ in cells.tolist()]).reshape(-1, 2)
        shift = moves * top_down.cell * 1.4
        arrows = axis.quiver(
            places[:, 0], places[:, 1], shift[:, 0], shift[:, 1], cells[:, 2], cmap="hsv", clim=(0, OCTANTS),
            angles="xy", scale_units="xy", scale=1, width=0.004, edgecolor="black", linewidth=0.3,
        )  # fmt: skip
        ends = {verdict: side.verdicts.count(verdict) for verdict in sorted(set(side.verdicts))}
        axis.set_title(f"{name}\n" + ", ".join(f"{verdict} {count}" for verdict, count in ends.items()), fontsize=10)
        axis.axis("off")
    bar = figure.colorbar(arrows, ax=axes, shrink=0.5, ticks=np.arange(OCTANTS))
    bar.ax.set_yticklabels([f"{45 * k}" for k in range(OCTANTS)])
    bar.set_label("heading, yaw in degrees")
    figure.savefig(path, dpi=110, bbox_inches="tight")
    pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(_cli.run(main, "branch"))
