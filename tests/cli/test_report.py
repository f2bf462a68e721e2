"""`mcproxy report`: where the page is, and bad input."""

from mcproxy.eval import evaluation
from tests.helpers.command_line import run
from tests.helpers.submitted import SPEC, TASK


def test_the_page_is_named_with_its_size(tmp_path, capsys):
    evaluation.run([SPEC], TASK, ["aligned"], 2, tmp_path / "run", evaluation.Options(record=False))
    assert run("report", tmp_path / "run", "--out", tmp_path / "page") == 0
    assert capsys.readouterr().out == f"report      {tmp_path / 'page' / 'index.html'} (0.0 MB)\n"
    assert "no finding on beacon_v1: evaluate in" in (tmp_path / "page" / "index.html").read_text()


def test_a_folder_without_results_is_one_line(tmp_path, capsys):
    assert run("report", tmp_path, "--out", tmp_path / "page") == 2
    assert capsys.readouterr().err == (
        f"mcproxy report: {tmp_path} has no results.json: expected a folder that mcproxy evaluate wrote\n"
    )
    assert not (tmp_path / "page").exists()
