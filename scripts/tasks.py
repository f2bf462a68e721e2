"""List the tasks: their arms, objectives and the kinds of these."""

import sys
from dataclasses import dataclass

from mcproxy.scripts import _cli


@dataclass
class Args:
    """List the tasks, their arms, their objectives and the kinds of these."""

    json: bool = False
    """Print one JSON document and nothing else."""


def main(argv: list[str]) -> int:
    """Print the registry as a table or as JSON."""
    args = _cli.parse(Args, argv, "tasks")
    from mcproxy import task

    tasks = [task.get(name) for name in task.names()]
    if args.json:
        _cli.print_json(
            {
                "tasks": [
                    {
                        "name": t.name,
                        "version": t.version,
                        "arms": list(t.arms),
                        "objectives": [{"name": o.name, "kind": o.kind} for o in t.objectives],
                        "controls": list(t.controls),
                        "description": t.description,
                    }
                    for t in tasks
                ]
            }
        )
        return 0
    for t in tasks:
        print(f"{t.name} (version {t.version}): {t.description}")
        print(f"  arms        {', '.join(t.arms)}")
        print(f"  objectives  {', '.join(f'{o.name} ({o.kind})' for o in t.objectives)}")
        print(f"  controls    {', '.join(t.controls)}")
    return 0


if __name__ == "__main__":
    sys.exit(_cli.run(main, "tasks"))
