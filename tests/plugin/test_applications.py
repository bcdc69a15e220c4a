"""A gate of an application: what it tells reaches bodies and report, and changed code draws anew."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.store import Store
from tests.plugin.projects import Project
from tests.repositories import commit_all

pytestmark = pytest.mark.service

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "projects" / "handbook-bot"
PAGE = (ROOT / "docs" / "tutorials" / "pull-request.md").read_text(encoding="utf-8")
BOT = """
async def answer(prompt):
    return {"text": "yes", "context": [{"id": "p", "text": prompt}], "cost": 0.25, "metadata": {"route": 1}}
"""


def squeezed(result: pytest.RunResult) -> str:
    return " ".join(str(result.stdout).split())


@pytest.fixture
def gate(project: Project) -> Project:
    """A project whose version is a function."""
    project.versions = {"only": {"engine": "python", "call": "bot:answer"}}
    project.settings |= {"samples": 2, "baseline": "none"}
    (project.path / "bot.py").write_text(BOT)
    project.body(
        """
        sample = model.chat(case.prompt)
        assert sample.context is None or sample.context == ({"id": "p", "text": case.prompt},)
        return sample.cost == 0.25 and sample.metadata == {"route": 1} and sample.text == "yes"
        """
    )
    return project


def test_bodies_see_what_it_told_now_and_from_the_store_and_its_cost_is_the_run_s(gate: Project) -> None:
    gate.run("--candidate", "only")
    assert (gate.score(), gate.report()["usage"]["cost"], gate.stored()) == (1.0, 1.5, 6)
    gate.run("--candidate", "only", "--offline")
    assert (gate.score(), gate.report()["usage"]["stored_samples"]) == (1.0, 6)


def test_a_log_that_it_writes_does_not_change_it(gate: Project) -> None:
    log = 'import logging\n\nlogging.basicConfig(filename="bot.log", level="INFO", force=True)\n'
    (gate.path / "bot.py").write_text(log + BOT)
    assert gate.run("--candidate", "only").ret == 0


def test_a_file_that_it_reads_and_writes_is_named_with_what_helps(gate: Project) -> None:
    (gate.path / "bot.py").write_text(BOT.replace("    return", '    open("n.txt", "a+").write("1")\n    return'))
    (gate.path / "n.txt").write_text("")
    result = gate.run("--candidate", "only")
    assert result.ret == 1
    reason = gate.evaluation()["reason"]
    assert "n.txt written meanwhile; what lies there counts, unless git ignores it" in reason
    gate.write(".gitignore", "n.txt\n")
    commit_all(gate.path)
    assert gate.run("--candidate", "only").ret == 0


def test_changed_code_draws_anew_and_equal_code_does_not(gate: Project) -> None:
    gate.run("--candidate", "only")
    (gate.path / "README.md").write_text("changed")
    gate.run("--candidate", "only")
    assert gate.report()["usage"]["model_calls"] == 0
    (gate.path / "bot.py").write_text(BOT.replace('"yes"', '"no"'))
    gate.run("--candidate", "only")
    assert (gate.report()["usage"]["model_calls"], gate.score()) == (6, 0.0)
    assert gate.notes()[0].startswith("only answers anew: bot.py changed since run ")
    (gate.path / "bot.py").write_text(BOT)
    gate.run("--candidate", "only")
    assert (gate.report()["usage"]["model_calls"], gate.score()) == (0, 1.0)


def test_a_call_that_can_t_be_imported_ends_the_gate_before_anything_is_asked(gate: Project) -> None:
    (gate.path / "bot.py").write_text("import shop_that_is_not_there\n")
    result = gate.run("--candidate", "only")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = str(result.stderr)
    assert "bot:answer can't be imported. ModuleNotFoundError: No module named 'shop_that_is_not_there'" in told
    assert "line 1, in <module>" in told
    assert gate.stored() == 0


def test_exceptions_are_errors_and_no_scores_and_what_is_printed_is_noted(gate: Project) -> None:
    broken = BOT.replace(
        "    return", '    print(prompt)\n    if prompt == "q1": raise KeyError("order 7")\n    return'
    )
    (gate.path / "bot.py").write_text(broken)
    told = squeezed(gate.run("--candidate", "only"))
    assert gate.verdicts() == {"test_it": "error"}
    assert "case 'c1': python (only): bot:answer raised KeyError: 'order 7'" in told
    assert "note only printed 6 lines: pytest --log-cli-level DEBUG shows what it prints" in told
    assert gate.stored() == 6, "its failures are kept as its answers are"


@pytest.mark.parametrize("options", [(), ("-x",), pytest.param(("-n", "1", "-p", "xdist"), marks=pytest.mark.service)])
def test_failures_are_noted_once_however_a_run_ends(gate: Project, options: tuple[str, ...]) -> None:
    """With its report, which every run makes, that of a worker too. What is under way then is cancelled as the run is
    closed, and an interrupted draw is no failure of its version: closing finds none to note.
    """
    (gate.path / "bot.py").write_text(BOT.replace("    return", '    if prompt == "q1": raise KeyError\n    return'))
    gate.run_apart("--candidate", "only", *options)
    assert (gate.verdicts(), gate.stored()) == ({"test_it": "error"}, 6)


def test_failures_that_the_store_does_not_note_cost_no_report(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise StoreError("The store is full.")

    monkeypatch.setattr(Store, "note_failures", full)
    (gate.path / "bot.py").write_text(BOT.replace("    return", '    if prompt == "q1": raise KeyError\n    return'))
    told = squeezed(gate.run("--candidate", "only"))
    assert gate.verdicts() == {"test_it": "error"}
    assert "only failed at draws that are not noted, and a rerun asks for them again: The store is full." in told


FLAKY = """
import os, pathlib

def answer(prompt):
    log = pathlib.Path(os.environ["ASKED"])
    n_asked = log.read_text().count(prompt) if log.exists() else 0
    with log.open("a") as file:
        file.write(prompt)
    if prompt != "q0" and n_asked == 0:
        {fails}
    return "yes"
"""


@pytest.mark.parametrize("fails", ["raise KeyError('order 7')", "os._exit(3)"])
def test_a_draw_that_an_application_failed_at_is_not_drawn_until_it_succeeds(
    gate: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    asked = tmp_path / "asked.log"
    monkeypatch.setenv("ASKED", str(asked))
    (gate.path / "bot.py").write_text(FLAKY.replace("{fails}", fails))
    gate.settings["samples"] = 1
    gate.body("return model.ask(case.prompt) == 'yes'")
    told = []
    for options in ([], [], ["--offline"]):
        result = gate.run("--candidate", "only", *options)
        told.append((gate.verdicts(), gate.report()["evaluations"][0]["reason"]))
        assert "note only failed at 2 draws, kept as answers are: a rerun fails there again, until" in squeezed(result)
    assert told[0] == told[1] == told[2]
    assert told[0][0] == {"test_it": "error"}
    assert asked.read_text() == "q0q1q2"
    assert "failed at" not in squeezed(gate.run("--candidate", "only", "--fresh"))
    assert (gate.score(), asked.read_text()) == (1.0, "q0q1q2" * 2)


def test_an_application_that_answered_nothing_is_asked_again(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (gate.path / "bot.py").write_text("import os\ndef answer(prompt): return os.environ['KEY_OF_BOT']")
    gate.body("return model.ask(case.prompt) == 'yes'")
    told = squeezed(gate.run("--candidate", "only"))
    assert (gate.verdicts(), gate.stored()) == ({"test_it": "error"}, 0)
    assert "kept as answers" not in told
    monkeypatch.setenv("KEY_OF_BOT", "yes")
    gate.run("--candidate", "only")
    assert gate.score() == 1.0


def test_an_error_after_the_decision_is_a_note(gate: Project) -> None:
    """The calls of the last cases drawn come back at once, and without an answer."""
    (gate.path / "bot.py").write_text("""
import asyncio

CALLS, FAILED = [], asyncio.Event()

async def answer(prompt):
    CALLS.append(prompt)
    if len(CALLS) > 12:
        FAILED.set()
        raise KeyError(prompt)
    await FAILED.wait()
    return "yes"
""")
    gate.settings |= {"concurrency": 80}
    gate.body(
        "return model.ask(case.prompt) == 'yes'", cases=80, threshold=0.5, samples=1, margin=0.2, design="sequential"
    )
    told = squeezed(gate.run("--candidate", "only"))
    assert gate.verdicts() == {"test_it": "passed"}
    assert "note test_it: after it was decided, " in told
    assert " cases ended in an error: case 'c" in told
    assert "⏎" not in told


def test_calls_that_all_failed_were_made(gate: Project) -> None:
    (gate.path / "bot.py").write_text("def answer(prompt): return None if prompt == 'q3' else 'yes'")
    for cases, from_store in ((3, 0), (4, 6)):
        gate.body("return model.ask(case.prompt) == 'yes'", cases=cases)
        told = squeezed(gate.run("--candidate", "only"))
        assert gate.report()["usage"]["stored_samples"] == from_store
    assert gate.report()["usage"]["failed_samples"] == 2
    assert "not asked" not in told


def test_a_cost_is_bounded_without_a_price_and_refused_where_it_is_not_told(gate: Project) -> None:
    gate.run("--candidate", "only", "--max-cost", "0.5", "--concurrency", "1")
    assert gate.stored() in (2, 3)
    (gate.path / "bot.py").write_text("def answer(prompt): return 'yes'")
    told = squeezed(gate.run("--candidate", "only", "--max-cost", "0.5", "--concurrency", "1"))
    assert "--max-cost 0.50 can't be kept: only answers without `cost`, and has no price" in told


def test_the_tutorial_shows_the_example_s_files_and_its_program_answers_as_its_function(project: Project) -> None:
    shown = dict(re.findall(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    assert len(shown) >= 4
    assert {path: (EXAMPLE / path).read_text() for path in shown} == shown
    shutil.copytree(EXAMPLE, project.path, dirs_exist_ok=True)
    bot = {"engine": "python", "call": "shop.bot:answer"}
    program = {"engine": "command", "command": [sys.executable, "program.py"]}
    project.versions, project.settings = {"bot": bot, "program": program}, {}
    project.run("suites", "--candidate", "program", "--baseline", "bot")
    assert project.verdicts() == {"test_answers": "passed", "test_finds_the_passage": "passed"}
    assert project.evaluation("test_answers")["difference"]["value"] == 0.0
