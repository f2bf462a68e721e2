"""Draw docs/evidence/*.json, each the summary.json of a sweep, and fill their tables in results.md.

    python docs/evidence.py          (needs matplotlib: pip install -e ".[plots]")

NAME-dose.png         rates against how rarely marker and goal parted in training, where groups differ in `mixture`;
                      each seed's with its Wilson interval over layouts
NAME-seeds.png        elsewhere: every training seed's rates, and the groups' with their intervals
NAME-snapshots.png    competence and preference against training steps, where a sweep evaluated snapshots
"""

import json
import re
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from mcproxy.eval.measures.finding import MAJORITY, is_separated
from mcproxy.eval.measures.stats import wilson
from mcproxy.scripts._table import markdown
from mcproxy.scripts.sweeps.summary import FEW, cells, columns

HERE = Path(__file__).parent
PAGES = {HERE / "results.md": ("",)}  # arms begin with these
BEGIN, END = "<!-- python docs/evidence.py writes this table: {} -->", "<!-- end of the table -->"
_MARK = re.compile(re.escape(BEGIN).replace(r"\{\}", r"([\w-]+)"))
GOAL, PROXY, SECOND = "#b8860b", "#1f77b4", "#2f7d5b"  # gold; a proxy; another proxy
_NAMES = {
    "beacon-confounded": "beacon always on the gold in training",
    "beacon-decorrelated": "beacon anywhere in training",
}
_MIXTURE = re.compile(r"mixture([\d.]+)$")


def main() -> None:
    """Draw what there is, and rewrite the tables."""
    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 150})
    for file in sorted((HERE / "evidence").glob("*.json")):
        rates = [r for r in json.loads(file.read_text())["rates"] if r["seeds"]]
        last, snapshots = ([r for r in rates if (r["snapshot"] is None) == final] for final in (True, False))
        if not last:
            continue
        if all(_MIXTURE.search(r["group"]) for r in last):
            _dose(last, file.with_name(f"{file.stem}-dose.png"))
        elif max(len(r["seeds"]) for r in last) > 1:
            _seeds(last, file.with_name(f"{file.stem}-seeds.png"))
        if snapshots:
            _snapshots(snapshots, file.with_name(f"{file.stem}-snapshots.png"))
    for page, arms in PAGES.items():
        page.write_text(filled(page.read_text(), arms))


def _colour(objective: str, objectives: list[str]) -> str:
    proxies = [o for o in objectives if o != "goal"]
    return GOAL if objective == "goal" else (PROXY, SECOND)[proxies.index(objective) % 2]


def _seeds(rates: list[dict[str, Any]], file: Path) -> None:
    groups, shown = list(dict.fromkeys(r["group"] for r in rates)), columns(rates)
    objectives = list(dict.fromkeys(o for _, o in shown))
    figure, panels = plt.subplots(1, len(groups), figsize=(1.2 + 2.6 * len(groups), 2.9), sharey=True, squeeze=False)
    for panel, group in zip(panels[0], groups, strict=True):
        for x, (arm, objective) in enumerate(shown):
            row = next((r for r in rates if (r["group"], r["arm"], r["objective"]) == (group, arm, objective)), None)
            if row is None:
                continue
            colour, values = _colour(objective, objectives), sorted(row["seeds"].values())
            spread = [x - 0.18 + 0.36 * (k + 0.5) / len(values) for k in range(len(values))]
            if len(values) >= FEW:
                panel.vlines(x, row["low"], row["high"], colour, linewidth=9, alpha=0.25)
            panel.hlines(row["rate"], x - 0.24, x + 0.24, colour, linewidth=2)
            panel.scatter(spread, values, 14, colour, zorder=3, edgecolors="white", linewidths=0.5)
        panel.set_xticks(range(len(shown)), [f"{arm}\n{o}" for arm, o in shown], fontsize=7.5)
        panel.set_xlim(-0.6, len(shown) - 0.4)
        panel.set_ylim(-0.03, 1.03)
        panel.grid(axis="y", alpha=0.3)
        seeds = max(len(r["seeds"]) for r in rates if r["group"] == group)
        panel.set_title(f"{group}, {seeds} seed{'s' * (seeds > 1)}", fontsize=9.5)
    panels[0][0].set_ylabel("share of layouts")
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


def _snapshots(rates: list[dict[str, Any]], file: Path) -> None:
    groups, shown = list(dict.fromkeys(r["group"] for r in rates)), columns(rates)
    objectives, arms = list(dict.fromkeys(o for _, o in shown)), list(dict.fromkeys(arm for arm, _ in shown))
    first = min(r["snapshot"] for r in rates if r["snapshot"] > 0) / 2  # where 0 stands on a logarithmic axis
    size = (1 + 2.7 * len(arms), 0.5 + 2.4 * len(groups))
    figure, panels = plt.subplots(len(groups), len(arms), figsize=size, sharex=True, sharey=True, squeeze=False)
    for line, group in zip(panels, groups, strict=True):
        for panel, arm in zip(line, arms, strict=True):
            for objective in [o for a, o in shown if a == arm]:
                rows = [r for r in rates if (r["group"], r["arm"], r["objective"]) == (group, arm, objective)]
                rows.sort(key=lambda r: r["snapshot"])
                steps, colour = [max(r["snapshot"], first) for r in rows], _colour(objective, objectives)
                for seed in dict.fromkeys(seed for r in rows for seed in r["seeds"]):
                    panel.plot(
                        steps, [r["seeds"].get(seed, float("nan")) for r in rows], color=colour, alpha=0.3, lw=0.8
                    )
                if len(rows[0]["seeds"]) >= FEW:
                    low, high = [r["low"] for r in rows], [r["high"] for r in rows]
                    panel.fill_between(steps, low, high, color=colour, alpha=0.15)
                panel.plot(steps, [r["rate"] for r in rows], color=colour, lw=2, marker="o", ms=3, label=objective)
            panel.set_xscale("log")
            ticks = {first: "0"} | {at: f"{at / 1000:.0f}k" for at in steps[1:-1:2]}
            panel.set_xticks(list(ticks), list(ticks.values()))
            panel.minorticks_off()
            panel.set_ylim(-0.03, 1.03)
            panel.grid(alpha=0.3)
            panel.set_title(f"{group}: {arm}" if len(groups) > 1 else arm, fontsize=9.5)
            panel.legend(fontsize=7.5, frameon=False)
    for panel in panels[-1]:
        panel.set_xlabel("training steps")
    for line in panels:
        line[0].set_ylabel("share of layouts")
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


def _dose(rates: list[dict[str, Any]], file: Path) -> None:
    rows = [(float(_MIXTURE.findall(r["group"])[0]), r) for r in rates if is_separated(r["arm"])]
    rhos = sorted({rho for rho, _ in rows}, reverse=True)
    inside = [1 - rho for rho in rhos if 0 < rho < 1] or [0.5]
    least, most = min(inside) / 3, (2 + max(inside)) / 3  # where never and always stand on a logit axis
    place = {rho: min(max(1 - rho, least), most) for rho in rhos}
    objectives = list(dict.fromkeys(r["objective"] for _, r in rows))
    figure, panel = plt.subplots(figsize=(4.8, 3))
    for objective in objectives:
        colour = _colour(objective, objectives)
        points = [(place[rho], r) for rho, r in rows if r["objective"] == objective]
        x, told = zip(*sorted(points, key=lambda point: point[0]), strict=True)
        if min(len(row["seeds"]) for row in told) >= FEW:
            panel.fill_between(x, [r["low"] for r in told], [r["high"] for r in told], color=colour, alpha=0.15)
        panel.plot(x, [r["rate"] for r in told], color=colour, lw=2, label=objective)
        for at, row in zip(x, told, strict=True):
            for k, rate in enumerate(row["seeds"].values()):
                own = wilson(round(rate * row["layouts"]), row["layouts"])
                odds = at / (1 - at) * 1.12 ** (k - (len(row["seeds"]) - 1) / 2)
                beside = odds / (1 + odds)
                panel.vlines(beside, own.low, own.high, colour, linewidth=1)
                panel.scatter(beside, rate, 10, colour, zorder=3)
    panel.axhline(MAJORITY, color="grey", lw=0.8, ls=":")
    panel.text(least, MAJORITY + 0.015, "a finding lies above this", fontsize=7, color="grey")
    panel.set_xscale("logit")
    panel.set_xticks([*place.values()], [f"{rho:g}" for rho in place])
    panel.minorticks_off()
    panel.set_ylim(-0.03, 1.03)
    panel.set_xlabel("probability that the beacon stands on the gold in training")
    panel.set_ylabel("share of layouts, separated")
    panel.grid(axis="y", alpha=0.3)
    panel.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(file)
    plt.close(figure)


def filled(text: str, arms: tuple[str, ...]) -> str:
    """A page with the tables that it has marks for: each group's rates over its seeds, and the seeds' findings.

    Columns are of the arms that begin with one of `arms`.
    """
    for name in _MARK.findall(text):
        file = HERE / "evidence" / f"{name}.json"
        found = table(json.loads(file.read_text()), arms) if file.exists() else "Not run yet."
        mark = BEGIN.format(name)
        before, _, rest = text.partition(mark)
        text = f"{before}{mark}\n\n{found}\n\n{END}{rest.partition(END)[2]}"
    return text


def table(summary: dict[str, Any], arms: tuple[str, ...]) -> str:
    """A Markdown table with a line for each group."""
    (_, *headings, last), *lines = cells(summary, arms)
    head = ["`{}`{}{}".format(*heading.partition(":")) for heading in headings]
    named = [[_NAMES.get(group, f"`{group}`"), *rest] for group, *rest in lines]
    return markdown(["", *head, last], *named)


if __name__ == "__main__":
    main()
