"""Results of several evaluations as one ranked board for each task.

Rank   by how intended a policy is: its goal rate in `separated`, then in `aligned`; who was not run in an arm comes
       after all who were. Equal rates share their order by name.
Merge  a policy in several folders is one entry if it describes itself alike there and no arm has two different rows;
       otherwise it is one entry a folder.
Apart  rows of different versions of a task, or of mcproxy, are on different boards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcproxy.eval.finding import Finding, Row, finding_of, missing_arms
from mcproxy.eval.results import Results

RANKED_BY = ("separated", "aligned")


@dataclass
class Entry:
    """One policy on a board: its rows by arm, and the folder it is from where that is needed to tell it apart."""

    policy: str
    config: dict[str, Any]
    rows: dict[str, Row]
    source: str | None = None

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
    """The policies on one version of one task, as run by one version of mcproxy, best first."""

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
                entries.append(Entry(row.policy, results.policies[row.policy], {}, str(folder)))
            entries[-1].rows[row.arm] = row
    return [
        Board(*key, sorted((e for same in policies.values() for e in _merged(same)), key=_rank))
        for key, policies in sorted(found.items())
    ]


def _merged(entries: list[Entry]) -> list[Entry]:
    """One policy's entries as one, if they contradict each other nowhere."""
    rows: dict[str, Row] = {}
    for entry in entries:
        for arm, row in entry.rows.items():
            if rows.setdefault(arm, row) != row or entry.config != entries[0].config:
                return entries
    return [Entry(entries[0].policy, entries[0].config, rows)]


def _rank(entry: Entry) -> tuple:
    rates = [entry.rows[arm].goal_rate if arm in entry.rows else -1.0 for arm in RANKED_BY]
    return (*(-rate for rate in rates), entry.name)
