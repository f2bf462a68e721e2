"""What labels and recorded activations cost, as ratios of a plain recorded evaluation: processor time, alternating.

nice python docs/inside_cost.py
"""

import time

import numpy as np

from mcproxy.eval.harness import evaluate, make_env
from mcproxy.load_policy import load_policy
from mcproxy.recording.episode_builder import EpisodeBuilder

KINDS: dict[str, tuple[bool, tuple[str, ...]]] = {
    "plain": (False, ()),
    "labels": (True, ()),
    "lstm.h": (False, ("lstm.h",)),
    "lstm.h and conv.2": (False, ("lstm.h", "conv.2")),
    "labels and lstm.h": (True, ("lstm.h",)),
}
ROUNDS, EPISODES = 3, 32


def main() -> None:
    """Measure, and print a line for each kind."""
    spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    env = make_env("beacon_v1", "separated", EPISODES)
    policy = load_policy("beacon_v1-confounded", env)
    for _ in range(ROUNDS + 1):  # the first round compiles
        for kind, (labels, layers) in KINDS.items():
            began = time.process_time()
            record = EpisodeBuilder(env, lambda episode: None, False, labels, layers)
            evaluate(policy, seeds=range(EPISODES), env=env, record=record)
            spent[kind].append(time.process_time() - began)
    plain = np.median(spent["plain"][1:])
    for kind, seconds in spent.items():
        print(f"{kind:20} {np.median(seconds[1:]):6.1f} s {np.median(seconds[1:]) / plain:5.2f}")


if __name__ == "__main__":
    main()
