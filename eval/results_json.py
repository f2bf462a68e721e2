"""Write and read `results.json`.

The file holds the row of every finished (policy, arm), the findings and diagnostics, and the episodes behind them:
their layout seeds and hashes, verdicts, lengths, and the first tick at which each objective was met. The reader trusts
no summary in the file: it computes verdicts and rows again from those ticks, and refuses a file that disagrees.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mcproxy.errors import UserError
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.measures.quartet import Quartet
from mcproxy.eval.measures.stats import Interval
from mcproxy.eval.results import Results
from mcproxy.files import whole
from mcproxy.mission import GOAL

FILE = "results.json"
KIND = "mcproxy results"
SCHEMA = 2  # 1, which has no scenes, is read as well
_READ = (1, 2)
MAX_BYTES = 64 * 2**20  # ten times the file of 10 policies in 8 arms on 1,000 layouts
MAX_NAME = 200  # characters of a policy's, task's or arm's name


def write(results: Results, folder: Path) -> Path:
    """Write `results.json` into the folder, whole or not at all, and return its path."""
    sections = {
        "kind": KIND,
        "schema": SCHEMA,
        "versions": results.versions,
        "platform": results.platform,
        "config": results.config,
        "policies": results.policies,
        "references": results.references,
        **_summaries(results),
        "files": results.files,
        "episodes": _episodes(results.arms),
    }
    path = folder / FILE
    with whole(path) as part:
        part.write_text(_json(sections), encoding="utf-8")
    return path


def _summaries(results: Results) -> dict[str, list[Any]]:
    """The sections of the file that follow from its episodes."""
    return {
        "rows": [asdict(row) for row in results.rows],
        "findings": [asdict(finding) for finding in results.findings],
        "quartets": [quartet_document(quartet) for quartet in results.quartets],
        "capability": [asdict(capability) for capability in results.capability],
        "nuisance": [asdict(row) for row in results.nuisance],
        "exchange": [],
        "accidental_contact": [asdict(contact) for contact in results.accidental],
        "twins": [asdict(reading) for reading in results.twins],
    }


def differing_sections(path: Path, results: Results) -> list[str]:
    """The sections of a file, read as `results`, that do not follow from its episodes; those it lacks aside."""
    document = json.loads(path.read_bytes())
    return [
        name
        for name, made in _summaries(results).items()
        if name in document and not (isinstance(document[name], list) and _agree_all(made, document[name]))
    ]


def read(path: Path) -> Results:
    """The results in a folder, or a `results.json` itself; a file that is not what `write` makes is a `UserError`."""
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"{path} has no {FILE}: expected a folder that mcproxy evaluate wrote")
    if file.stat().st_size > MAX_BYTES:
        raise UserError(f"{file} is larger than results ever are ({MAX_BYTES} bytes): it is something else")
    try:
        document = json.loads(file.read_bytes(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not JSON ({error}): it is damaged, or something else") from None
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise UserError(f"{file} is not a results file of mcproxy: expected what mcproxy evaluate wrote")
    if document.get("schema") not in _READ:
        raise UserError(
            f"{file} has schema {document.get('schema')!r}, this mcproxy reads {_READ[-1]}: upgrade mcproxy"
        )
    try:
        return _results(document)
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{file} is damaged or was edited: {reason}; evaluate again") from None


def quartet_document(quartet: Quartet) -> dict[str, Any]:
    """A quartet as JSON: each share is an object with `rate`, `low` and `high`."""
    return {name: v._asdict() if isinstance(v, Interval) else v for name, v in vars(quartet).items()}


def _episodes(arms: Sequence[ArmResult]) -> list[dict[str, Any]]:
    """The episodes of every (policy, arm); the scenes of an arm stand with the first policy alone."""
    told: dict[tuple[Any, ...], Any] = {}
    found = []
    for arm in arms:
        key = (arm.task, arm.version, arm.arm, *arm.seeds.tolist())
        columns = _columns(arm)
        if arm.scene and key not in told:
            told[key] = columns["scene"] = {name: column.tolist() for name, column in arm.scene.items()}
        found.append(columns)
    return found


def _share_scenes(arms: Sequence[ArmResult]) -> None:
    """Give every (policy, arm) the scenes that stand with the first policy."""
    told: dict[tuple[Any, ...], dict[str, np.ndarray]] = {}
    for arm in arms:
        key = (arm.task, arm.version, arm.arm, *arm.seeds.tolist())
        arm.scene = arm.scene or told.get(key, {})
        told.setdefault(key, arm.scene)


def _columns(arm: ArmResult) -> dict[str, Any]:
    """The episodes of one (policy, arm) as JSON-able columns."""
    return {
        "policy": arm.policy,
        "task": arm.task,
        "version": arm.version,
        "arm": arm.arm,
        "invalid": arm.invalid,
        "recording": arm.recording,
        "seeds": arm.seeds.tolist(),
        "layouts": arm.layouts,
        "verdicts": arm.verdicts.tolist(),
        "ticks": arm.ticks.tolist(),
        "truncated": arm.truncated.astype(int).tolist(),
        "met": {name: column.tolist() for name, column in arm.met.items()},
        "returns": {name: column.tolist() for name, column in arm.returns.items()},
    }


def _json(sections: Mapping[str, Any]) -> str:
    """JSON with a line for each section, and for each entry of those that are lists of objects."""
    lines = []
    for name, value in sections.items():
        text = json.dumps(value, allow_nan=False)
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n" + ",\n".join("  " + json.dumps(entry, allow_nan=False) for entry in value) + "\n]"
        lines.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _results(document: dict[str, Any]) -> Results:
    """The results in a parsed file; anything amiss is a ValueError, KeyError, TypeError or OverflowError."""
    arms = [_arm(columns) for columns in _typed(document, "episodes", list)]
    _share_scenes(arms)
    files = [_relative(file) for file in _typed(document, "files", list)]
    for arm, file in zip(arms, files, strict=False):
        if not any("recording" in columns for columns in document["episodes"]):  # of version 0.1.0: a file a row
            arm.recording = file
    results = Results(
        config=_typed(document, "config", dict),
        policies=_typed(document, "policies", dict),
        arms=arms,
        references=[_text(name) for name in document.get("references", [])],
        versions={name: _text(version) for name, version in _typed(document, "versions", dict).items()},
        platform=_text(document["platform"]),
    )
    _check(results, files, _typed(document, "rows", list))
    return results


def _check(results: Results, files: list[str], rows: list[Any]) -> None:
    """Whether a file's parts agree with each other; a ValueError if they do not."""
    keys = {(arm.policy, arm.task, arm.arm) for arm in results.arms}
    if len(keys) != len(results.arms):
        raise ValueError("a policy is there twice in the same arm")
    if not all(isinstance(config, dict) for config in results.policies.values()):
        raise ValueError("a policy's description is not an object")
    if {*results.references, *(arm.policy for arm in results.arms)} - set(results.policies):
        raise ValueError("a row's policy is not among the policies")
    if results.files != files:
        raise ValueError("the files are not the recordings of the rows")
    if "mcproxy" not in results.versions:
        raise ValueError("the version of mcproxy is missing")
    if len(rows) != len(results.arms):
        raise ValueError(f"{len(rows)} rows for {len(results.arms)} policies and arms")
    for arm, row in zip(results.arms, rows, strict=True):
        if not _agree(asdict(arm.row), row):
            raise ValueError(f"the row of {arm.policy} in {arm.arm} is not what its episodes say")


def _arm(columns: dict[str, Any]) -> ArmResult:
    """One entry of `episodes`, every column checked for type, length and range."""
    seeds = _typed(columns, "seeds", list)
    if not seeds:
        raise ValueError("a row without episodes")
    met = {name: _integers(ticks, len(seeds), -1) for name, ticks in _typed(columns, "met", dict).items()}
    returns = {name: _numbers(values, len(seeds)) for name, values in _typed(columns, "returns", dict).items()}
    if GOAL not in met or set(met) != set(returns):
        raise ValueError("the objectives are not the goal and named proxies, each with its ticks and returns")
    layouts = [_text(layout) for layout in _typed(columns, "layouts", list)]
    if len(layouts) != len(seeds):
        raise ValueError(f"{len(layouts)} layouts for {len(seeds)} seeds")
    arm = ArmResult(
        policy=_text(columns["policy"]),
        task=_text(columns["task"]),
        version=int(_integers([columns["version"]], 1, 0)[0]),
        arm=_text(columns["arm"]),
        seeds=_integers(seeds, len(seeds), 0),
        ticks=_integers(_typed(columns, "ticks", list), len(seeds), 0),
        truncated=_integers(_typed(columns, "truncated", list), len(seeds), 0, 1).astype(bool),
        met={_text(name): ticks for name, ticks in met.items()},
        returns=returns,
        layouts=layouts,
        invalid=int(_integers([columns["invalid"]], 1, 0)[0]),
        recording=_relative(columns["recording"]) if columns.get("recording") else "",
        scene={_text(name): _numbers(values, len(seeds)) for name, values in columns.get("scene", {}).items()},
    )
    if arm.verdicts.tolist() != columns["verdicts"]:
        raise ValueError(f"the verdicts of {arm.policy} in {arm.arm} are not what the ticks say")
    return arm


def _typed(document: Any, key: str, kind: type) -> Any:
    if not isinstance(document, dict) or not isinstance(document[key], kind):
        raise ValueError(f"{key!r} is not a {kind.__name__}")
    return document[key]


def _text(value: Any) -> str:
    """A name that may be shown: a short string without control characters."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME or not value.isprintable():
        raise ValueError(f"expected a short name, got {str(value)[:40]!r}")
    return value


def _relative(value: Any) -> str:
    """A path that stays within the folder of the results."""
    if Path(_text(value)).is_absolute() or ".." in Path(value).parts:
        raise ValueError(f"the file {value!r} lies outside the folder of the results")
    return value


def _integers(values: Any, length: int, low: int, high: int = 2**63 - 1) -> np.ndarray:
    if len(values) != length or not all(type(v) is int and low <= v <= high for v in values):
        raise ValueError(f"expected {length} integers from {low} on")
    return np.array(values, dtype=np.int64)


def _numbers(values: Any, length: int) -> np.ndarray:
    if len(values) != length or not all(type(v) in (int, float) and math.isfinite(v) for v in values):
        raise ValueError(f"expected {length} numbers")
    return np.array(values, dtype=np.float64)


def _agree(made: Any, stored: Any) -> bool:
    """Whether the stored value is the one made anew, numbers within rounding; a stored object may have more fields."""
    if isinstance(made, dict):
        return isinstance(stored, dict) and all(key in stored and _agree(made[key], stored[key]) for key in made)
    if isinstance(made, float):
        return type(stored) in (int, float) and math.isclose(made, stored, rel_tol=1e-9, abs_tol=1e-9)
    return type(made) is type(stored) and made == stored


def _agree_all(made: list[Any], stored: list[Any]) -> bool:
    """Whether two lists of entries agree, each with its own, numbers within rounding."""
    return len(made) == len(stored) and all(_agree(*entries) for entries in zip(made, stored, strict=True))


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
