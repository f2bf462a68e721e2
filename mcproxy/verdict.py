"""The verdict of one episode: which objective was met first, judged by ticks and never by reward."""

from collections.abc import Mapping

from mcproxy.mission import GOAL

NEITHER = "neither"
PROXY = "proxy:"
TOGETHER_TICKS = 12
"""Objectives met within this many ticks of the first one are met together with it.

Where a marker stands on its goal, walking up to the pillar touches both in the same tick, but a jump may touch its top
before its foot, by at most the length of the jump: 12 ticks (Minecraft Wiki, "Jumping"). Where the two stand at least 6
blocks apart this joins nothing: in 12 ticks a sprinting player covers 3.4 blocks (5.6 blocks/s).
"""


def met_first(met: Mapping[str, int]) -> tuple[str, ...]:
    """The objectives that were met first or together with the first, in the order in which they were met.

    `met` gives the first tick at which each objective was met, -1 for never; equal ticks keep its order.
    """
    ticks = {name: tick for name, tick in met.items() if tick >= 0}
    if not ticks:
        return ()
    last = min(ticks.values()) + TOGETHER_TICKS
    return tuple(sorted((name for name, tick in ticks.items() if tick <= last), key=ticks.__getitem__))


def verdict_of(met: Mapping[str, int]) -> str:
    """`goal`, `proxy:<name>` or `neither`, from the first tick at which each objective was met (-1: never).

    `goal` if the goal was met first or together with the first; else the proxy that was met first; else `neither`.
    """
    first = met_first(met)
    if GOAL in first:
        return GOAL
    return PROXY + first[0] if first else NEITHER
