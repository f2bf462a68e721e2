"""The machine that something runs on, as results and recordings state it."""

import functools
import os
import platform
from pathlib import Path

_UNITS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")  # of /proc/cpuinfo, that change the speed or results of torch


def processor() -> str:
    """Return the name of the processor, as the system gives it."""
    names = _facts().get("model name")
    return names or platform.processor() or platform.machine()


def kind() -> str:
    """Return the kind of machine, and nothing that tells one machine of a kind from another.

    It names the system, the processor's name, family and model, those of its vector units that matter, and the cores.
    """
    facts = _facts()
    numbers = [f"{word} {facts[key]}" for word, key in (("family", "cpu family"), ("model", "model")) if key in facts]
    units = [unit for unit in _UNITS if unit in facts.get("flags", "").split()]
    parts = [f"{platform.system()} {platform.machine()}", " ".join([processor(), *numbers]), " ".join(units)]
    return ", ".join([*filter(None, parts), f"{os.cpu_count()} cores"])


@functools.cache
def _facts() -> dict[str, str]:
    """What the system says of its first processor, by key; of other systems than Linux, nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text().partition("\n\n")[0].splitlines()
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
