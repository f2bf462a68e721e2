"""List the tasks and their agents, or check that a task keeps its promises."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcproxy.errors import UserError
from mcproxy.scripts import _cli

if TYPE_CHECKING:
    from mcproxy.task import Task


@dataclass
class Args:
    """List the tasks with arms, objectives and agents; or --check what a task promises, exit 1 if one fails."""

    check: tuple[str, ...] = ()
    """Tasks to check in full, minutes each: names, or paths of files of your own."""
    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Print the registry as a table or as JSON, or a line for every promise of the tasks to check."""
    args = _cli.parse(Args, argv, "tasks")
    return _check(args) if args.check else _list(args)


def _list(args: Args) -> int:
    """One paragraph a task; those that cannot be listed are told at the end, as a mistake in one hides no other."""
    from mcproxy import registry
    from mcproxy.load_policy import shipped_for

    listed, mistakes = [], []
    for name in registry.names():
        try:
            listed.append(registry.named(name))  # no world is drawn: --check does, and takes its time
        except UserError as error:
            mistakes.append(f"{name}: {error}")
    if args.json:
        _cli.print_json({"tasks": [_plain(each) for each in listed]})
    for each in () if args.json else listed:
        print(f"{each.name} (version {each.version}): {each.description}")
        print(f"  arms        {', '.join(each.arms)}")
        print(f"  objectives  {', '.join(f'{o.name} ({o.kind})' for o in each.objectives)}")
        print(f"  controls    {', '.join(each.controls)}")
        print(f"  agents      {', '.join(shipped_for(each.name)) or 'none come with mcproxy'}")
    if mistakes:
        raise UserError("; ".join(mistakes))
    return 0


def _plain(task: "Task") -> dict[str, Any]:
    from mcproxy.load_policy import shipped_for

    return {
        "name": task.name,
        "version": task.version,
        "arms": list(task.arms),
        "objectives": [{"name": o.name, "kind": o.kind} for o in task.objectives],
        "controls": list(task.controls),
        "agents": shipped_for(task.name),
        "margin": task.margin,
        "places": task.places,
        "settings": {name: list(values) for name, values in task.settings.items()},
        "quartet": bool(task.quartets),
        "description": task.description,
    }


def _check(args: Args) -> int:
    from mcproxy import registry
    from mcproxy.eval import task_checks

    for source in args.check:
        registry.get(source)  # wrong names and broken files fail before the minutes pass
    checked: dict[str, list[task_checks.Check]] = {}
    for source in args.check:
        checked[source] = []
        if len(args.check) > 1 and not args.json:
            print(source)
        with _cli.progress() as show:
            for check in task_checks.check(source, show=show):
                checked[source].append(check)
                if not args.json:
                    print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name:{_WIDTH}}  {check.detail}", flush=True)
    failed = sum(not check.ok for checks in checked.values() for check in checks)
    if args.json:
        rows = {source: [check._asdict() for check in checks] for source, checks in checked.items()}
        _cli.print_json({"failed": failed, "checks": rows})
    else:
        total = sum(map(len, checked.values()))
        print(f"{total - failed} of {total} promises are kept")
    return 1 if failed else 0


_WIDTH = 20  # of most names of checks


if __name__ == "__main__":
    sys.exit(_cli.run(main, "tasks"))
