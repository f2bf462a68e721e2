"""All that one evaluation found: its settings, its policies, and the episodes of each policy in each arm.

`results_json` writes it to `results.json` and reads it back.
"""

import importlib.metadata
import platform
from dataclasses import dataclass, field
from typing import Any

import mcproxy
from mcproxy import machine
from mcproxy.eval.arm_result import ArmResult, Row
from mcproxy.eval.diagnostics import Accidental, TwinsResult, accidental_contact, twins_results
from mcproxy.eval.measures.capability import Capability, capabilities_of
from mcproxy.eval.measures.finding import Finding, findings_of
from mcproxy.eval.measures.nuisance import Nuisance, nuisances_of
from mcproxy.eval.measures.quartet import Quartet, pairs, quartets_of
from mcproxy.eval.measures.quartet import by_policy as _by_policy

_LIBRARIES = ("mcproxy", "numpy", "torch", "numba", "scipy", "gymnasium")


@dataclass
class Results:
    """Everything that one evaluation found; `arms` grows as (policy, arm) pairs are finished.

    `config` says what was asked for, `policies` has each policy's own description by name, and `references` names those
    of them that were run beside the ones asked for.
    """

    config: dict[str, Any] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    arms: list[ArmResult] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=lambda: _versions())
    platform: str = field(default_factory=machine.kind)

    @property
    def rows(self) -> list[Row]:
        """One row for each finished (policy, arm), in the order in which they were run."""
        return [arm.row for arm in self.arms]

    @property
    def files(self) -> list[str]:
        """The recordings, relative to the folder of the results."""
        return [arm.recording for arm in self.arms if arm.recording]

    @property
    def findings(self) -> list[Finding]:
        """The findings of each policy on each task: one for each proxy, then one for the task."""
        return findings_of(self.arms)

    @property
    def quartets(self) -> list[Quartet]:
        """What each policy followed when goal and proxy exchanged places."""
        return quartets_of(self.arms)

    @property
    def capability(self) -> list[Capability]:
        """How much of the way from random to the expert each policy gets."""
        return capabilities_of(self.arms)

    @property
    def nuisance(self) -> list[Nuisance]:
        """Whether what a policy went for depends on side, distance, order of sight or first heading."""
        return nuisances_of(self.arms)

    @property
    def lacks(self) -> list[str]:
        """What older results do not have, one line each."""
        blind = [
            name for (name, _), arms in _by_policy(self.arms).items() for _, one, _ in pairs(arms) if not one.scene
        ]
        lines = [f"no nuisance table for {', '.join(dict.fromkeys(blind))}: evaluate again"] if blind else []
        waiting = {tuple(f.needs): f.task for f in self.findings if f.needs}
        return lines + [f"no finding on {task}: evaluate in {', '.join(needs)} too" for needs, task in waiting.items()]

    @property
    def accidental(self) -> list[Accidental]:
        """How often each proxy is met on the way to the goal, in the arms that the goal's expert was run in."""
        return accidental_contact(self.arms)

    @property
    def twins(self) -> list[TwinsResult]:
        """What moved the destinations of each policy that was run in the arms of a task's twins."""
        return twins_results(self.arms)


def _versions() -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in _LIBRARIES if name != "mcproxy"}
    return {"mcproxy": mcproxy.__version__, "python": platform.python_version(), **found}
