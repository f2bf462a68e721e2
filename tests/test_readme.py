"""Runs what the README says, in its order, in one folder, with small numbers in place of large ones."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SMALL = [  # what a line says, what is run
    (r"--suite core", "--suite core --arm aligned --no-references"),
    (r"--episodes \d+", "--episodes 4"),
    (r"^make demo$", "mcproxy demo --episodes 1 --size 320"),
    (r"\.webm$", ".webm --size 320"),
    (r"--steps \d+", "--steps 256 --ppo.num-envs 8 --ppo.num-steps 32"),
    (r"--arm all", "--arm aligned separated"),
]
SMALL_PLAN = [
    (r"steps = \S+", "steps = 256\nppo.num-envs = 8\nppo.num-steps = 32"),
    (r"episodes = \S+", "episodes = 4"),
    (r"seed = \[0, 1\]", "seed = [0]"),
    (r"mixture = \[1.0, 0.5\]", "mixture = [1.0]"),
]
NOT_RUN = r"^(\. \.venv/bin/activate|git clone .*|cd .*)$"
WINDOW = r"^mcproxy (play|replay (?!.*--(export|list)))"  # without a display these end in one line


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(folder: Path, program: str, *args: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-c", program, *args]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=1200)


ALL_IN_ONE_PROCESS = """
import contextlib, io, json, shlex, sys
from mcproxy.scripts.main import main
import mcproxy.viewer.export as export
whole = export.clip
export.clip = lambda *args: whole(*args)[:20]  # the first second of every clip
for line in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as told:
        code = main(shlex.split(line)[1:])
    print(json.dumps([code, told.getvalue()]))
"""


@pytest.mark.cli
def test_every_command_of_the_readme_runs_in_its_order(tmp_path):
    for block in blocks("python"):
        name = re.match(r"# (\w+\.py)\n", block)
        (tmp_path / (name[1] if name else "example.py")).write_text(block)
    plan = (ROOT / "plans" / "demo.toml").read_text()
    for written, instead in SMALL_PLAN:
        plan = re.sub(written, instead, plan)
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "demo.toml").write_text(plan)
    lines = [line for block in blocks("bash") for line in block.splitlines() if not re.match(NOT_RUN, line)]
    small = lines.copy()
    for written, instead in SMALL:
        small = [re.sub(written, instead, line) for line in small]
    assert len(lines) > 10 and all(line.startswith("mcproxy ") for line in small)
    done = run(tmp_path, ALL_IN_ONE_PROCESS, *small)
    assert done.returncode == 0, done.stderr
    for line, outcome in zip(lines, done.stdout.splitlines(), strict=True):
        code, told = json.loads(outcome)
        if re.match(WINDOW, line):
            assert code == 2 and told.count("\n") == 1 and "display" in told, line
        else:
            assert code == 0, f"{line}\n{told}"
    done = run(tmp_path, "import example")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("document", DOCS, ids=lambda path: path.name)
def test_every_link_leads_to_a_file(document):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        assert "://" in target or (document.parent / target).exists(), target


@pytest.mark.cli
def test_the_task_of_the_documentation_is_a_task(tmp_path):
    """The page's whole file runs, and both of its experts reach what they want where the two are apart."""
    (source,) = blocks("python", (ROOT / "docs" / "tasks.md").read_text())
    (tmp_path / "north.py").write_text(source)
    program = "\n".join(
        [
            "import north",
            "from mcproxy.eval import evaluate",
            "for wanted, verdict in (('goal', 'goal'), ('north', 'proxy:north')):",
            "    found = evaluate(f'expert:{wanted}', 'north', 'separated', range(32))",
            "    assert (found.verdicts == verdict).mean() >= 0.95, found.row",
            "together = evaluate('expert:goal', 'north', 'aligned', range(32)).row",
            "assert together.goal_rate >= 0.95 and together.proxies['north']['rate'] >= 0.95, together",
        ]
    )
    done = run(tmp_path, program)
    assert done.returncode == 0, done.stderr


def test_the_tables_over_training_seeds_are_those_of_the_evidence():
    pytest.importorskip("matplotlib")
    evidence = SimpleNamespace(**runpy.run_path(str(ROOT / "docs" / "evidence.py")))
    for page, arms in evidence.PAGES.items():
        text = page.read_text()
        assert text.count("python docs/evidence.py writes this table") >= 1
        assert evidence.filled(text, arms) == text
