"""Look up tasks by name, by the path of a file, or by the origin of a recording."""

import importlib
import os
import re
from pathlib import Path

import mcproxy
from mcproxy import errors, task_file
from mcproxy.mission import Mission, Origin
from mcproxy.task import REGISTERED, Task, register


def get(task: str | Path) -> Task:
    """The task that a user has typed: a name, or the path of a file, which is run.

    Names from a recording, a checkpoint or any other file go to `named` instead, which runs no file.
    """
    typed = os.fspath(task)
    if not task_file.is_path(typed):
        return named(typed)
    file = Path(typed).expanduser().resolve()
    if file.parent in (Path(folder).resolve() for folder in importlib.import_module("mcproxy.tasks").__path__):
        return named(file.stem)
    return _task_in(task_file.module_at(typed), typed)


def named(name: str) -> Task:
    """The registered, shipped or packaged task of that name.

    The file of a shipped task, or the module of a packaged one, is imported here.
    """
    if name in REGISTERED:
        return REGISTERED[name]
    if "[" in name:
        base, chosen = parsed(name)
        return named(base).with_settings(chosen)
    if name in mcproxy.task_names():
        _import(f"mcproxy.tasks.{name}")
    elif name in (points := task_file.offered()):
        _task_in(_import(points[name].module, points[name].attr), points[name].value)
    if name not in REGISTERED:
        raise errors.unknown("task", name, names())
    return REGISTERED[name]


def parsed(name: str) -> tuple[str, dict[str, str]]:
    """A task's name without its settings, and the settings in it: `stalls[height=16]` is `stalls`, {"height": "16"}."""
    match = re.fullmatch(r"([^\[\]]+)\[([^\[\]]+)\]", name)
    pairs = [pair.split("=") for pair in match[2].split(",")] if match else []
    if match is None or not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise errors.UserError(f"task {name!r}: expected NAME or NAME[SETTING=VALUE,...]")
    return match[1], {setting.strip(): value.strip() for setting, value in pairs}


def of_version(name: str, version: int) -> Task:
    """The task of that name and version, as a recording or a checkpoint names it; another version is a `UserError`.

    The newest version of a task has the plain name, earlier ones have their version in it: `beacon` of version 1 is
    `beacon_v1`.
    """
    task = named(name)
    earlier = f"{task.family}_v{version}"
    if task.version != version and earlier in names():
        task = named(earlier)
    if task.version != version:
        raise errors.UserError(
            f"{name} of version {version} is not installed, version {task.version} is: install the mcproxy that made it"
        )
    return task


def names() -> list[str]:
    """The names of all tasks that `named` knows."""
    return sorted({*mcproxy.task_names(), *task_file.offered(), *REGISTERED})


def mission_of(origin: Origin) -> Mission:
    """Draw a recorded mission again; a task version that this install does not have is an error."""
    try:
        task = of_version(origin.task, origin.version)
    except errors.UserError as error:
        raise errors.UserError(f"{error} (for a task of your own: --task FILE)") from None
    return task.mission(origin.seed, origin.arm, origin.split, origin.rho)


def _import(module: str, attribute: str = "") -> object:
    """A module, or one of its attributes; an exception in it is a `UserError`."""
    try:
        found = importlib.import_module(module)
        return getattr(found, attribute) if attribute else found
    except Exception as error:
        raise task_file.mistake(error) from error


def _task_in(found: object, where: str) -> Task:
    """The object as a registered task: it is a task itself, or a module with a TASK."""
    task = found if isinstance(found, Task) else getattr(found, "TASK", None)
    if not isinstance(task, Task):
        raise errors.UserError(f"{where} has no task: {task_file.EXPECTED}")
    return register(task)
