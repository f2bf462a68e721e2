"""Linear probes: how well a label can be read from an agent's activations, beside three controls.

A probe is a ridge regression from activations to a label, fitted on some layouts and scored on others. That a label can
be read says that the activations carry it; it does not say that the agent uses it, still less that it wants anything.
Each probe stands beside three of the same kind and size of data:

    pixels     from the frame itself, averaged over 2 x 2 pixels: what needs no network at all
    untrained  from the same layer of the same network before training, given the same frames
    random     from the trained layer to the label of another layout at the same step: what chance and time give away

The score of a number is R^2 on the held-out layouts, about the mean of the others: 1 is perfect, 0 no better than that
mean. An angle (`.bearing`, `.heading`) is predicted as sine and cosine, and their squared errors are added. The score
of a condition, such as `goal.pixels > 0`, is the AUROC: 0.5 is chance. Intervals are a bootstrap over held-out layouts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy import linalg, stats

from mcproxy.agent import checkpoint
from mcproxy.agent.agent_policy import AgentPolicy
from mcproxy.agent.architectures import make_agent
from mcproxy.agent.config import run_config
from mcproxy.agent.run_folder import SNAPSHOTS
from mcproxy.episode import TRACE, Episode
from mcproxy.errors import UserError
from mcproxy.eval.harness import NUM_WORLDS, check_layers, evaluate, make_env
from mcproxy.load_policy import SHIPPED, load_policy, shipped
from mcproxy.recording.episode_builder import EpisodeBuilder
from mcproxy.recording.table import matching, value_of

MIN_LAYOUTS = 10
STEPS = 40  # of an episode that are used at most, evenly spread
HELD_OUT = 0.3  # of the layouts
ANGLES = (".bearing", ".heading")
_STRENGTHS = (1.0, 10.0, 100.0, 1e3, 1e4)  # of the ridge penalty, of which a third of the fitting layouts choose
_DRAWS = 500  # of the bootstrap
_POOL = 2  # pixels a side that are averaged


@dataclass(frozen=True)
class Score:
    """How well a label is predicted on held-out layouts, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Probed:
    """One label read from one layer of one agent, beside the controls."""

    agent: str
    steps: int  # of training
    layer: str
    label: str
    kind: str  # "R2" or "AUROC"
    layouts: int
    samples: int
    probe: Score
    pixels: Score
    untrained: Score
    random: Score


@dataclass
class Samples:
    """M steps of some layouts: their layouts (M,), labels (M,) each, and features (M, D) float32 by name."""

    layouts: np.ndarray
    labels: dict[str, np.ndarray]
    others: dict[str, np.ndarray]  # the labels of another layout at the same step
    features: dict[str, np.ndarray] = field(default_factory=dict)


def checkpoints(run: str) -> list[Path]:
    """The checkpoints of a run in the order of their steps: its snapshots, else itself; or a shipped agent."""
    folder = SHIPPED / run if run in shipped() else Path(run)
    if not folder.is_dir():
        raise UserError(f"{run}: no such run; expected a training run's folder, a checkpoint, or one of {shipped()}")
    found = [path for path in (folder / SNAPSHOTS).glob("*") if (path / checkpoint.CONFIG).exists()] or [folder]
    return sorted(found, key=lambda path: int(checkpoint.read_config(path)["steps"]))


def probe(
    run: str,
    labels: Sequence[str],
    layers: Sequence[str],
    arm: str = "separated",
    episodes: int = 100,
    where: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Probed]:
    """Probe every checkpoint of a run for labels in layers, on the first layouts of an arm's split `eval`.

    `labels` are names of `env.labels`, or expressions over them as in `recording.table`; `where` is a condition over
    labels that chooses the steps.
    """
    if episodes < MIN_LAYOUTS:
        raise UserError(f"--episodes {episodes}: expected {MIN_LAYOUTS} or more, as layouts are split in two")
    found: list[Probed] = []
    paths = checkpoints(run)
    for k, path in enumerate(paths):
        config = checkpoint.read_config(path)
        samples = collect(path, config["task"]["name"], layers, arm, range(seed, seed + episodes))
        for layer in layers:
            for label in labels:
                found.append(_probed(samples, path.name, int(config["steps"]), layer, label, where))
        if progress is not None:
            progress(k + 1, len(paths))
    return found


def collect(path: Path, task: str, layers: Sequence[str], arm: str, seeds: Sequence[int]) -> Samples:
    """Run an agent, and gather labels, frames and activations of the trained and of an untrained network."""
    policy, taken = gather(path, task, layers, arm, seeds)
    steps = [np.unique(np.linspace(0, len(e) - 1, STEPS).astype(int)) for e in taken]
    samples = _labelled(taken, steps)
    untrained = _traces(_untrained(path, policy), taken, layers)
    for layer in layers:
        for name, traces in ((layer, [e.traces for e in taken]), (f"untrained {layer}", untrained)):
            samples.features[name] = _stacked([trace[layer][at] for trace, at in zip(traces, steps, strict=True)])
    samples.features["pixels"] = _stacked([_pooled(e, at) for e, at in zip(taken, steps, strict=True)])
    return samples


def gather(
    path: Path, task: str, layers: Sequence[str], arm: str, seeds: Sequence[int]
) -> tuple[AgentPolicy, list[Episode]]:
    """An agent and its episodes on some layouts, in their order, with frames, labels and activations."""
    taken: list[Episode] = []
    env = make_env(task, arm, min(NUM_WORLDS, len(seeds)))
    try:
        policy = load_policy(str(path), env)
        check_layers(policy, tuple(layers))
        evaluate(policy, seeds=seeds, env=env, record=EpisodeBuilder(env, taken.append, True, True, tuple(layers)))
    finally:
        env.close()
    assert isinstance(policy, AgentPolicy)
    return policy, sorted(taken, key=lambda episode: episode.seed)


def fit(features: np.ndarray, target: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression of targets (M, K) on features (M, D): weights (D, K) and offset (K,)."""
    mean, offset = features.mean(axis=0), target.mean(axis=0)
    x, y = features - mean, target - offset
    if x.shape[1] <= x.shape[0]:
        weights = linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ y, assume_a="pos")
    else:
        weights = x.T @ linalg.solve(x @ x.T + strength * np.eye(x.shape[0]), y, assume_a="pos")
    return weights, offset - mean @ weights


def _labelled(taken: Sequence[Episode], steps: Sequence[np.ndarray]) -> Samples:
    """The labels of the chosen steps, and those of the next layout at the same steps, or at its last one."""
    partners = [*taken[1:], taken[0]]
    there = [np.minimum(at, len(other) - 1) for at, other in zip(steps, partners, strict=True)]
    names = list(taken[0].labels)
    return Samples(
        layouts=np.repeat(np.arange(len(taken)), [len(at) for at in steps]),
        labels={n: np.concatenate([e.labels[n][at] for e, at in zip(taken, steps, strict=True)]) for n in names},
        others={n: np.concatenate([e.labels[n][at] for e, at in zip(partners, there, strict=True)]) for n in names},
    )


def _untrained(path: Path, policy: AgentPolicy) -> AgentPolicy:
    """The same network before training."""
    config = run_config(checkpoint.read_config(path)["run"])
    torch.manual_seed(0)
    return AgentPolicy(make_agent(config, policy.agent.sizes))


def _traces(policy: AgentPolicy, taken: Sequence[Episode], layers: Sequence[str]) -> list[dict[str, np.ndarray]]:
    """The activations of a network that is shown the frames of episodes: for each (T, ...) float16 by layer."""
    state, seen = None, []
    for t in range(max(map(len, taken))):
        frames = np.stack([e.frames[min(t, len(e))] for e in taken if e.frames is not None])
        _, state = policy.predict({"pov": frames}, state, deterministic=True, record=layers)
        seen.append({layer: policy.outputs[TRACE + layer] for layer in layers})
    return [{layer: np.stack([s[layer][i] for s in seen[: len(e)]]) for layer in layers} for i, e in enumerate(taken)]


def _pooled(episode: Episode, steps: np.ndarray) -> np.ndarray:
    """Some frames of an episode, averaged over squares of pixels: (S, H / 2, W / 2, 3)."""
    assert episode.frames is not None
    frames = episode.frames[steps].astype(np.float32) / 255
    height, width = (side // _POOL for side in frames.shape[1:3])
    return frames.reshape(len(frames), height, _POOL, width, _POOL, 3).mean(axis=(2, 4))


def _stacked(parts: list[np.ndarray]) -> np.ndarray:
    """Features as (M, D) float32, each of the same spread."""
    values = np.concatenate(parts).astype(np.float32)
    values = values.reshape(len(values), -1)
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 1e-6, spread, 1.0)


def _probed(samples: Samples, agent: str, steps: int, layer: str, label: str, where: str | None) -> Probed:
    chosen = np.ones(len(samples.layouts), dtype=bool) if where is None else matching(samples.labels, where)
    target, other = _target(samples.labels, label), _target(samples.others, label)
    chosen = chosen & ~np.isnan(target).any(axis=1)
    layouts = len(np.unique(samples.layouts[chosen]))
    if layouts < MIN_LAYOUTS:
        raise UserError(f"label {label!r} has values in {layouts} layouts: expected {MIN_LAYOUTS}; take more episodes")
    is_condition = value_of(samples.labels, label).dtype == bool
    both = chosen & ~np.isnan(other).any(axis=1)

    def score(feature: str, target: np.ndarray, rows: np.ndarray) -> Score:
        return _score(samples.features[feature][rows], target[rows], samples.layouts[rows], is_condition)

    return Probed(
        agent=agent,
        steps=steps,
        layer=layer,
        label=label,
        kind="AUROC" if is_condition else "R2",
        layouts=layouts,
        samples=int(chosen.sum()),
        probe=score(layer, target, chosen),
        pixels=score("pixels", target, chosen),
        untrained=score(f"untrained {layer}", target, chosen),
        random=score(layer, other, both),
    )


def _target(labels: dict[str, np.ndarray], label: str) -> np.ndarray:
    """The values of a label as a regression has them: (M, 1), or (M, 2) sine and cosine of an angle."""
    values = value_of(labels, label).astype(np.float64)
    if label in labels and label.endswith(ANGLES):
        return np.stack([np.sin(np.radians(values)), np.cos(np.radians(values))], axis=1)
    return values[:, None]


def _score(features: np.ndarray, target: np.ndarray, layouts: np.ndarray, is_condition: bool) -> Score:
    """Fit on some layouts, choose the penalty on others, and score on the rest."""
    rng = np.random.default_rng(0)
    order = rng.permutation(np.unique(layouts))
    held = max(2, round(HELD_OUT * len(order)))
    test, rest = np.isin(layouts, order[:held]), order[held:]
    tune = np.isin(layouts, rest[: max(1, len(rest) // 3)])
    inner = ~test & ~tune
    errors = []
    for strength in _STRENGTHS:
        weights, offset = fit(features[inner], target[inner], strength)
        errors.append(((features[tune] @ weights + offset - target[tune]) ** 2).sum())
    weights, offset = fit(features[~test], target[~test], _STRENGTHS[int(np.argmin(errors))])
    said, mean = features[test] @ weights + offset, target[~test].mean(axis=0)
    groups = [np.flatnonzero(layouts[test] == layout) for layout in np.unique(layouts[test])]
    measure = _auroc if is_condition else _r2
    found = measure(said, target[test], mean)
    drawn = [np.concatenate([groups[k] for k in rng.integers(len(groups), size=len(groups))]) for _ in range(_DRAWS)]
    low, high = np.nanquantile([measure(said[rows], target[test][rows], mean) for rows in drawn], [0.025, 0.975])
    return Score(found, float(low), float(high))


def _r2(said: np.ndarray, target: np.ndarray, mean: np.ndarray) -> float:
    return float(1 - ((said - target) ** 2).sum() / max(((target - mean) ** 2).sum(), 1e-12))


def _auroc(said: np.ndarray, target: np.ndarray, mean: np.ndarray) -> float:
    positive = target[:, 0] > 0.5
    count = int(positive.sum())
    if count in (0, len(positive)):
        return 0.5
    ranks = stats.rankdata(said[:, 0])
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(positive) - count)))
