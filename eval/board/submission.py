"""Submissions: one folder with everything that a row of the board rests on.

    DIR/
      card.toml                 what the submitters say of the policy (`card.Card`)
      submission.json           the protocol, the task, and every policy with its fingerprint
      frozen/                   the frozen layouts: results.json and recordings/, without frames
      confirmation/PART/        the same of each policy's confirmation layouts; PART begins its fingerprint
      weights/PART/             the files that were fingerprinted, if they are submitted; they are never run

Nothing in it is trusted or run: see `check`.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import mcproxy
from mcproxy.errors import UserError
from mcproxy.eval import results_json
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.board import card as cards
from mcproxy.eval.board import protocol as protocols
from mcproxy.eval.board.card import Card
from mcproxy.eval.board.protocol import CONFIRMATION, FROZEN, Entrant, Protocol
from mcproxy.eval.evaluation import RECORDINGS
from mcproxy.eval.measures.finding import is_reference
from mcproxy.eval.results import Results
from mcproxy.recording import Recorder, Recording

FILE, KIND, WEIGHTS = "submission.json", "mcproxy submission", "weights"
MAX_BYTES = 64 * 2**10  # of submission.json
MAX_POLICIES = 50
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z")


@dataclass(frozen=True)
class Manifest:
    """What `submission.json` says: the task, and the fingerprint and spec of each policy by its name."""

    protocol: str
    mcproxy: str
    task: str
    policies: dict[str, Entrant]


def is_one(path: Path) -> bool:
    """Whether a path is meant as a submission; an archive, which is never opened here, is a `UserError`."""
    if path.suffix in _ARCHIVES and path.is_file():
        raise UserError(f"{path} is an archive: unpack it, and name the folder")
    return path.is_dir() and ((path / FILE).exists() or (path / cards.FILE).exists())


def create(
    run: Path,
    out: Path,
    card: Card,
    policies: Sequence[str] = (),
    with_weights: bool = True,
    protocol: Protocol | None = None,
) -> Path:
    """Write the submission of an official run, of all its policies or the ones named, to a new folder.

    The policies are the training seeds of one method: the card has a seed for each.
    """
    protocol = protocol or protocols.OFFICIAL
    task, entrants = protocols.read(run, protocol)
    chosen = _chosen(entrants, policies)
    if len(card.seeds) != len(chosen):
        raise UserError(f"card: seeds={card.seeds}: expected one for each of {len(chosen)} policies of one method")
    if out.exists():
        raise UserError(f"{out} exists already: choose a new folder")
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        names = {one.policy for one in chosen}
        _copy_part(run, part / FROZEN, names)
        for one in chosen:
            _copy_part(run / CONFIRMATION / one.part, part / CONFIRMATION / one.part, {one.policy})
            if with_weights:
                _copy_weights(one, part / WEIGHTS / one.part)
        (part / cards.FILE).write_text(cards.to_toml(card), encoding="utf-8")
        _write_manifest(part / FILE, protocol, task, chosen)
        os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out


def _chosen(entrants: Sequence[Entrant], policies: Sequence[str]) -> list[Entrant]:
    known = {one.policy: one for one in entrants}
    for name in policies:
        if name not in known:
            raise UserError(f"policy {name!r} is not in the official run: it has {', '.join(known)}")
    chosen = [known[name] for name in dict.fromkeys(policies or known)]
    for one in chosen:
        if is_reference(one.policy):
            raise UserError(f"policy {one.policy!r} is on every board already: submit one of your own")
    if len({one.fingerprint for one in chosen}) < len(chosen):
        raise UserError("two of the policies have the same weights: submit each once")
    return chosen


def _copy_part(source: Path, target: Path, policies: set[str]) -> None:
    """Write the results and the recordings of some policies, without frames and policies' outputs."""
    results = results_json.read(source)
    arms = [_copy_recording(arm, source, target) for arm in results.arms if arm.policy in policies]
    target.mkdir(parents=True, exist_ok=True)
    configs = {name: results.policies[name] for name in results.policies if name in policies}
    made = Results(results.config, configs, arms, versions=results.versions, platform=results.platform)
    results_json.write(made, target)


def _copy_recording(arm: ArmResult, source: Path, target: Path) -> ArmResult:
    if not arm.recording:
        raise UserError(f"{source}: {arm.policy} in {arm.arm} has no recording: evaluate with --official again")
    with Recording(source / arm.recording) as recording, Recorder(target / RECORDINGS, "none") as recorder:
        for episode in recording:
            recorder.write(replace(episode, frames=None, outputs={}))
    assert recorder.path is not None
    return replace(arm, recording=recorder.path.relative_to(target).as_posix())


def _copy_weights(one: Entrant, target: Path) -> None:
    if not one.files:
        return
    target.mkdir(parents=True)
    for k, file in enumerate(one.files):
        if not file.is_file():
            raise UserError(f"{file} is missing: the policy's files must be as they were evaluated")
        shutil.copyfile(file, target / f"{k}-{file.name}")
    if protocols.fingerprint(sorted(target.iterdir()), one.spec) != one.fingerprint:
        raise UserError(f"the files of {one.policy} were changed after its evaluation: evaluate with --official again")


def _write_manifest(file: Path, protocol: Protocol, task: str, entrants: Sequence[Entrant]) -> None:
    document: dict[str, Any] = {"kind": KIND, "protocol": protocol.name, "mcproxy": mcproxy.__version__, "task": task}
    document["policies"] = {one.policy: {"spec": _public(one.spec), "fingerprint": one.fingerprint} for one in entrants}
    file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _public(spec: str) -> str:
    """A policy's spec without the folders of the machine that it was evaluated on."""
    return Path(spec).name if os.sep in spec else spec


def read_manifest(file: Path) -> Manifest:
    """What a submission says it is; a file that is not what `create` writes is a `UserError`."""
    if not file.is_file() or file.is_symlink() or file.stat().st_size > MAX_BYTES:
        raise UserError(f"{file.name} is missing or too large: mcproxy submit writes it")
    try:
        document = json.loads(file.read_bytes())
        if document["kind"] != KIND:
            raise ValueError("it is of another kind")
        policies = {_name(name): _entrant(_name(name), stated) for name, stated in document["policies"].items()}
        protocol, version, task = (_name(document[key]) for key in ("protocol", "mcproxy", "task"))
        found = Manifest(protocol, version, task, policies)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{file.name} is damaged or was edited: {str(error)[:200]}") from None
    if not 0 < len(policies) <= MAX_POLICIES:
        raise UserError(f"{file.name} has {len(policies)} policies: expected 1 to {MAX_POLICIES}")
    return found


def _entrant(name: str, stated: Any) -> Entrant:
    fingerprint = stated["fingerprint"]
    if len(fingerprint) != 64 or not {*fingerprint} <= {*"0123456789abcdef"}:
        raise ValueError("a fingerprint is not 64 hex digits")
    return Entrant(_name(stated["spec"]), (), fingerprint, name)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= results_json.MAX_NAME or not value.isprintable():
        raise ValueError("a name is not a short line of text")
    return value
