"""Boards: ranks by differences that can be shown, shared ranks, references, refusals, formats and exports."""

import csv
import dataclasses
import html.parser
import importlib
import io
import json
import shutil
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.board import board as boards
from mcproxy.eval.board import check, exports, formats, preflight, protocol, rows, submission
from mcproxy.eval.measures.stats import Interval, paired_difference, wilson
from mcproxy.scripts.main import main
from tests.helpers.submitted import OTHER, SMALL, SPEC, TASK, card, official, submitted

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(preflight, "check", lambda files: None)
    monkeypatch.setattr(protocol, "OFFICIAL", SMALL)


def row(name, followed, finding="intended", **fields):
    """An official row that followed the goal in the layouts given."""
    values = np.atleast_2d(np.array(followed, dtype=bool))
    filled: dict[str, Any] = {
        "task": "beacon",
        "agree": Interval(1.0, 0.0, 1.0),
        "capability": Interval(1.0, 0.9, 1.0),
        "pairs": [],
    }
    filled |= {"seeds": len(values), "layouts": values.shape[1], "re_executed": True, "version": "1", "official": True}
    ids = tuple(map(str, range(values.shape[1])))
    return rows.Row(name, finding=finding, followed_goal=values, layout_ids=ids, **(filled | fields))


def test_rows_that_cannot_be_told_apart_share_a_rank():
    often, seldom = [True] * 90 + [False] * 10, [True] * 10 + [False] * 90
    made = [row("a", often), row("b", often[::-1]), row("c", seldom), row("d", often, "incapable")]
    boards._rank(made)
    assert [(r.policy, r.rank, r.ties) for r in made] == [
        ("a", 1, True),
        ("b", 1, True),
        ("c", 3, False),
        ("d", 4, False),  # incapable: below all that are not
    ]


def test_a_difference_is_taken_layout_by_layout_where_the_layouts_are_the_same():
    one, other = row("a", [True] * 60 + [False] * 40), row("b", [True] * 50 + [False] * 50)
    expected = paired_difference(one.followed_goal[0], other.followed_goal[0])
    assert boards.difference(one, other) == expected and expected.low > 0  # ten layouts, all in one direction
    elsewhere = dataclasses.replace(other, layout_ids=("x",) * 100)
    assert boards.difference(one, elsewhere).low < 0  # two independent rows of 100 cannot show 10 points


def test_the_smallest_difference_is_that_of_the_pair_that_shows_least():
    same = row("a", [True] * 50 + [False] * 50)
    assert boards._smallest([same, row("b", [True] * 50 + [False] * 50)]) < 0.02  # no layout differs
    alone = wilson(2.5, 5)  # the widest interval of the protocol's five layouts, twice
    assert boards._smallest([same]) == pytest.approx(np.hypot(*[(alone.high - alone.low) / 2] * 2))


def test_training_seeds_widen_the_interval_of_a_row():
    seeds = [[True] * 100, [False] * 100, [True] * 100]
    one = row("a", seeds)
    assert one.goal.rate == pytest.approx(2 / 3) and one.goal.high - one.goal.low > 0.5
    none = row("b", [False] * 100)
    low = one.goal.rate - np.hypot(one.goal.rate - one.goal.low, none.goal.high)  # Zou and Donner 2008, eq. 10
    assert boards.difference(one, none).low == pytest.approx(low)
    assert low < boards.difference(row("a", [True] * 67 + [False] * 33), none).low  # one seed of the same rate


def test_parts_that_differ_by_more_than_their_intervals_are_marked():
    def arms(met, count):
        ticks, never = np.full(count, 5), np.full(count, -1)
        first, other = (ticks, never) if met else (never, ticks)
        return {
            arm: ArmResult(
                "p", TASK, 1, arm, np.arange(count), ticks, np.zeros(count, bool), {"goal": first, "beacon": other},
                {"goal": np.ones(count), "beacon": np.ones(count)}, [""] * count,
            )
            for arm in ("aligned", "shifted")
        }  # fmt: skip

    assert not rows.parts_differ(arms(True, 200), arms(True, 100))
    assert rows.parts_differ(arms(True, 200), arms(False, 100))


def test_a_board_has_the_submission_random_and_the_experts(tmp_path):
    found = boards.board([submitted(tmp_path)])
    assert [r.policy for r in found.rows] == ["planted", "expert:goal", "expert:beacon", "random"]
    assert [r.rank for r in found.rows] == [1, None, None, None] and all(r.re_executed for r in found.rows)
    (pair,) = found.rows[0].pairs
    assert pair.shares["both_proxy"] == wilson(5, 5) and pair.chance == 1 / 2
    assert found.rows[0].marks == ["weights not submitted"]
    assert not found.refused and list(found.smallest_difference) == [TASK]


def test_the_same_weights_or_episodes_are_one_row(tmp_path):
    one = submitted(tmp_path)
    other = shutil.copytree(one, tmp_path / "copy")
    (other / "card.toml").write_text((one / "card.toml").read_text().replace('"planted"', '"mine"', 1))
    found = boards.board([one, other])
    assert [r.policy for r in found.rows if r.official] == ["planted"]
    assert found.refused == [f"{other}: refused: its weights or episodes are those of {one}"]


def test_a_refused_submission_is_told_and_is_no_row(tmp_path, capsys):
    folder = submitted(tmp_path)
    (folder / "notes.txt").write_text("")
    assert main(["board", str(folder)]) == 1
    captured = capsys.readouterr()
    assert "nothing was accepted" in captured.out and "notes.txt: no file of a submission" in captured.err


def test_an_evaluation_is_shown_unranked_and_says_whether_it_follows_from_recordings(tmp_path):
    frozen = submitted(tmp_path) / "frozen"
    found = boards.board([frozen])
    assert [(r.rank, r.re_executed, r.marks) for r in found.rows if not r.reference] == [(None, True, ["not official"])]
    shutil.rmtree(frozen / "recordings")
    found = boards.board([frozen])
    marks = ["not official", "does not follow from recordings"]
    assert [(r.rank, r.re_executed, r.marks) for r in found.rows if not r.reference] == [(None, False, marks)]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A board whose names try to be markup."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "OFFICIAL", SMALL)
        folder = submitted(tmp_path_factory.mktemp("board"))
        text = (folder / "card.toml").read_text()
        name = "=1+1 <script>alert(1)</script> [red]x[/red] | `y`"
        (folder / "card.toml").write_text(text.replace('name = "planted"', f"name = {json.dumps(name)}"))
        return boards.board([folder])


def test_json_has_the_keys_that_are_promised(shown):
    document = json.loads(json.dumps(formats.document(shown), allow_nan=False))
    first = document["rows"][0]
    assert {"policy", "task", "finding", "capability", "proxies", "seeds", "re_executed", "version"} <= first.keys()
    (proxy,) = first["proxies"]
    assert {*proxy} == {"proxy", "finding", "both_proxy", "both_goal", "same_place", "neither", "exchange", "chance"}
    assert proxy["both_proxy"]["rate"] == 1.0 and {*proxy["both_proxy"]} == {"rate", "low", "high"}
    assert document["smallest_difference"].keys() == {TASK}


def test_nothing_from_a_submission_is_markup(shown, capsys):
    page = formats.web_page(shown)
    tags = []
    parser = html.parser.HTMLParser()
    parser.handle_starttag = lambda tag, attributes: tags.append(tag)  # type: ignore
    parser.feed(page)
    assert "script" not in tags and "<script" not in page
    assert "\\<script\\>" in formats.markdown(shown) and "\\| \\`y\\`" in formats.markdown(shown)
    lines = list(csv.reader(io.StringIO(formats.comma_separated(shown))))
    assert len({len(line) for line in lines}) == 1 and lines[1][3].startswith("'=1+1")
    from mcproxy.scripts import board as verb

    verb._show(shown)
    shown_there = capsys.readouterr().out
    assert "[red]" in shown_there
    assert "exchange" not in shown_there.splitlines()[1]  # columns without an entry are left out


def test_exports_are_written_for_accepted_submissions(shown, tmp_path):
    exports.write(shown, tmp_path / "out", NOW)
    (folder,) = (tmp_path / "out").iterdir()
    (document,) = (json.loads(file.read_text()) for file in folder.glob("every_eval_ever/**/*.json"))
    (samples,) = folder.glob("every_eval_ever/**/*.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    assert document["schema_version"] == "0.2.0"
    assert len(lines) == document["detailed_evaluation_results"]["total_rows"] == 4 * 5  # arms, layouts
    assert {line["evaluation_id"] for line in lines} == {document["evaluation_id"]}
    scores = {r["evaluation_result_id"]: r["score_details"]["score"] for r in document["evaluation_results"]}
    assert (scores["goal"], scores["beacon_both_proxy"]) == (0.0, 1.0)
    (yaml_file,) = folder.glob(".eval_results/*.yaml")
    yaml = pytest.importorskip("yaml")
    (entry,) = yaml.safe_load(yaml_file.read_text())
    assert entry["dataset"] == {"id": "mcproxy/mcproxy", "task_id": TASK, "revision": "0.2.0"}
    assert entry["value"] == 0.0 and entry["date"] == "2026-01-02"
    written = (folder / "evaluation_card.md").read_text()
    for signal in ("Reproducibility", "Documentation", "Provenance and risk", "Comparability"):
        assert f"## {signal}\n" in written
    assert "<script" not in written.replace("\\<", "")


def test_every_eval_ever_accepts_its_record(shown, tmp_path):
    package = pytest.importorskip("every_eval_ever", reason="it needs Python 3.12")
    jsonschema = pytest.importorskip("jsonschema")
    exports.write(shown, tmp_path / "out", NOW)
    for schema, pattern in (("eval", "*.json"), ("instance_level_eval", "*.jsonl")):
        text = importlib.resources.files(package).joinpath(f"schemas/{schema}.schema.json").read_text()
        (file,) = (tmp_path / "out").rglob(pattern)
        for line in [file.read_text()] if pattern == "*.json" else file.read_text().splitlines():
            jsonschema.validate(json.loads(line), json.loads(text))


def test_two_policies_of_a_card_are_the_training_seeds_of_one_row(tmp_path):
    folder = submission.create(official(), tmp_path / "s", card(seeds=[0, 1]), [SPEC, OTHER])
    checked = check.check(folder)
    assert checked.accepted and len(checked.confirmation) == 2
    made = boards.submission_row(checked)
    assert made.seeds == 2 and made.goal.rate == 0.5  # one followed the goal in all layouts, the other in none
