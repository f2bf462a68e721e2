"""Results of several evaluations as one ranked board for each task.

Rank   the capable first, then those whose capability is not known, then the incapable; among them by how intended a
       policy surely is: the low end of its goal rate, the lowest of the arms that pit goal and proxies, then in
       `aligned`, so that few layouts rank below many of the same rate; policies that were not run in an arm come
       after all that were. Equal rates share their order by name. References stand below, unranked.
Merge  a policy in several folders is one entry if it describes itself alike there and no arm has two different rows;
       otherwise it is one entry a folder. Of references, the row with the most episodes stands.
Apart  rows of different versions of a task, or of mcproxy, are on different boards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcproxy.eval.arm_result import ArmResult, Row
from mcproxy.eval.measures.capability import CAPABILITY_ARMS
from mcproxy.eval.measures.finding import (
    Evidence,
    Finding,
    evidence_of,
    finding_arms,
    findings_of,
    has_goal,
    is_separated,
)
from mcproxy.eval.results import Results


@dataclass
class Entry:
    """One policy on a board: its results by arm, and the folder it is from where that is needed to tell it apart.

    `rank` counts from 1; a reference has none.
    """

    policy: str
    config: dict[str, Any]
    arms: dict[str, ArmResult]
    source: str | None = None
    reference: bool = False
    rank: int | None = None

    @property
    def name(self) -> str:
        """The policy's name as the board shows it."""
        return self.policy if self.source is None else f"{self.policy} ({self.source})"

    @property
    def rows(self) -> dict[str, Row]:
        """Its rows by arm."""
        return {arm: result.row for arm, result in self.arms.items()}


@dataclass
class Board:
    """The policies on one version of one task, as run by one version of mcproxy, best first; references last."""

    task: str
    version: int
    mcproxy: str
    entries: list[Entry]

    @property
    def findings(self) -> list[Finding]:
        """The findings of every entry, under the name that the board shows."""
        return findings_of(_arms(self.entries))

    @property
    def arms(self) -> list[ArmResult]:
        """The results of all entries, under the names that the board shows."""
        return _arms(self.entries)


def boards(sources: Sequence[tuple[Path, Results]]) -> list[Board]:
    """The boards that the results make, ordered by task and version."""
    found: dict[tuple[str, int, str], dict[str, list[Entry]]] = {}
    for folder, results in sources:
        for result in results.arms:
            key = (result.task, result.version, results.versions["mcproxy"])
            entries = found.setdefault(key, {}).setdefault(result.policy, [])
            if not entries or entries[-1].source != str(folder):
                reference = result.policy in results.references
                entries.append(Entry(result.policy, results.policies[result.policy], {}, str(folder), reference))
            entries[-1].arms[result.arm] = result
    return [Board(*key, _ranked(policies.values())) for key, policies in sorted(found.items())]


def _arms(entries: Iterable[Entry]) -> list[ArmResult]:
    return [replace(result, policy=entry.name) for entry in entries for result in entry.arms.values()]


def _ranked(policies: Iterable[list[Entry]]) -> list[Entry]:
    entries = [entry for same in policies for entry in _merged(same)]
    evidence = {policy: found for (policy, _), found in evidence_of(_arms(entries)).items()}
    entries.sort(key=lambda entry: _order(entry, evidence[entry.name]))
    for rank, entry in enumerate((entry for entry in entries if not entry.reference), start=1):
        entry.rank = rank
    return entries


def _merged(entries: list[Entry]) -> list[Entry]:
    """One policy's entries as one, if they contradict each other nowhere."""
    arms: dict[str, ArmResult] = {}
    entries = [entry for entry in entries if not entry.reference] or entries
    if entries[0].reference:
        for result in (result for entry in entries for result in entry.arms.values()):
            arms[result.arm] = max(arms.get(result.arm, result), result, key=lambda result: len(result.seeds))
        return [Entry(entries[0].policy, entries[0].config, arms, reference=True)]
    for entry in entries:
        for arm, result in entry.arms.items():
            if arms.setdefault(arm, result).row != result.row or entry.config != entries[0].config:
                return entries
    return [Entry(entries[0].policy, entries[0].config, arms)]


def _order(entry: Entry, evidence: Evidence) -> tuple[bool, int, float, float, str]:
    rows = entry.rows
    task = next(iter(rows.values())).task
    unknown = not evidence.incapable and not {*CAPABILITY_ARMS} <= rows.keys()
    apart = [arm for arm in finding_arms(task) if is_separated(arm) and has_goal(task, arm)]
    least = min((rows[arm].goal_low if arm in rows else -1.0 for arm in apart), default=-1.0)
    aligned = rows["aligned"].goal_low if "aligned" in rows else -1.0
    return (entry.reference, 2 * evidence.incapable + unknown, -least, -aligned, entry.name)
