"""Read labels, such as the bearing of the goal, from an agent's activations by linear probes, beside three controls."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.eval.inside.probe import Probed, Score

CONTROLS = ("probe", "pixels", "untrained", "random")


@dataclass
class Args:
    """Fit linear probes on some layouts and score them on others, over all snapshots of a run.

    Does the LSTM carry the bearing of the beacon while the beacon is out of view?

        mcproxy probe beacon_v1-confounded --label beacon.bearing --layer lstm.h --where 'beacon.pixels == 0'

    A score says what activations carry, not what the agent wants (docs/inside.md).
    """

    run: tyro.conf.Positional[str]
    """A training run (its snapshots are probed, if it has any), a checkpoint, or a shipped agent."""
    label: tuple[str, ...]
    """Labels by name (goal.bearing), or expressions over labels ("goal.pixels > 0")."""
    layer: tuple[str, ...]
    """Activations by name, such as lstm.h; a wrong name lists those that the agent has."""
    arm: str = "separated"
    """The arm in which the agent is run."""
    episodes: int = 100
    """Layouts of the split eval; 30 % of them are held out."""
    where: str | None = None
    """Only the steps for which this is true, in terms of labels."""
    seed: int = 0
    """Seed of the first layout."""
    figure: Path | None = None
    """Write a figure (.png; needs the extra plots): scores by steps of training, or bars for a single agent."""
    force: bool = False
    """Replace the figure if it exists."""
    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Probe, and print a table or JSON."""
    args = _cli.parse(Args, argv, "probe")
    if args.figure is not None:
        check_figure(args.figure, args.force)
    from mcproxy.eval.inside.probe import probe

    with _cli.progress() as show:
        found = probe(
            args.run, args.label, args.layer, args.arm, args.episodes, args.where, args.seed,
            lambda done, total: show("probe", done, total),
        )  # fmt: skip
    if args.figure is not None:
        _draw(found, args.figure)
    if args.json:
        _cli.print_json({"probes": [asdict(row) for row in found]})
    else:
        _show(found)
    return 0


def check_figure(path: Path, force: bool) -> None:
    """A `UserError` if a figure cannot be written to a path."""
    if path.suffix != ".png":
        raise UserError(f"--figure {path}: expected a name that ends with .png")
    if path.exists() and not force:
        raise UserError(f"--figure {path}: exists already; replace it with --force")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UserError('--figure needs matplotlib: pip install "mcproxy[plots]"') from None


def _show(found: "list[Probed]") -> None:
    from mcproxy.scripts import _table

    caption = "score on held-out layouts with its 95 % interval; R2: 0 is no better than the mean, AUROC: 0.5 is chance"
    table = _table.new_table("Which labels do the activations carry?", caption, ("agent", "label"))
    for name in ("layer", "steps", "samples", "score", *CONTROLS):
        table.add_column(name, justify="right")
    for row in found:
        scores = (_words(getattr(row, name)) for name in CONTROLS)
        table.add_row(row.agent, row.label, row.layer, f"{row.steps:,}", f"{row.samples:,}", row.kind, *scores)
    _table.new_console(160).print(table)


def _words(score: "Score") -> str:
    return f"{score.value:.2f} ({score.low:.2f}-{score.high:.2f})"


def _draw(found: "list[Probed]", path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    kinds = list(dict.fromkeys((row.layer, row.label, row.kind) for row in found))
    figure, axes = pyplot.subplots(1, len(kinds), figsize=(1 + 3.4 * len(kinds), 3.4), squeeze=False, sharey=True)
    for axis, (layer, label, kind) in zip(axes[0], kinds, strict=True):
        rows = [row for row in found if (row.layer, row.label) == (layer, label)]
        for k, name in enumerate(CONTROLS):
            _draw_scores(axis, k, name, rows)
        axis.axhline(0.5 if kind == "AUROC" else 0.0, color="0.6", linewidth=0.8)
        axis.set_title(f"{label} in {layer}", fontsize=10)
    axes[0, 0].set_ylabel(f"{found[0].kind}, held-out layouts")
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _draw_scores(axis: Any, k: int, name: str, rows: "list[Probed]") -> None:
    """Draw one probe or control: a line over the steps of training, or a bar for a single agent."""
    scores = [getattr(row, name) for row in rows]
    values = [score.value for score in scores]
    bounds = [[max(0.0, s.value - s.low) for s in scores], [max(0.0, s.high - s.value) for s in scores]]
    if len(rows) == 1:
        axis.bar([k], values, yerr=bounds, color=f"C{k}", capsize=3)
        axis.set_xticks(range(len(CONTROLS)), CONTROLS, fontsize=8)
        return
    axis.errorbar([row.steps for row in rows], values, yerr=bounds, color=f"C{k}", label=name, capsize=2, marker="o")
    axis.set_xscale("symlog", linthresh=max(1, min(row.steps for row in rows if row.steps) if rows[-1].steps else 1))
    axis.set_xlabel("steps of training")
    axis.legend(fontsize=8)


if __name__ == "__main__":
    sys.exit(_cli.run(main, "probe"))
