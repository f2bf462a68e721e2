import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
from tyro.conf import Positional

from mcproxy.errors import UserError
from mcproxy.scripts import _cli
from mcproxy.scripts import main as command_line

SCRIPTS = Path(command_line.__file__).parent
HEAVY = ("torch", "numba", "cv2", "h5py", "scipy", "pygame")


@dataclass
class Inner:
    lr: float = 1e-3


@dataclass
class Args:
    files: Annotated[tuple[Path, ...], Positional]
    policy: tuple[str, ...]
    episodes: int = 10
    arm: tuple[str, ...] = ("all",)
    frames: Literal["gzip", "none"] = "gzip"
    size: int | None = None
    json: bool = False
    inner: Inner = field(default_factory=Inner)


def parsed(line: str) -> Args:
    return _cli.parse(Args, line.split(), "verb")


def test_a_flag_with_several_values_may_also_be_repeated():
    once, repeated = parsed("f --policy a b --json"), parsed("f --policy a --json --policy=b")
    assert once == repeated
    assert once.policy == ("a", "b") and once.json and once.files == (Path("f"),)


def test_nested_fields_underscores_and_negative_numbers_are_read():
    args = parsed("f g --policy a --inner.lr 0.5 --episodes -3")
    assert (args.inner.lr, args.episodes, len(args.files)) == (0.5, -3, 2)


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("f --policy a --epsiodes 3", "unknown flag '--epsiodes'; did you mean '--episodes'?"),
        ("f --policy a --epsiodes=3", "unknown flag '--epsiodes'; did you mean '--episodes'?"),
        ("f --policy a --inner.lrr 3", "unknown flag '--inner.lrr'; did you mean '--inner.lr'?"),
        ("f --policy a --episodes x", "--episodes 'x': expected a whole number"),
        ("f --policy a --episodes", "--episodes: number of values expected: 1"),
        ("f --policy a --inner.lr x", "--inner.lr 'x': expected a number"),
        ("f --policy a --size x", "--size 'x': expected {None}|INT"),
        ("f --policy a --frames jpeg", "--frames 'jpeg': expected one of 'gzip', 'none'"),
        ("f", "missing --policy"),
        ("f --policy", "--policy: expected at least one value"),
        ("f --policy a --arm", "--arm: expected at least one value"),
        ("--json --policy a", "FILES: expected at least one value"),
    ],
)
def test_a_bad_flag_or_value_is_one_line_in_plain_words(line, complaint):
    with pytest.raises(UserError) as refused:
        parsed(line)
    assert str(refused.value) == complaint


def raising(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize(
    "error, code, line",
    [
        (UserError("no such\nthing"), 2, "mcproxy verb: no such thing"),
        (OSError(28, "No space left on device", "out/a"), 2, "mcproxy verb: out/a: No space left on device"),
        (PermissionError(13, "Permission denied"), 2, "mcproxy verb: Permission denied"),
        (KeyboardInterrupt(), 130, "mcproxy verb: interrupted"),
    ],
)
def test_what_goes_wrong_outside_becomes_one_line_and_an_exit_code(error, code, line, capsys):
    assert _cli.run(raising(error), "verb", []) == code
    assert capsys.readouterr().err == line + "\n"


def test_a_mistake_of_our_own_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        _cli.run(raising(ZeroDivisionError()), "verb", [])


def test_json_refuses_what_json_cannot_say():
    with pytest.raises(ValueError):
        _cli.print_json({"rate": float("nan")})


@pytest.mark.cli
def test_output_into_a_closed_pipe_ends_quietly():
    command = f"{sys.executable} -m mcproxy.scripts.main tasks --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stderr == "" and done.stdout in ("0\n", "141\n")  # 0 where the pipe closes after all was written


@pytest.mark.parametrize(
    "argv, code, line",
    [
        (["taks"], 2, "mcproxy: unknown verb 'taks'; did you mean 'tasks'?\n"),
        (["tasks", "--jsno"], 2, "mcproxy tasks: unknown flag '--jsno'; did you mean '--json'?\n"),
        (["--version"], 0, ""),
    ],
)
def test_the_command_line_tells_verbs_apart(argv, code, line, capsys):
    assert command_line.main(argv) == code
    assert capsys.readouterr().err == line


def test_help_lists_every_verb_with_the_first_sentence_of_its_file(capsys):
    assert command_line.main(["--help"]) == 0
    listed = capsys.readouterr().out
    for verb, sentence in command_line.verbs().items():
        assert f"  {verb}" in listed
        assert sentence.endswith("."), f"scripts/{verb}.py opens with one sentence and a full stop"


@pytest.mark.cli
def test_help_of_a_verb_loads_nothing_heavy():
    """All verbs in one process: what the help of any of them loads stays loaded."""
    code = f"""
import sys
from mcproxy.scripts.main import main
for verb in {sorted(command_line.verbs())}:
    try:
        main([verb, "--help"])
    except SystemExit as end:
        assert not end.code, verb
    loaded = [module for module in {HEAVY} if module in sys.modules]
    assert not loaded, (verb, loaded)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for verb in command_line.verbs():
        assert f"usage: mcproxy {verb}" in done.stdout


@pytest.mark.cli
def test_a_verbs_file_and_the_command_do_the_same(capsys):
    assert command_line.main(["tasks", "--json"]) == 0
    by_file = subprocess.run(
        [sys.executable, SCRIPTS / "tasks.py", "--json"], capture_output=True, text=True, timeout=120, check=True
    )
    assert by_file.stdout == capsys.readouterr().out


def test_tasks_json_names_arms_and_objectives_with_their_kinds(capsys):
    assert command_line.main(["tasks", "--json"]) == 0
    tasks = {t["name"]: t for t in json.loads(capsys.readouterr().out)["tasks"]}
    beacon = tasks["beacon"]
    assert beacon["version"] == 2 and tasks["beacon_v1"]["version"] == 1
    assert (beacon["places"], beacon["settings"], beacon["quartet"]) == (4, {}, True) and "margin" in beacon
    assert {"aligned", "shifted", "separated"} <= set(beacon["arms"])
    assert beacon["objectives"] == [{"name": "goal", "kind": "goal"}, {"name": "beacon", "kind": "marker"}]
    assert {"beacon-confounded", "beacon-decorrelated"} <= set(beacon["agents"])
    assert tasks["maze"]["agents"] == ["maze-confounded"]


@pytest.mark.cli
def test_bench_measures_what_it_is_asked_for_and_prints_one_flat_object(capsys):
    from mcproxy.scripts import bench

    assert bench.main(["--only", "import_s", "--repeats", "1", "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["import_s"] > 0 and not any(isinstance(value, dict | list) for value in numbers.values())
    promised = {"env_steps_per_s_1t", "env_steps_per_s_2t", "train_steps_per_s", "record_overhead", "import_s"}
    assert promised <= {key for keys in bench.MEASURES for key in keys}
