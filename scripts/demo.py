"""Show it all on beacon: evaluate the shipped and the reference agents, and write a clip."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from mcproxy.scripts import _cli

TASK = "beacon"
SHOWN, LEFT, RIGHT = "beacon-confounded", "aligned", "separated"
CLIP = f"{LEFT}-beside-{RIGHT}.webm"


@dataclass
class Args:
    """Evaluate the shipped agents, beside the references, on beacon, and write a clip of one seed in two arms."""

    out: Path = Path("demo")
    """Folder for results.json, recordings/ and the clip; an earlier demonstration in it is replaced."""
    episodes: int = 200
    """Layouts per policy and arm."""
    force: bool = False
    """Replace an evaluation in a folder other than demo."""
    size: int = 400
    """Side of the agent's view in the clip, in pixels."""
    threads: int = _cli.cores()
    """Threads that step and draw the worlds."""


def main(argv: list[str]) -> int:
    """Evaluate, write the clip, print the table and where everything is."""
    args = _cli.parse(Args, argv, "demo")
    from mcproxy.eval import evaluation, report
    from mcproxy.load_policy import shipped_for
    from mcproxy.scripts import _table

    agents = shipped_for(TASK)
    _cli.say(
        f"{len(agents)} agents and the references on {args.episodes} layouts in each arm of {TASK} that a finding needs"
    )
    with _cli.progress() as show:
        results = evaluation.run(
            agents,
            TASK,
            [evaluation.FINDING],
            args.episodes,
            args.out,
            evaluation.Options(frames="none", threads=args.threads, force=args.force or args.out == Path("demo")),
            show,
        )
        files = {arm.arm: args.out / arm.recording for arm in results.arms if arm.policy == SHOWN}
        left, right = (files[arm].parent.parent for arm in (LEFT, RIGHT))
        episode = _write_clip(left, right, args.out / CLIP, args.size, show)
        page = report.write(args.out, args.out / "page", force=True, progress=show)
    _table.show_words(results.findings)
    _table.show_findings(f"{TASK}: what did they go for?", results.arms)
    replay = f"mcproxy replay {shlex.quote(str(left))} \\\n"
    replay += f"            --beside {shlex.quote(str(right))} --episode {episode}"
    print(f"results     {args.out / 'results.json'}")
    print(f"clip        {args.out / CLIP}: {SHOWN} on one layout")
    print(f"next        {replay}")
    print("            mcproxy train --task beacon --seed 0 --steps 1000000 --out runs/beacon-0")
    print(f"report      {page}")
    return 0


def _write_clip(left: Path, right: Path, clip: Path, size: int, show: _cli.Show) -> int:
    """Write the first layout on which the agent reached the goal where the two are together and the proxy where not.

    Returns which episode of the left recording that is; where there is no such layout, its first.
    """
    from mcproxy.mission import GOAL
    from mcproxy.recording import Recording
    from mcproxy.verdict import PROXY
    from mcproxy.viewer.export import export
    from mcproxy.viewer.replayer import Episodes

    with Recording(left) as together, Recording(right) as apart:
        reached = {e.origin.seed: k for k, e in enumerate(together) if e.verdict == GOAL}
        strayed = {e.origin.seed for e in apart if e.verdict.startswith(PROXY)}
        episode = reached[min(reached.keys() & strayed)] if reached.keys() & strayed else 0
        playbacks = Episodes(together, apart, size).playbacks(episode)
        export(playbacks, clip, size, True, lambda done, total: show("clip", done, total))
    return episode


if __name__ == "__main__":
    sys.exit(_cli.run(main, "demo"))
