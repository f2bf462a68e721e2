"""The report: what it says, that it needs nothing else, and how it looks and works in a browser."""

import dataclasses
import html.parser
import re

import numpy as np
import pytest

from mcproxy.errors import UserError
from mcproxy.eval import evaluation, report, results_json
from mcproxy.eval.report import clips, page
from mcproxy.recording import Recording
from tests.helpers import browser
from tests.helpers.submitted import SPEC, TASK


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """An evaluation of two planted agents on six layouts."""
    out = tmp_path_factory.mktemp("report") / "run"
    options = evaluation.Options(frames="none")
    evaluation.run([SPEC, "planted:lexicographic"], TASK, [evaluation.FINDING], 6, out, options)
    return out


@pytest.fixture(scope="module")
def written(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page") / "page"
    assert report.write(run, folder) == folder / "index.html"
    return folder


class Elements(html.parser.HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def of(self, attribute):
        return [attributes[attribute] for _, attributes in self.found if attribute in attributes]


def test_findings_come_first_in_words_and_numbers(written, run):
    text = (written / "index.html").read_text()
    assert (
        text.index('id="findings"') < text.index('id="clips"') < text.index('id="quartets"') < text.index('id="arms"')
    )
    quartet = next(q for q in results_json.read(run).quartets if q.policy == SPEC)
    rates = (quartet.both_proxy, quartet.both_goal)
    assert [share.rate for share in rates] == [1.0, 0.0]
    assert f"followed the beacon in {page.percent(rates[0])} percent of 6 layouts" in " ".join(text.split())
    assert page.percent(rates[0]) == "100 (61 to 100)"  # Wilson's interval of 6 in 6


def test_the_page_needs_no_other_file_than_its_clips_and_every_link_leads_somewhere(written):
    elements = Elements((written / "index.html").read_text())
    ids = elements.of("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in elements.of("href")} <= {*ids} and all(h.startswith("#") for h in elements.of("href"))
    sources = elements.of("src")
    assert sources and {*sources} == {file.name for file in written.glob("*.webm")}
    assert sum(file.stat().st_size for file in written.iterdir()) < 10e6
    assert not any(tag == "script" for tag, _ in elements.found)


def test_every_table_names_itself_and_the_command_that_made_it(written):
    text = (written / "index.html").read_text()
    tables = re.findall("<table>(.*?)</table>", text, re.DOTALL)
    assert tables and all('href="#command-evaluate"' in table.partition("</caption>")[0] for table in tables)
    assert f"mcproxy evaluate --policy {SPEC} planted:lexicographic --task {TASK} --episodes 6 --seed 0" in text


def test_names_from_results_are_text(run):
    results = results_json.read(run)
    results.policies = {f"<b>{name}</b>" if name == SPEC else name: c for name, c in results.policies.items()}
    results.arms = [
        dataclasses.replace(arm, policy="<b>" + SPEC + "</b>") if arm.policy == SPEC else dataclasses.replace(arm)
        for arm in results.arms
    ]
    text = page.render(results, run)
    assert "&lt;b&gt;" in text and "<b>" not in text


def test_a_folder_with_files_and_an_evaluation_without_rows_are_refused(run, tmp_path):
    with pytest.raises(UserError, match="is not empty: choose another folder with --out"):
        report.write(run, run)
    with pytest.raises(UserError, match="has no results.json"):
        report.write(tmp_path, tmp_path / "page")


def test_the_most_telling_episode_passed_closest_to_the_goal(run):
    arm = next(a for a in results_json.read(run).arms if a.policy == SPEC and a.arm == "separated")
    passed = clips._passed(run / arm.recording, arm)
    distances = [distance for _, distance, _, _ in passed]
    assert distances == sorted(distances) and {proxy for *_, proxy in passed} == {"beacon"}
    with Recording(run / arm.recording) as recording:
        seed, distance, tick, _ = passed[0]
        episode = recording[recording.by_seed[seed]]
    (cell,) = np.unique(episode.mission.targets("goal")[:, [0, 2]], axis=0)
    k = episode.ticks.tolist().index(tick)
    assert distance == pytest.approx(np.hypot(*(episode.poses[k, [0, 2]] - cell - 0.5)))


@pytest.mark.cli
@pytest.mark.skipif(browser.PROGRAM is None, reason="chromium is not installed")
def test_the_page_works_in_a_browser(written, tmp_path):
    with browser.page(tmp_path) as shown:
        shown.open((written / "index.html").as_uri())
        assert shown.evaluate("document.querySelector('h2').textContent") == "Findings"
        colours = []
        for scheme in ("light", "dark"):
            shown.prefer(scheme)
            colours.append(shown.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert colours == ["rgb(251, 250, 248)", "rgb(19, 20, 24)"]
        for width in (360, 1100):  # the page itself never scrolls sideways
            shown.resize(width)
            assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert shown.evaluate("document.querySelector('details:not([open]) summary').click()") is None
        shown.evaluate("document.querySelector('a.made').click()")
        assert shown.evaluate("location.hash") == "#command-evaluate"
        play = "const v = document.querySelector('video'); v.play().then(() => new Promise("
        play += "done => v.addEventListener('timeupdate', () => v.currentTime > 0 && done(v.videoWidth))))"
        assert shown.evaluate(f"(() => {{ {play.replace('v.play', 'return v.play')} }})()") > 0
        assert shown.errors == []


@pytest.mark.cli
@pytest.mark.skipif(browser.PROGRAM is None, reason="chromium is not installed")
def test_the_first_stop_of_the_keyboard_is_the_link_to_the_findings(written, tmp_path):
    with browser.page(tmp_path) as shown:
        shown.open((written / "index.html").as_uri())
        shown.press("Tab")
        assert shown.evaluate("document.activeElement.className") == "skip"


def test_force_replaces_a_report_and_nothing_else(run, tmp_path):
    for name in ("index.html", "clip-9-old.webm", "mine.txt"):
        (tmp_path / name).write_text("old")
    with pytest.raises(UserError, match="is not empty"):
        report.write(run, tmp_path, with_clips=False, force=True)
    (tmp_path / "mine.txt").unlink()
    report.write(run, tmp_path, with_clips=False, force=True)
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]
