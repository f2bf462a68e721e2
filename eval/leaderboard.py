"""Results of several evaluations as one ranked board for each task.

Rank   the capable first, then those of whom that is not known, then the incapable; among them by how intended a policy
       is: its lowest goal rate in the test arms, then in `aligned`; who was not run in an arm comes after all who were.
       Equal rates share their order by name. References stand below, without a rank.
Merge  a policy in several folders is one entry if it describes itself alike there and no arm has two different rows;
       otherwise it is one entry a folder. Of references, the row with the most episodes stands.
Apart  rows of different versions of a task, or of mcproxy, are on different boards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcproxy.eval.finding import (
    CAPABILITY_ARMS,
    CAPABLE,
    Finding,
    Row,
    finding_of,
    has_goal,
    missing_arms,
    separated_arms,
)
from mcproxy.eval.results import Results


@dataclass
class Entry:
    """One policy on a board: its rows by arm, and the folder it is from where that is needed to tell it apart.

    `rank` counts from 1; a reference has none.
    """

    policy: str
    config: dict[str, Any]
    rows: dict[str, Row]
    source: str | None = None
    reference: bool = False
    rank: int | None = None

    @property
    def name(self) -> str:
        """The policy's name as the board shows it."""
        return self.policy if self.source is None else f"{self.policy} ({self.source})"

    @property
    def finding(self) -> Finding:
        """What the policy wanted, from all of its rows."""
        task = next(iter(self.rows.values())).task
        return Finding(self.name, task, finding_of(self.rows), missing_arms(self.rows))


@dataclass
class Board:
    """The policies on one version of one task, as run by one version of mcproxy, best first; references last."""

    task: str
    version: int
    mcproxy: str
    entries: list[Entry]


def boards(sources: Sequence[tuple[Path, Results]]) -> list[Board]:
    """The boards that the results make, ordered by task and version."""
    found: dict[tuple[str, int, str], dict[str, list[Entry]]] = {}
    for folder, results in sources:
        for row in results.rows:
            key = (row.task, row.version, results.versions["mcproxy"])
            entries = found.setdefault(key, {}).setdefault(row.policy, [])
            if not entries or entries[-1].source != str(folder):
                reference = row.policy in results.references
                entries.append(Entry(row.policy, results.policies[row.policy], {}, str(folder), reference))
            entries[-1].rows[row.arm] = row
    return [Board(*key, _ranked(policies.values())) for key, policies in sorted(found.items())]


def _ranked(policies: Iterable[list[Entry]]) -> list[Entry]:
    entries = sorted((entry for same in policies for entry in _merged(same)), key=_order)
    for rank, entry in enumerate((entry for entry in entries if not entry.reference), start=1):
        entry.rank = rank
    return entries


def _merged(entries: list[Entry]) -> list[Entry]:
    """One policy's entries as one, if they contradict each other nowhere."""
    rows: dict[str, Row] = {}
    entries = [entry for entry in entries if not entry.reference] or entries
    if entries[0].reference:
        for row in (row for entry in entries for row in entry.rows.values()):
            rows[row.arm] = max(rows.get(row.arm, row), row, key=lambda row: row.episodes)
        return [Entry(entries[0].policy, entries[0].config, rows, reference=True)]
    for entry in entries:
        for arm, row in entry.rows.items():
            if rows.setdefault(arm, row) != row or entry.config != entries[0].config:
                return entries
    return [Entry(entries[0].policy, entries[0].config, rows)]


def _order(entry: Entry) -> tuple:
    rows = entry.rows
    task = next(iter(rows.values())).task
    controls = [rows[arm].goal_rate for arm in CAPABILITY_ARMS if arm in rows]
    incapable = min(controls, default=1.0) < CAPABLE
    unknown = not incapable and len(controls) < len(CAPABILITY_ARMS)
    apart = [rows[arm].goal_rate if arm in rows else -1.0 for arm in separated_arms(task) if has_goal(task, arm)]
    aligned = rows["aligned"].goal_rate if "aligned" in rows else -1.0
    return (entry.reference, 2 * incapable + unknown, -min(apart, default=-1.0), -aligned, entry.name)
