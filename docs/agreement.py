"""Compare what our trainer learns with what RecurrentPPO of sb3-contrib does: python docs/agreement.py OURS [OURS ...].

    mcproxy sweep plans/architectures.toml
    python docs/agreement.py runs/architectures/train/beacon-lstm-s[012]

OURS are folders of complete runs. For each, RecurrentPPO is trained with its settings and seed, on one thread (six
minutes or so; extra `bench`), and the goal rates of both over training go to docs/evidence/agreement/curves.json. What
is there already, with the same settings, is not trained again. Last they are drawn beside it (extra `plots`): each
seed's curve, and for either trainer the band from its lowest to its highest seed.

A point is the share of the episodes of ten roll-outs in which the goal was met, of those begun in their first half: of
later ones the end may cut off the failures, which take longest. Ours begins all worlds anew at each point.
"""

import csv
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from stable_baselines3.common.callbacks import BaseCallback

from mcproxy.agent import run_folder
from mcproxy.agent.config import RunConfig
from mcproxy.errors import UserError
from mcproxy.scripts.benchmarks import sb3
from mcproxy.scripts.train import maker

FOLDER = Path(__file__).parent / "evidence" / "agreement"
CURVES, FIGURE = FOLDER / "curves.json", FOLDER / "curves.png"
OURS, THEIRS = "mcproxy train", "RecurrentPPO"
Curve = list[tuple[int, float]]  # (steps, goal rate)


def main(folders: list[Path]) -> None:
    """Train what is missing, and draw."""
    configs = [run_folder.stored(folder) for folder in folders]
    settings = [json.loads(json.dumps(config.to_json() | {"seed": None})) for config in configs]
    if any(other != settings[0] for other in settings):
        raise UserError("the runs differ in more than the seed: they are not comparable")
    curves: dict[str, dict[str, Curve]] = {OURS: {}, THEIRS: {}}
    if CURVES.exists() and (kept := json.loads(CURVES.read_text()))["settings"] == settings[0]:
        curves = kept["curves"]
    for folder, config in zip(folders, configs, strict=True):
        seed = str(config.seed)
        curves[OURS][seed] = _ours(folder, config)
        if seed not in curves[THEIRS]:
            print(f"RecurrentPPO, seed {seed}", file=sys.stderr)
            curves[THEIRS][seed] = _theirs(config)
        FOLDER.mkdir(parents=True, exist_ok=True)
        CURVES.write_text(json.dumps({"settings": settings[0], "curves": curves}) + "\n")
    _draw(curves)


def _ours(folder: Path, config: RunConfig) -> Curve:
    """The goal rates that a run has noted, at its checkpoints."""
    with (folder / run_folder.PROGRESS).open() as file:
        rows = [row for row in csv.DictReader(file) if int(row["update"]) % config.ppo.save_every == 0]
    return [(int(row["global_step"]), float(row["charts/goal_rate"])) for row in rows]


def _theirs(config: RunConfig) -> Curve:
    """The goal rates of RecurrentPPO with the settings of a run."""
    worlds = sb3.Worlds(maker(config)(config.ppo.num_envs))
    counted = _Goals(config.ppo.save_every, config.ppo.num_envs, config.ppo.counted_steps)
    steps = config.num_updates * config.ppo.batch_size
    sb3.recurrent_ppo(config, worlds, threads=1).learn(steps, callback=counted)
    worlds.close()
    return counted.curve


class _Goals(BaseCallback):
    """The share of episodes in which the goal was met, in each `every` roll-outs; see `Trainer.goal_rate`.

    Of `num` worlds those count that began within `counted` steps of the latest point.
    """

    def __init__(self, every: int, num: int, counted: int) -> None:
        super().__init__()
        self.curve: Curve = []
        self._every, self._counted = every, counted
        self._rollouts, self._age, self._met, self._counts = 0, 0, list[bool](), [True] * num

    def _on_step(self) -> bool:
        self._age += 1
        for i, info in enumerate(self.locals["infos"]):
            if "is_success" in info:
                self._met += [info["is_success"]] if self._counts[i] else []
                self._counts[i] = self._age < self._counted
        return True

    def _on_rollout_end(self) -> None:
        self._rollouts += 1
        if self._rollouts % self._every == 0:
            self.curve.append((self.num_timesteps, sum(self._met) / len(self._met)))
            print(f"{self.num_timesteps:,} steps, goal rate {self.curve[-1][1]:.2f}", file=sys.stderr)
            self._age, self._met, self._counts = 0, [], [False] * len(self._counts)


def _draw(curves: dict[str, dict[str, Any]]) -> None:
    figure, panel = plt.subplots(figsize=(4.8, 3), dpi=150)
    for (name, seeds), colour in zip(curves.items(), ("#b8860b", "#1f77b4"), strict=True):
        steps = [at for at, _ in next(iter(seeds.values()))]
        rates = [[rate for _, rate in curve] for curve in seeds.values()]
        for curve in rates:
            panel.plot(steps, curve, color=colour, lw=0.8, alpha=0.6)
        columns = list(zip(*rates, strict=True))
        panel.fill_between(steps, [*map(min, columns)], [*map(max, columns)], color=colour, alpha=0.15)
        means = [sum(column) / len(column) for column in columns]
        panel.plot(steps, means, color=colour, lw=2, label=f"{name}, {len(rates)} seeds")
    panel.set_ylim(0, 1)
    panel.set_xlabel("training steps")
    panel.xaxis.set_major_formatter(lambda steps, _: f"{steps / 1000:.0f}k")
    panel.set_ylabel("goal rate in training")
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(alpha=0.3)
    panel.legend(frameon=False, loc="lower right")
    figure.tight_layout()
    figure.savefig(FIGURE)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]] or sys.exit(__doc__))
