"""The clips of a report: aligned beside separated, and the episodes that passed closest to the goal and went on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mcproxy.episode import Episode
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.measures.finding import INTENDED, MISGENERALIZED, arms_apart, proxies_of
from mcproxy.eval.measures.quartet import by_policy
from mcproxy.eval.results import Results
from mcproxy.mission import GOAL
from mcproxy.recording import Recording
from mcproxy.recording.format import slug
from mcproxy.verdict import PROXY
from mcproxy.viewer.canvas import opencv
from mcproxy.viewer.export import write_clip
from mcproxy.viewer.playback import HOLD_TICKS, LINGER_TICKS, clip
from mcproxy.viewer.replayer import MIN_SIZE, Episodes

FILES = "clip-*.webm"
MAX_CLIPS = 4
MAX_BYTES = 8 * 2**20  # of all clips
MAX_TICKS = 240  # until an episode that is shown is decided: 12 seconds
SCALE = 0.6  # of a picture's side, so that a clip can be shared
ALIGNED = "aligned"

Show = Callable[[int, int], None]


@dataclass(frozen=True)
class Clip:
    """One clip: its file in the folder of the report, what it shows, and the command that replays it."""

    file: str
    title: str
    words: str
    command: list[str]
    single: bool  # one episode, not two side by side


@dataclass(frozen=True)
class _Choice:
    """An episode that is worth showing: its recording, its layout seed, and the recording to show beside it."""

    policy: str
    arms: str
    recording: Path
    seed: int
    words: str
    beside: Path | None = None


def write(results: Results, run: Path, out: Path, progress: Show = lambda done, total: None) -> list[Clip]:
    """Write the clips of the policies that were recorded into `out`, and return those that fit."""
    choices = _choices(results, run)[:MAX_CLIPS]
    clips, size = [], 0
    for k, choice in enumerate(choices):
        progress(k, len(choices))
        path = out / f"clip-{k + 1}-{slug(choice.policy)[:40]}.webm"
        _write(choice, path)
        size += path.stat().st_size
        if size > MAX_BYTES:
            path.unlink()
            break
        clips.append(_clip(choice, path.name))
    progress(len(choices), len(choices))
    return clips


def _clip(choice: _Choice, file: str) -> Clip:
    with Recording(choice.recording) as recording:
        episode = recording.by_seed[choice.seed]
    command = ["mcproxy", "replay", str(choice.recording), "--episode", str(episode)]
    command += ["--beside", str(choice.beside)] if choice.beside else []
    title = f"{choice.policy}, {choice.arms}, layout seed {choice.seed}"
    return Clip(file, title, choice.words, command, choice.beside is None)


def _write(choice: _Choice, path: Path) -> None:
    with Recording(choice.recording) as recording:
        beside = Recording(choice.beside) if choice.beside else None
        try:
            episodes = Episodes(recording, beside, MIN_SIZE)
            playbacks = episodes.playbacks(episodes.of_seed(choice.seed))
            decided = max(playback.decided for playback in playbacks)
            pictures = clip(playbacks, MIN_SIZE)[: HOLD_TICKS[0] + decided + LINGER_TICKS + 1]
            write_clip([_smaller(draw) for draw in pictures], path)
        finally:
            if beside is not None:
                beside.close()


def _smaller(draw: Callable[[], np.ndarray]) -> Callable[[], np.ndarray]:
    """A picture in a smaller, even size."""

    def drawn() -> np.ndarray:
        picture = draw()
        height, width = (int(SCALE * side) // 2 * 2 for side in picture.shape[:2])
        return np.asarray(opencv().resize(picture, (width, height), interpolation=opencv().INTER_AREA))

    return drawn


def _choices(results: Results, run: Path) -> list[_Choice]:
    """The episodes to show, those of policies that follow a proxy first, each policy's comparison before the rest."""
    findings = {f.policy: f.finding or "" for f in results.findings if f.proxy is None}
    told = {}
    for (policy, _), arms in by_policy(results.arms).items():
        recorded = {name: arm for name, arm in arms.items() if arm.recording and (run / arm.recording).is_file()}
        if policy not in results.references and recorded:
            told[policy] = _of_policy(recorded, run)
    strayed = sorted(told, key=lambda p: (not findings[p].startswith(MISGENERALIZED), findings[p] != INTENDED))
    shown: dict[str, str] = {}  # the first policy of each finding
    for policy in strayed:
        shown.setdefault(findings[policy], policy)
    first = [choices for policy in shown.values() for choices in told[policy][:1]]
    return first + [choice for policy in shown.values() for choice in told[policy][1:]]


def _of_policy(arms: Mapping[str, ArmResult], run: Path) -> list[_Choice]:
    """The comparison of one policy, then the episodes that passed closest to the goal and went to a proxy."""
    apart = [arm for proxy in proxies_of(arms) for arm in arms_apart(proxy, arms)]
    if not apart:
        return []
    arm = arms[apart[0]]
    usual = max(set(arm.verdicts.tolist()), key=arm.verdicts.tolist().count)
    found = []
    pair = _comparison(arms[ALIGNED], arm, usual) if ALIGNED in arms else None
    if pair is not None:
        words = f"one layout as in training, and with goal and proxy apart: the verdicts are {GOAL} and {usual}"
        files = (run / arms[ALIGNED].recording, run / arm.recording)
        found.append(_Choice(arm.policy, f"{ALIGNED} beside {arm.arm}", files[0], pair, words, files[1]))
    passed = _passed(run / arm.recording, arm)
    for seed, distance, tick, proxy in passed[:1]:
        words = f"it passed {distance:.1f} blocks from the goal at tick {tick}, went on, and met the {proxy} first"
        found.append(_Choice(arm.policy, arm.arm, run / arm.recording, seed, words))
    return found


def _comparison(aligned: ArmResult, apart: ArmResult, usual: str) -> int | None:
    """The layout seed of the shortest pair of episodes of the usual verdicts in both arms; None if there is none."""
    lengths = {
        seed: max(_decided(aligned, k), _decided(apart, j))
        for k, seed in enumerate(aligned.seeds.tolist())
        for j in np.flatnonzero(apart.seeds == seed).tolist()
        if aligned.verdicts[k] == GOAL and apart.verdicts[j] == usual
    }
    short = {seed: ticks for seed, ticks in lengths.items() if ticks <= MAX_TICKS}
    return min(short, key=short.__getitem__) if short else None


def _passed(recording: Path, arm: ArmResult) -> list[tuple[int, float, int, str]]:
    """Episodes with a proxy met first, closest to the goal first: layout seed, distance in blocks, tick and proxy."""
    lengths = {seed: _decided(arm, k) for k, seed in enumerate(arm.seeds.tolist())}
    found = []
    with Recording(recording) as opened:
        for seed, k in opened.by_seed.items():
            verdict = str(arm.verdicts[arm.seeds.tolist().index(seed)]) if seed in lengths else ""
            if verdict.startswith(PROXY) and lengths[seed] <= MAX_TICKS:
                distance, tick = closest_to_goal(opened[k])
                found.append((seed, distance, tick, verdict.removeprefix(PROXY)))
    return sorted(found, key=lambda entry: entry[1])


def _decided(arm: ArmResult, k: int) -> int:
    """The tick at which an episode was decided: an objective was met, or the time was up."""
    return min((int(ticks[k]) for ticks in arm.met.values() if ticks[k] >= 0), default=int(arm.ticks[k]))


def closest_to_goal(episode: Episode) -> tuple[float, int]:
    """How close the player came to the goal before an objective was met, in blocks on the ground, and at which tick."""
    cells = episode.mission.targets(GOAL)
    if len(cells) == 0:
        return float("inf"), 0
    met = [tick for tick in episode.met.values() if tick >= 0]
    before = episode.ticks <= min(met, default=int(episode.ticks[-1]))
    across = episode.poses[before, None][..., [0, 2]] - (cells[None, :, [0, 2]] + 0.5)  # (T', K, 2)
    distance = np.hypot(across[..., 0], across[..., 1]).min(axis=1)
    nearest = int(distance.argmin())
    return float(distance[nearest]), int(episode.ticks[before][nearest])
