"""`mcproxy evaluate --official`, `submit` and `verify` of a submission, and `verify` of an evaluation."""

import dataclasses
import json
import shutil

import pytest

from mcproxy.eval import evaluation, results_json
from mcproxy.eval.board import card as cards
from mcproxy.eval.board import protocol
from tests.helpers.command_line import run
from tests.helpers.submitted import SMALL, SPEC, TASK, card, submitted


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(protocol, "OFFICIAL", SMALL)


def test_an_official_run_is_submitted_and_verified(tmp_path, capsys):
    run_folder, out, file = tmp_path / "run", tmp_path / "submission", tmp_path / "card.toml"
    assert run("evaluate", "--policy", SPEC, "--task", TASK, "--official", "--out", run_folder) == 0
    assert "submit      mcproxy submit" in capsys.readouterr().out
    assert run("submit", run_folder, "--template") == 0
    assert cards.template({SPEC: {}}) == capsys.readouterr().out
    file.write_text(cards.to_toml(card()))
    assert run("submit", run_folder, "--card", file, "--out", out) == 0
    assert capsys.readouterr().out.startswith(f"{out}: accepted: every episode was executed again\n")
    assert run("verify", out, "--json") == 0
    assert json.loads(capsys.readouterr().out)["submission"] == {"accepted": True, "reasons": []}
    (out / "notes.txt").write_text("")
    assert run("verify", out, "--json") == 1
    document = json.loads(capsys.readouterr().out)["submission"]
    assert document == {"accepted": False, "reasons": ["notes.txt: no file of a submission"]}


def test_the_template_of_a_card_has_to_be_filled_in(tmp_path, capsys):
    file = tmp_path / "card.toml"
    file.write_text(cards.template({SPEC: {}}))
    assert run("submit", submitted(tmp_path), "--card", file, "--out", tmp_path / "out") == 2
    assert "card: architecture: expected a line of text" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flags, message",
    [
        (("--official", "--episodes", 5), "--episodes: --official chooses that by itself"),
        (("--official", "--seed", 5), "--seed: --official chooses that by itself"),
        (("--official", "--suite", "core"), "--suite: --official chooses that by itself"),
        (("--weights", "file"), "--weights: only with --official"),
        (("--official", "--weights", "nothing"), "--weights nothing: no such file"),
    ],
)
def test_an_official_run_chooses_its_layouts_by_itself(tmp_path, capsys, flags, message):
    assert run("evaluate", "--policy", "random", *flags, "--out", tmp_path / "out") == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """Two policies, evaluated in two arms of four layouts each."""
    out = tmp_path_factory.mktemp("run") / "out"
    specs, options = [SPEC, "planted:lexicographic"], evaluation.Options(frames="none")
    evaluation.run(specs, TASK, ["aligned", "separated"], 4, out, options)
    return out


def verified(folder, capsys):
    code = run("verify", folder, "--json")
    (document,) = json.loads(capsys.readouterr().out)["results"]
    return code, document


def test_the_rows_of_an_evaluation_follow_from_its_recordings(evaluated, capsys):
    code, document = verified(evaluated, capsys)
    assert (code, document["verified"], document["mismatches"]) == (0, 4, [])
    assert document["unrecorded"] == 6  # random and two experts in two arms; beacon_v1 has no equal places
    assert run("verify", evaluated) == 0
    assert "4 rows follow from their recordings, 6 of references are not recorded" in capsys.readouterr().out


def exchange_names(results):
    names = [name for name in results.policies if name not in results.references]
    for arm in results.arms:
        if arm.policy in names:
            arm.policy = names[1 - names.index(arm.policy)]


def as_a_reference(results):
    results.references.append(SPEC)
    for arm in results.arms:
        arm.recording = "" if arm.policy == SPEC else arm.recording


def fewer(results):
    for name in ("seeds", "ticks", "truncated", "layouts"):
        setattr(results.arms[0], name, getattr(results.arms[0], name)[:3])
    for name in ("met", "returns"):
        setattr(results.arms[0], name, {key: column[:3] for key, column in getattr(results.arms[0], name).items()})
    results.arms[0].scene = {}


FORGED = {
    "two names exchanged": (exchange_names, "the recording is of policy"),
    "no recording": (lambda r: setattr(r.arms[0], "recording", ""), "it has no recording"),
    "a policy as a reference": (as_a_reference, "it has no recording"),
    "fewer layouts": (fewer, "it has 3 layouts, the config asks for seeds 0 to 3"),
    "another first seed": (lambda r: r.config.update(seed=7), "the config asks for seeds 7 to 10"),
    "another arm": (lambda r: r.config.update(arms=["aligned"]), "the config does not ask for this arm"),
    "another split": (lambda r: r.config.update(split="test"), "the config says test"),
}


@pytest.mark.parametrize("change, line", FORGED.values(), ids=FORGED)
def test_results_that_do_not_follow_from_their_recordings_are_told(evaluated, tmp_path, capsys, change, line):
    folder = shutil.copytree(evaluated, tmp_path / "copy")
    results = results_json.read(folder)
    change(results)
    results.arms = [dataclasses.replace(arm) for arm in results.arms]
    results_json.write(results, folder)
    code, document = verified(folder, capsys)
    assert code == 1 and any(line in mismatch for mismatch in document["mismatches"])


def test_a_summary_that_was_edited_is_told(evaluated, tmp_path, capsys):
    folder = shutil.copytree(evaluated, tmp_path / "copy")
    document = json.loads((folder / "results.json").read_text())
    document["capability"][0]["value"] = 0.123
    (folder / "results.json").write_text(json.dumps(document))
    assert verified(folder, capsys)[1]["mismatches"] == ["capability: not what the episodes say"]


@pytest.mark.parametrize("verb", ["verify", "board"])
def test_an_archive_is_not_opened(tmp_path, capsys, verb):
    file = tmp_path / "submission.zip"
    file.write_bytes(b"PK")
    assert run(verb, file) == 2
    assert capsys.readouterr().err == f"mcproxy {verb}: {file} is an archive: unpack it, and name the folder\n"
