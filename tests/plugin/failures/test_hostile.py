"""Answers that try to break or spoof the store, the terminal or a report."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pyarrow.parquet
import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.reporting.writing import formats
from tests.plugin.projects import Project
from tests.reporting.markdown_page import LINKED, Page

pytestmark = pytest.mark.service

HOSTILE = {
    "nul": "before\0after",
    "lone surrogate": "half \ud83d of a face",
    "ansi": "\x1b[2J\x1b[H\x1b[32mGREEN: all passed\x1b[0m\x07",
    "bidi": "\u202e\u2066evil\u2069 desrever\u202c",
    "c1 control": "\x9b31mred\x85next line\u2028line",
    "newlines": "\r\nGREEN: 1 passed\r\n============ 1 passed ============\n",
    "long": "word " * 200_000,
    "no break": "x" * 1_000_000,
    "markup": "]]></failure><testcase name='forged'/>",
    "rich markup": "[bold red]RED[/] {braces} %s %(name)s",
    "empty": "",
    "wide": "漢字" * 100 + "👩‍👩‍👧‍👦" * 10,
}


@pytest.fixture
def hostile(project: Project) -> Project:
    """Every case gets one hostile answer, from a version that is worse than its baseline."""
    (project.path / "answers.json").write_text(json.dumps(HOSTILE))
    project.versions = {
        "nice": {"engine": "scripted", "default": "fine"},
        "hostile": {"engine": "scripted", "answers": "answers.json"},
    }
    project.settings |= {"candidate": "hostile", "baseline": "nice"}
    project.write("cases.jsonl", "".join(json.dumps({"id": name, "prompt": name}) + "\n" for name in HOSTILE))
    project.module("""
        @pytest.mark.evaluation(cases="cases.jsonl", threshold=0.9)
        def test_fine(model, case):
            assert model.ask(case.prompt) == "fine"

        @pytest.mark.evaluation(cases="cases.jsonl")
        def test_reason(model, case):
            return harness.Score(0.5, reason=model.ask(case.prompt))

        @pytest.mark.evaluation(cases="cases.jsonl")
        def test_raised(model, case):
            raise ValueError(model.ask(case.prompt))
    """)
    return project


def test_terminal_shows_no_control_character_of_an_answer(hostile: Project) -> None:
    result = hostile.run_apart("--color=no")
    assert result.ret == 1
    text = str(result.stdout)
    assert not set(text) & {chr(code) for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x202E, 0x2066)} - {"\n"}
    assert not [line for line in result.outlines if line.startswith("GREEN")]
    assert len(text) < 60_000


def test_store_gives_back_every_character(hostile: Project) -> None:
    hostile.module("""
        import json, pathlib

        ANSWERS = json.loads(pathlib.Path("answers.json").read_text())

        @pytest.mark.evaluation(cases="cases.jsonl")
        def test_same(model, case):
            return model.ask(case.prompt) == ANSWERS[case.prompt]
    """)
    for offline in ((), ("--offline",)):
        assert hostile.run("--baseline", "none", *offline).ret == 0
        assert hostile.score("test_same") == 1.0


def test_report_and_junit_are_well_formed(hostile: Project) -> None:
    hostile.run("--junitxml", "junit.xml")
    raw = (hostile.path / "reports" / "latest" / "report.json").read_bytes()
    assert raw.isascii()
    assert len(raw) < 200_000
    assert hostile.verdicts()["test_fine"] == "failed"
    names = [case.get("name") for case in ElementTree.parse(hostile.path / "junit.xml").iter("testcase")]
    assert names == ["test_fine", "test_reason", "test_raised"]


def test_no_answer_breaks_any_format(hostile: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile.run()
    monkeypatch.chdir(hostile.path)
    chosen = [argument for name in formats() for argument in ("--format", name)]
    done = CliRunner().invoke(main, ["report", *chosen, "--output", "all"])
    assert done.exit_code == 0, done.output
    page = Page((hostile.path / "all" / "report.md").read_text(encoding="utf-8"))
    assert page.elements & {"script", "testcase", "img"} == set()
    assert not LINKED.search(page.outside_code)
    assert len(page.source) < 20_000
    junit = ElementTree.parse(hostile.path / "all" / "junit.xml")
    assert [case.get("name") for case in junit.iter("testcase")] == ["test_fine", "test_reason", "test_raised"]
    rows = pyarrow.parquet.read_table(hostile.path / "all" / "samples.parquet").to_pylist()
    fine = {
        row["case_id"]: row["answer"]
        for row in rows
        if row["version"] == "hostile" and "test_fine" in row["evaluation_id"]
    }
    assert fine == {name: answer.replace("\ud83d", "\ufffd") for name, answer in HOSTILE.items()}
    text = (hostile.path / "all" / "report.txt").read_text(encoding="utf-8")
    assert not set(text) & {chr(code) for code in (*range(32), *range(0x7F, 0xA0), 0x2028, 0x202E, 0x2066)} - {"\n"}


def test_hostile_ids_of_cases_are_shown_harmlessly(project: Project) -> None:
    rows = [{"id": f"\x1b[31m{i}\u202e", "prompt": "q"} for i in range(30)]
    (project.path / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    project.module("""
        @pytest.mark.evaluation(cases="cases.jsonl", threshold=0.9)
        def test_it(model, case):
            model.ask("q")
            return 0.0
    """)
    text = str(project.run("--color=no").stdout)
    assert "\x1b" not in text
    assert "\u202e" not in text
