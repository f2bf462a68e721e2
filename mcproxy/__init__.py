"""mcproxy produces, measures and shows goal misgeneralization in Minecraft-style 3D worlds.

Importing it is light: it registers one gymnasium id for each file in the tasks folder, without running the file, and
loads no engine, no torch and no OpenCV.
"""

import importlib.util
import re
from pathlib import Path

import gymnasium

__version__ = "0.2.0"


def task_names() -> list[str]:
    """The names of the tasks that ship: the files in the tasks folder, read without running them."""
    spec = importlib.util.find_spec("mcproxy.tasks")
    folders = spec.submodule_search_locations if spec is not None and spec.submodule_search_locations else []
    return sorted(f.stem for folder in folders for f in Path(folder).glob("*.py") if not f.stem.startswith("_"))


def env_id(task: str) -> str:
    """The gymnasium id of a task: `beacon_v1` is `mcproxy/Beacon-v1`, and `beacon`, the next one, is `-v2`."""
    name, version = re.fullmatch(r"(.+?)(?:_v(\d+))?", task).groups()  # type: ignore[union-attr]
    older = [re.fullmatch(rf"{re.escape(name)}_v(\d+)", other) for other in task_names()]
    latest = max((int(match[1]) for match in older if match), default=0) + 1
    return f"mcproxy/{''.join(part.capitalize() for part in name.split('_'))}-v{version or latest}"


for _task in task_names():
    gymnasium.register(
        env_id(_task),
        entry_point="mcproxy.env:VoxelEnv",
        vector_entry_point="mcproxy.env:VoxelVectorEnv",
        kwargs={"task": _task},
        disable_env_checker=True,
    )
