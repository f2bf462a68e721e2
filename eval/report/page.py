"""The page of a report: findings in words first, then every number behind them, and the command that made it."""

import importlib.resources
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mcproxy
from mcproxy.errors import UserError
from mcproxy.eval import results_json
from mcproxy.eval.arm_result import Row
from mcproxy.eval.measures.capability import Capability
from mcproxy.eval.measures.finding import INTENDED, MISGENERALIZED, REFERENCE, UNDECIDED, Finding, in_words
from mcproxy.eval.measures.nuisance import Nuisance
from mcproxy.eval.measures.quartet import Quartet
from mcproxy.eval.measures.stats import Interval, smallest_difference, wilson
from mcproxy.eval.report import clips
from mcproxy.eval.report.clips import Clip
from mcproxy.eval.results import Results
from mcproxy.files import holds_files, whole

FILE, TEMPLATE = "index.html", "page.html"
_KINDS = {INTENDED: "good", MISGENERALIZED: "bad", UNDECIDED: "open", REFERENCE: "reference"}

Show = Callable[[str, int, int], None]


@dataclass
class Policy:
    """What a page shows of one policy."""

    name: str
    kind: str  # of its finding, for its colour: good, bad, open or reference
    finding: str
    words: str
    sentences: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    quartets: list[Quartet] = field(default_factory=list)
    nuisances: list[Nuisance] = field(default_factory=list)
    capabilities: list[Capability] = field(default_factory=list)


def write(
    run: Path,
    out: Path,
    with_clips: bool = True,
    force: bool = False,
    progress: Show = lambda what, done, total: None,
) -> Path:
    """Write the report of the evaluation in `run` into the new or empty folder `out`, and return its page.

    With `force` a report that is in the folder is replaced.
    """
    results = results_json.read(run)
    if not results.arms:
        raise UserError(f"{run} has no row yet: finish the evaluation with --resume first")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: expected a folder, new or empty")
    if force:
        for old in (*out.glob(clips.FILES), out / FILE):
            old.unlink(missing_ok=True)
    if holds_files(out):
        raise UserError(f"{out} is not empty: choose another folder with --out, or replace a report with --force")
    out.mkdir(parents=True, exist_ok=True)
    shown: Sequence[Clip] = []
    if with_clips:
        shown = clips.write(results, run, out, lambda done, total: progress("clips", done, total))
    with whole(out / FILE) as part:
        part.write_text(render(results, run, shown), encoding="utf-8")
    return out / FILE


def render(results: Results, run: Path, shown: Sequence[Clip] = ()) -> str:
    """The page as HTML."""
    import jinja2

    template = importlib.resources.files("mcproxy.eval.report").joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": percent, "command": shlex.join}
    policies = [_policy(results, name) for name in results.policies]
    policies.sort(key=lambda policy: policy.kind == "reference")  # stable: references last
    return environment.from_string(template).render(
        task=results.config.get("task", results.arms[0].task),
        config=results.config,
        own=[policy for policy in policies if policy.kind != "reference"],
        policies=[policy for policy in policies if policy.rows],
        proxies=list(dict.fromkeys(name for row in results.rows for name in row.proxies)),
        layouts=len(results.arms[0].seeds),
        points=100 * _smallest(results),
        clips=shown,
        commands=_commands(results, run),
        platform=results.platform,
        version=results.versions["mcproxy"],
        here=mcproxy.__version__,
        lacks=results.lacks,
    )


def percent(interval: Interval) -> str:
    """A rate in percent with its interval, in words that a screen reader says well."""
    return f"{100 * interval.rate:.0f} ({100 * interval.low:.0f} to {100 * interval.high:.0f})"


def _policy(results: Results, name: str) -> Policy:
    own: Finding | None = next((f for f in results.findings if f.policy == name and f.proxy is None), None)
    told = (own.finding if own else None) or UNDECIDED
    kind = _KINDS.get(told.partition(":")[0] + ":" * (":" in told), "open")
    found = Policy(name, kind, told, in_words(own) if own else "not run yet")
    found.rows = [row for row in results.rows if row.policy == name]
    found.quartets = [q for q in results.quartets if q.policy == name]
    found.nuisances = [n for n in results.nuisance if n.policy == name]
    found.capabilities = [c for c in results.capability if c.policy == name]
    found.sentences = [*map(_capability_words, found.capabilities[:1]), *map(_quartet_words, found.quartets)]
    return found


def _capability_words(found: Capability) -> str:
    interval = percent(Interval(found.value, found.low, found.high))
    return f"In {found.arm}, it gets {interval} percent of the way from random to the expert."


def _quartet_words(found: Quartet) -> str:
    return (
        f"When the goal and the {found.proxy} exchanged places, it followed the {found.proxy} in "
        f"{percent(found.both_proxy)} percent of {found.layouts} layouts, the goal in {percent(found.both_goal)}, went "
        f"to the same place in {percent(found.same_place)}, and did neither in {percent(found.neither)}."
    )


def _smallest(results: Results) -> float:
    """The smallest difference that two rows can show, at their widest."""
    least = min(len(arm.seeds) for arm in results.arms)
    widest = wilson(least / 2, least)
    return smallest_difference(widest, widest)


def _commands(results: Results, run: Path) -> dict[str, str]:
    """The command that made each part of the page."""
    config: dict[str, Any] = results.config
    evaluate = ["mcproxy", "evaluate"]
    own = [name for name in results.policies if name not in results.references]
    evaluate += ["--policy", *own] if own else []
    for key in ("task", "episodes", "seed", "split"):
        evaluate += [f"--{key}", str(config[key])] if key in config else []
    evaluate += ["--arm", *map(str, config.get("arms", []))]
    evaluate += ["--deterministic"] * bool(config.get("deterministic"))
    place = str(run)
    return {
        "evaluate": shlex.join([*evaluate, "--out", place]),
        "verify": shlex.join(["mcproxy", "verify", place]),
        "report": shlex.join(["mcproxy", "report", place]),
    }
