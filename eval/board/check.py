"""Whether a submission is accepted: everything on the board is computed from its re-executed actions alone.

What is in the folder must be exactly what the protocol asks for. Every recording is executed again, every row of its
results is compared with what that leads to, and random and the experts are run here, on the same layouts.
"""

import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mcproxy
from mcproxy import controls, registry
from mcproxy.engine.view import FOV_DEG
from mcproxy.episode import Episode
from mcproxy.errors import UserError
from mcproxy.eval import rebuilt, results_json
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.board import card as cards
from mcproxy.eval.board import preflight
from mcproxy.eval.board import protocol as protocols
from mcproxy.eval.board import submission as submissions
from mcproxy.eval.board.card import Card
from mcproxy.eval.board.protocol import CONFIRMATION, FROZEN, MAX_WEIGHTS_BYTES, Protocol
from mcproxy.eval.board.submission import WEIGHTS, Manifest
from mcproxy.eval.evaluation import RECORDINGS
from mcproxy.eval.harness import RESOLUTION
from mcproxy.eval.measures.finding import is_reference
from mcproxy.eval.results import Results
from mcproxy.eval.verify import verify
from mcproxy.recording import Recording
from mcproxy.recording.format import MAIN_FILE, METADATA_FILE, dataset_name
from mcproxy.recording.reexecute import Execution
from mcproxy.task import Task

MAX_FILES = 10_000
MAX_REASONS = 50  # that are told; the rest is counted
MAX_LINE = 300  # characters of a reason
_STEP_BYTES, _EPISODE_BYTES = 256, 64 * 2**10  # of a recording without frames, at most

Show = Callable[[int, int], None]  # recordings done, of how many


@dataclass
class Checked:
    """What came of a submission: the reasons against it, its card, and the results that its actions lead to.

    `frozen` has random and the experts as references; `confirmation` is by policy, with its own. `weights` tells
    whether the fingerprints follow from files that were submitted. `episodes` has, by policy, a hash of the actions of
    each episode on the frozen layouts.
    """

    reasons: list[str] = field(default_factory=list)
    card: Card | None = None
    manifest: Manifest | None = None
    frozen: Results | None = None
    confirmation: dict[str, Results] = field(default_factory=dict)
    weights: bool = False
    episodes: dict[str, set[str]] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons

    def lines(self, path: Path) -> list[str]:
        """The outcome in words: a line, and one for each reason."""
        shown = [f"  {reason}" for reason in self.reasons[:MAX_REASONS]]
        if len(self.reasons) > MAX_REASONS:
            shown.append(f"  and {len(self.reasons) - MAX_REASONS} more")
        outcome = "accepted: every episode was executed again" if self.accepted else "refused"
        return [f"{path}: {outcome}", *shown]


def check(folder: Path, progress: Show = lambda done, total: None, protocol: Protocol | None = None) -> Checked:
    """Check a submission; whatever is wrong with it is a reason, never an exception."""
    found = Checked()
    try:
        _Check(folder, protocol or protocols.OFFICIAL, found, progress).run()
    except (UserError, OSError) as error:
        found.reasons.append(str(error).replace(f"{folder}/", ""))
    found.reasons = [_line(reason) for reason in dict.fromkeys(found.reasons)]
    return found


def _line(text: str) -> str:
    """A reason as one line that may be shown."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))[:MAX_LINE]


class _Check:
    """One submission, as it is checked."""

    def __init__(self, folder: Path, protocol: Protocol, found: Checked, progress: Show) -> None:
        self.folder, self.protocol, self.found, self.progress = folder, protocol, found, progress
        self.made: dict[str, ArmResult] = {}  # what recordings led to, by their place in the folder
        self.done = 0

    def run(self) -> None:
        """Check one thing after the other; stop where the rest would not make sense."""
        there = _tree(self.folder)
        self.found.card = cards.read(self.folder / cards.FILE)
        manifest = self.found.manifest = submissions.read_manifest(self.folder / submissions.FILE)
        task = self._task(manifest)
        self._check_names(manifest, self.found.card)
        self._check_files(there, task, manifest)
        if self.found.reasons:
            return
        preflight.check([self.folder / name for name in there if name.endswith(f"/{MAIN_FILE}")])
        self._check_weights(there, manifest)
        total = (1 + len(manifest.policies)) * len(protocols.arms(task))
        for part, seed, episodes, policies in self._parts(manifest):
            self._check_part(part, self.protocol.config(task, seed, episodes), policies, total)
        for one, other in itertools.combinations(self.found.episodes, 2):
            if is_copy(self.found.episodes[one], self.found.episodes[other]):
                self.found.reasons.append(f"{other} has the episodes of {one}: it is no other training seed")
        if not self.found.reasons:
            self._collect(task, manifest)

    def _task(self, manifest: Manifest) -> Task:
        """The installed task of the submission, of which both sides must have the same version and rules."""
        stated = (manifest.protocol, manifest.mcproxy)
        if stated != (self.protocol.name, mcproxy.__version__):
            raise UserError(
                f"it is of {stated[0]}, mcproxy {stated[1]}; this is {self.protocol.name}, {mcproxy.__version__}"
            )
        return registry.named(manifest.task)

    def _check_names(self, manifest: Manifest, card: Card) -> None:
        reasons = self.found.reasons
        names = (card.name, *manifest.policies)
        reasons += [f"policy {name!r} has the name of a reference" for name in names if is_reference(name)]
        if len(card.seeds) != len(manifest.policies):
            reasons.append(
                f"the card has {len(card.seeds)} training seeds, the submission {len(manifest.policies)} policies"
            )
        if len({one.fingerprint for one in manifest.policies.values()}) < len(manifest.policies):
            reasons.append("two policies have the same fingerprint")

    def _parts(self, manifest: Manifest) -> Iterator[tuple[str, int, int, list[str]]]:
        """Each part's folder, first layout seed, number of layouts and policies."""
        yield FROZEN, 0, self.protocol.frozen, [*manifest.policies]
        for one in manifest.policies.values():
            seed = self.protocol.confirmation_seed(one.fingerprint)
            yield f"{CONFIRMATION}/{one.part}", seed, self.protocol.confirmation, [one.policy]

    def _check_files(self, there: Mapping[str, int], task: Task, manifest: Manifest) -> None:
        """Refuse files that a submission does not have, or not in this size, and name those that are missing."""
        limits = {cards.FILE: cards.MAX_BYTES, submissions.FILE: submissions.MAX_BYTES}
        for part, _, episodes, policies in self._parts(manifest):
            limits[f"{part}/{results_json.FILE}"] = results_json.MAX_BYTES
            for policy in policies:
                for arm in protocols.arms(task):
                    data = f"{part}/{_data(task.name, policy, arm)}"
                    steps = 2 * task.mission(0, arm, protocols.split(task)).max_ticks
                    size = episodes * (steps * (_STEP_BYTES + 8 * len(task.controls)) + _EPISODE_BYTES)
                    limits |= {f"{data}/{MAIN_FILE}": size, f"{data}/{METADATA_FILE}": 2**20}
        weights = [f"{WEIGHTS}/{one.part}/" for one in manifest.policies.values()]
        reasons, others = self.found.reasons, []
        for name, size in there.items():
            of_weights = any(name.startswith(prefix) and "/" not in name[len(prefix) :] for prefix in weights)
            limit = limits.get(name, MAX_WEIGHTS_BYTES if of_weights else -1)
            if limit < 0:
                others.append(name)
            elif size > limit:
                reasons.append(f"{name} has {size} bytes, a submission's has {limit} at most")
        if others:
            more = f", and {len(others) - 1} more" if len(others) > 1 else ""
            reasons.append(f"{others[0]}{more}: no file of a submission")
        missing = [name for name in limits if name not in there]
        if missing:
            reasons.append(f"{missing[0]} is missing" + (f", and {len(missing) - 1} more" if len(missing) > 1 else ""))

    def _check_weights(self, there: Mapping[str, int], manifest: Manifest) -> None:
        """Compare fingerprints with the files; without files they are what the submitters say."""
        known = []
        for one in manifest.policies.values():
            files = [self.folder / name for name in there if name.startswith(f"{WEIGHTS}/{one.part}/")]
            known.append(bool(files))
            if files and protocols.fingerprint(files, one.spec) != one.fingerprint:
                self.found.reasons.append(f"the weights of {one.policy} do not have its fingerprint")
        self.found.weights = all(known)

    def _check_part(self, part: str, config: dict[str, Any], policies: list[str], total: int) -> None:
        """Compare the results of a part with the protocol, and every row with its re-executed recording."""
        reasons = self.found.reasons
        try:
            results = results_json.read(self.folder / part / results_json.FILE)
        except UserError as error:
            reasons.append(str(error))
            return
        for section in results_json.differing_sections(self.folder / part / results_json.FILE, results):
            reasons.append(f"{part}: {section}: not what the episodes say")
        for name, value in config.items():
            if results.config.get(name) != value:
                reasons.append(f"{part}: {name} is {results.config.get(name)!r}, the protocol asks for {value!r}")
        if type(results.config.get("deterministic")) is not bool:
            reasons.append(f"{part}: it does not say whether the policy was deterministic")
        if results.versions.get("mcproxy") != mcproxy.__version__:
            reasons.append(
                f"{part}: it was run by mcproxy {results.versions.get('mcproxy')}, this is {mcproxy.__version__}"
            )
        rows = {(arm.policy, arm.arm): arm for arm in results.arms}
        expected = {(policy, arm) for policy in policies for arm in config["arms"]}
        if {*rows} != expected or {*results.policies} != {*policies} or results.references:
            reasons.append(f"{part}: {len(rows)} rows, the protocol asks for {len(expected)}, of {', '.join(policies)}")
            return
        for policy in policies:
            for arm in config["arms"]:
                name = f"{part}/{_data(config['task'], policy, arm)}/{MAIN_FILE}"
                reasons += [f"{part}: {policy} in {arm}: {line}" for line in self._row(name, rows[policy, arm], config)]
                self.done += 1
                self.progress(self.done, total)

    def _row(self, name: str, row: ArmResult, config: dict[str, Any]) -> list[str]:
        """What is wrong with a row and its recording; nothing of the recording but its actions is believed."""
        part = name.partition(f"/{RECORDINGS}/")[0]
        if f"{part}/{row.recording}" != name:
            return ["its recording is another file than its policy and arm say"]
        outcomes: list[rebuilt.Outcome] = []
        lines: list[str] = []

        def take(episode: Episode, execution: Execution) -> None:
            outcomes.append(rebuilt.outcome_of(episode, execution))
            lines.extend(_setting(episode, config, row))
            if part == FROZEN:
                self.found.episodes.setdefault(row.policy, set()).add(_digest(episode))

        try:
            with Recording(self.folder / name) as recording:
                if any(recording.has_frames(k) for k in range(len(recording))):
                    return ["it stores frames: submissions do not, as nobody can tell by whom they were drawn"]
            found = verify(self.folder / name, take=take)
        except UserError as error:
            return [str(error).replace(f"{self.folder}/", "")]
        if found.mcproxy != mcproxy.__version__:
            lines.append(f"it was recorded by mcproxy {found.mcproxy}, this is {mcproxy.__version__}")
        lines += [f"episode {m.episode}: {m.what}: {m.detail}" for m in found.mismatches]
        if not outcomes:
            return ["its recording has no episode"]
        made = rebuilt.arm_result(outcomes)
        asked = [*range(config["seed"], config["seed"] + config["episodes"])]
        if made.seeds.tolist() != asked:
            lines.append(_other_layouts(made.seeds.tolist(), asked))
        if row.invalid:
            lines.append(f"{row.invalid} episodes were discarded")
        lines += rebuilt.differences(row, made)
        self.made[name] = made
        return list(dict.fromkeys(lines))

    def _collect(self, task: Task, manifest: Manifest) -> None:
        """Put together what the actions lead to, with random and the experts on the same layouts."""
        for part, seed, episodes, policies in self._parts(manifest):
            beside = protocols.references(task.name, seed, episodes)
            arms = [arm for name, arm in self.made.items() if name.startswith(f"{part}/")]
            names = list(dict.fromkeys(arm.policy for arm in beside))
            config = self.protocol.config(task, seed, episodes)
            configs: dict[str, dict[str, Any]] = {name: {} for name in (*policies, *names)}
            results = Results(config, configs, [*arms, *(replace(arm) for arm in beside)], references=names)
            if part == FROZEN:
                self.found.frozen = results
            else:
                self.found.confirmation[policies[0]] = results


def is_copy(one: set[str], other: set[str]) -> bool:
    """Whether most of the episodes of two policies are the same, action by action."""
    return 2 * len(one & other) > min(len(one), len(other))


def _digest(episode: Episode) -> str:
    """A hash of an episode's world and actions."""
    world = f"{episode.origin.task} {episode.origin.arm} {episode.origin.seed} "
    return hashlib.blake2b(world.encode() + episode.actions.tobytes(), digest_size=16).hexdigest()


def _tree(folder: Path) -> dict[str, int]:
    """The size of every file below a folder, by its place; a link or anything but a plain file is a `UserError`."""
    found: dict[str, int] = {}
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with os.scandir(folder / prefix) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = f"{prefix}{entry.name}"
                mode = entry.stat(follow_symlinks=False).st_mode
                if not name.isprintable() or "\\" in name or len(name) > 1000:
                    raise UserError(f"{name[:80]!r}: no file of a submission")
                if stat.S_ISDIR(mode):
                    waiting.append(f"{name}/")
                elif stat.S_ISREG(mode):
                    found[name] = entry.stat(follow_symlinks=False).st_size
                else:
                    raise UserError(f"{name} is a link or a device: a submission has plain files alone")
                if len(found) + len(waiting) > MAX_FILES:
                    raise UserError(f"more than {MAX_FILES} files: no submission has that many")
    return found


def _data(task: str, policy: str, arm: str) -> str:
    """The folder of a recording, relative to its part."""
    return f"{RECORDINGS}/{dataset_name(task, policy, arm)}/data"


def _setting(episode: Episode, config: Mapping[str, Any], row: ArmResult) -> list[str]:
    """How an episode was recorded in another setting than the protocol's."""
    origin = episode.origin
    expected = {
        "task": (origin.task, config["task"]),
        "version": (origin.version, config["version"]),
        "arm": (origin.arm, row.arm),
        "split": (origin.split, config["split"]),
        "rho": (origin.rho, config["rho"]),
        "policy": (episode.policy, row.policy),
        "backend": (episode.backend or "engine", config["backend"]),
        "resolution": (tuple(episode.resolution), RESOLUTION),
        "field of view": (episode.fov_deg, FOV_DEG),
        "action_repeat": (episode.action_repeat, controls.ACTION_REPEAT),
        "controls": (episode.controls, registry.named(origin.task).controls),
        "time limit": (episode.limit, episode.mission.max_ticks),
    }
    found = [
        f"{name} is {is_}, the protocol asks for {asked}" for name, (is_, asked) in expected.items() if is_ != asked
    ]
    return found + ["it stores what the policy said of its actions: submissions do not"] * bool(episode.outputs)


def _other_layouts(made: list[int], asked: list[int]) -> str:
    """How recorded layouts differ from those of the protocol, in words."""
    twice = [seed for seed, after in zip(made, made[1:], strict=False) if seed == after]
    lacking, others = sorted({*asked} - {*made}), sorted({*made} - {*asked})
    if twice:
        return f"layout seed {twice[0]} was recorded twice"
    return (
        f"{len(lacking)} layouts of the protocol are missing ({lacking[0]}, ...)"
        if lacking
        else f"{others[0]} is no layout of the protocol"
    )
