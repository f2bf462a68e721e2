"""All that one evaluation found: its settings, its policies, and the episodes of each policy in each arm.

`results_json` writes it to `results.json` and reads it back.
"""

import importlib.metadata
import os
import platform
from dataclasses import dataclass, field
from typing import Any

import mcproxy
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.diagnostics import Accidental, Followed, accidental_contact, followed
from mcproxy.eval.finding import Finding, Row, findings_of

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
    platform: str = field(default_factory=lambda: _platform())

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
        """What each policy wanted, on each task."""
        return findings_of(self.rows)

    @property
    def accidental(self) -> list[Accidental]:
        """How often each proxy is met on the way to the goal, in the arms that the goal's expert was run in."""
        return accidental_contact(self.arms)

    @property
    def twins(self) -> list[Followed]:
        """What moved the destinations of each policy that was run in the arms of a task's twins."""
        return followed(self.arms)


def _versions() -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in _LIBRARIES if name != "mcproxy"}
    return {"mcproxy": mcproxy.__version__, "python": platform.python_version(), **found}


def _platform() -> str:
    """The kind of machine, and nothing that tells one machine of a kind from another."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
