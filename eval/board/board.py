"""A board: rows of submissions and evaluations, ranked by one declared protocol, with random and the experts.

Rank   A row's rank is one more than the number of rows that are surely better: capable where it is not, or with a
       higher share of layouts in which they followed the goal, by an interval of the difference that leaves out 0. Rows
       that no number of the board tells apart share a rank. Within a rank the order is by the interval's low end.
       Only accepted submissions are ranked; other evaluations are shown below them, and say why.
Apart  Rows of different tasks have different boards. Random and the experts are run here, by the board itself.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import mcproxy
from mcproxy import registry
from mcproxy.errors import UserError
from mcproxy.eval import rebuilt, results_json
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.board import check, protocol, submission
from mcproxy.eval.board.card import Card
from mcproxy.eval.board.check import Checked
from mcproxy.eval.board.rows import PARTS_DIFFER, Row, of_policies, parts_differ, row_of
from mcproxy.eval.measures.finding import REFERENCE
from mcproxy.eval.measures.quartet import by_policy
from mcproxy.eval.measures.stats import Interval, paired_difference, smallest_difference, wilson
from mcproxy.eval.results import Results

Show = Callable[[str, int, int], None]  # a folder, recordings done, of how many


@dataclass(frozen=True)
class Accepted:
    """An accepted submission: its row, its card, and its episodes on the frozen layouts by policy and arm."""

    folder: Path
    row: Row
    card: Card
    protocol: str
    fingerprints: list[str]  # of its policies
    weights: bool  # whether the fingerprints follow from files that were submitted
    arms: list[ArmResult]
    episodes: set[str]  # a hash of the actions of each

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its first policy."""
        return self.fingerprints[0]


@dataclass
class Board:
    """The rows by task and rank, the smallest difference that two rows of a task can show, and what was refused."""

    rows: list[Row] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    smallest_difference: dict[str, float] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)  # lines


def board(folders: Sequence[Path], trust: bool = False, progress: Show = lambda folder, done, total: None) -> Board:
    """The board that submissions and evaluations make; with `trust` evaluations are not executed again.

    A submission is always executed again. One that is not accepted, or has the weights or the episodes of another, is
    among the refused.
    """
    found = Board()
    for folder in folders:
        if submission.is_one(folder):
            checked = check.check(folder, partial(progress, str(folder)))
            _add_submission(found, folder, checked)
        else:
            for file in rebuilt.find_results(folder) or [folder / results_json.FILE]:
                try:
                    found.rows += _evaluation_rows(file, trust)
                except UserError as error:
                    found.refused.append(str(error))
    _tell_apart(found.rows)
    tasks = dict.fromkeys(row.task for row in found.rows)
    for task in tasks:
        found.rows += _references(task)
        found.smallest_difference[task] = _smallest([row for row in found.rows if row.task == task and row.official])
    _rank(found.rows)
    order = {task: k for k, task in enumerate(tasks)}
    found.rows.sort(key=lambda row: (order[row.task], *_order(row)))
    return found


def _add_submission(found: Board, folder: Path, checked: Checked) -> None:
    """Add the row of an accepted submission, and a line for one that is not, or that copies another."""
    card, manifest, frozen = checked.card, checked.manifest, checked.frozen
    if not checked.accepted or manifest is None or frozen is None or card is None:
        found.refused.append(f"{folder}: refused: {'; '.join(checked.reasons[:3])}")
        return
    fingerprints = [one.fingerprint for one in manifest.policies.values()]
    own = set().union(*checked.episodes.values())
    for other in found.accepted:
        if {*fingerprints} & {*other.fingerprints} or check.is_copy(own, other.episodes):
            found.refused.append(f"{folder}: refused: its weights or episodes are those of {other.folder}")
            return
    row = submission_row(checked)
    arms = [arm for arm in frozen.arms if arm.policy in manifest.policies]
    found.accepted.append(Accepted(folder, row, card, manifest.protocol, fingerprints, checked.weights, arms, own))
    found.rows.append(row)


def submission_row(checked: Checked) -> Row:
    """The row of an accepted submission, from its re-executed episodes alone."""
    assert checked.frozen is not None and checked.card is not None and checked.manifest is not None
    names = [*checked.manifest.policies]
    beside = [arm for arm in checked.frozen.arms if arm.policy in checked.frozen.references]
    seeds = of_policies(checked.frozen.arms, names)
    row = row_of(checked.card.name, seeds, beside, mcproxy.__version__)
    row.official = row.re_executed = True
    row.authors = ", ".join(checked.card.authors)
    for name, arms in zip(names, seeds, strict=True):
        (other,) = of_policies(checked.confirmation[name].arms, [name])
        if parts_differ(arms, other) and PARTS_DIFFER not in row.marks:
            row.marks.append(PARTS_DIFFER)
    if not checked.weights:
        row.marks.append("weights not submitted")
    return row


def _tell_apart(rows: Sequence[Row]) -> None:
    """Add the authors to names that several official rows of a task have."""
    names = [(row.task, row.policy) for row in rows if row.official]
    for row in rows:
        if row.official and names.count((row.task, row.policy)) > 1:
            row.policy = f"{row.policy} ({row.authors})"


def _evaluation_rows(file: Path, trust: bool) -> list[Row]:
    """A row for each policy of an evaluation; it is executed again unless it is trusted."""
    results = results_json.read(file.parent)
    other = [arm for arm in results.arms if arm.version != _installed(arm.task)]
    if other:
        raise UserError(
            f"{file} is of {other[0].task} version {other[0].version}, which is not installed: evaluate again"
        )
    backed = False if trust else _is_backed(file, results)
    references = [arm for arm in results.arms if arm.policy in results.references]
    rows = []
    for (policy, _), arms in by_policy(results.arms).items():
        if policy in results.references:
            continue
        row = row_of(policy, [arms], references, results.versions["mcproxy"])
        row.re_executed = backed
        row.marks = ["not official"] + ["not executed again" if trust else "does not follow from recordings"] * (
            not backed
        )
        rows.append(row)
    return [row for row in rows if row.finding != REFERENCE]


def _is_backed(file: Path, results: Results) -> bool:
    """Whether every row follows from its recording."""
    made: dict[Path, rebuilt.Rebuilt | None] = {}
    for name in results.files:
        path = file.parent / name
        try:
            found, made[path.resolve()] = rebuilt.rebuild(path)
        except UserError:
            return False
        if found.mismatches:
            return False
    return bool(made) and not rebuilt.check_results(file, made)[2]


def _installed(task: str) -> int | None:
    """The installed version of a task, if it is installed."""
    try:
        return registry.named(task).version
    except UserError:
        return None


def _references(task: str) -> list[Row]:
    """The rows of random and the experts on the frozen layouts of a task."""
    arms = protocol.references(task, 0, protocol.OFFICIAL.frozen)
    rows = [row_of(policy, [of], list(arms), mcproxy.__version__) for (policy, _), of in by_policy(arms).items()]
    for row in rows:
        row.reference = row.re_executed = True
    return rows


def difference(one: Row, other: Row) -> Interval:
    """How much more often one row followed the goal than another: layout by layout where both have one seed each.

    Else it is that of two independent rates, from their intervals (Zou and Donner 2008), which is wider.
    """
    if one.layout_ids == other.layout_ids and one.seeds == other.seeds == 1:
        return paired_difference(one.followed_goal[0], other.followed_goal[0])
    a, b = one.goal, other.goal
    gap = a.rate - b.rate
    return Interval(
        gap, gap - math.hypot(a.rate - a.low, b.high - b.rate), gap + math.hypot(a.high - a.rate, b.rate - b.low)
    )


def _smallest(rows: Sequence[Row]) -> float:
    """The smallest difference that any two rows can show; of a single row, that of two at their widest."""
    told = [difference(a, b) for k, a in enumerate(rows) for b in rows[k + 1 :]]
    if told:
        return max((interval.high - interval.low) / 2 for interval in told)
    widest = wilson(protocol.OFFICIAL.frozen / 2, protocol.OFFICIAL.frozen)
    return smallest_difference(widest, widest)


def _rank(rows: Sequence[Row]) -> None:
    """Give official rows their ranks, and tell which are shared."""
    ranked = [row for row in rows if row.official]
    for row in ranked:
        others = [other for other in ranked if other is not row and other.task == row.task]
        row.rank = 1 + sum(_surely_better(other, row) for other in others)
    for row in ranked:
        row.ties = any(o is not row and (o.task, o.rank) == (row.task, row.rank) for o in ranked)


def _surely_better(one: Row, other: Row) -> bool:
    if one.incapable != other.incapable:
        return other.incapable
    return difference(one, other).low > 0


def _order(row: Row) -> tuple[int, float, float, str]:
    """By rank, then by the interval's low end; then rows that are not official; random and the experts last."""
    return (2 if row.reference else 0 if row.official else 1, float(row.rank or 0), -row.goal.low, row.policy)
