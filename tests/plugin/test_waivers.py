"""Evaluations that are accepted until a day: red stays red, and the gate does not fail by it."""

from __future__ import annotations

import datetime
import io
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.config.waivers import FILE_NAME, today
from harness.records.report_json import read_report
from harness.reporting.junit import write_junit
from tests.plugin.projects import Project
from tests.plugin.verdicts import RED_AND_GREEN

LATER, YESTERDAY = today() + datetime.timedelta(days=10), today() - datetime.timedelta(days=1)


def accept(project: Project, *names: str, until: datetime.date = LATER) -> None:
    project.module(RED_AND_GREEN)
    rows = [
        f'[[accepted]]\nevaluation = "test_it.py::{name}"\nreason = "copy changes"\nuntil = {until}\n' for name in names
    ]
    project.write(FILE_NAME, "\n".join(rows))


@pytest.mark.parametrize(
    ("chosen", "code", "verdict", "outcomes"),
    [
        ("green or red", 0, "failed", {"passed": 1, "accepted": 1}),
        ("red or open", 8, "failed", {"accepted": 1, "inconclusive": 1}),
        ("red or plainly", 1, "failed", {"accepted": 1, "failed": 1}),
        ("red or broken", 1, "error", {"accepted": 1, "failed": 1}),
    ],
)
def test_what_is_accepted_keeps_its_verdict_and_does_not_fail_the_gate(
    project: Project, chosen: str, code: int, verdict: str, outcomes: dict[str, int]
) -> None:
    accept(project, "test_red", "test_broken")
    result = project.run("-k", chosen)
    report = project.report()
    assert (result.ret, report["exit_code"], report["verdict"]) == (code, code, verdict)
    assert {name: n for name, n in result.parseoutcomes().items() if name in outcomes} == outcomes


def test_an_inconclusive_one_may_be_accepted(project: Project) -> None:
    accept(project, "test_open")
    result = project.run("-k", "green or open")
    assert (result.ret, project.report()["verdict"]) == (0, "inconclusive")
    result.stdout.fnmatch_lines([f"INCONCLUSIVE, accepted until {LATER}: 1 inconclusive, 1 passed"])


def test_every_report_shows_the_waiver_beside_the_evaluation_and_of_another_as_a_note(project: Project) -> None:
    accept(project, "test_red", "test_green")
    result = project.run("-k", "green or red", "--junitxml", "junit.xml")
    told = f"accepted until {LATER}: copy changes"
    result.stdout.fnmatch_lines(
        [
            f"RED, accepted until {LATER}: 1 failed, 1 passed",
            "x failed        test_red",
            "*below the threshold*",
            f" *{told}",
            f"note    test_it.py::test_green {told}; it",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest --lf*")
    waivers = [(each["evaluation_id"], each["until"], each["is_over"]) for each in project.report()["waivers"]]
    assert waivers == [(f"test_it.py::{name}", str(LATER), False) for name in ("test_red", "test_green")]
    folder = project.path / "reports" / "latest"
    for name in ("index.html", "report.md"):
        page = (folder / name).read_text(encoding="utf-8")
        assert told in page
        assert f"RED, accepted until {LATER}" in page
    stream = io.StringIO()
    write_junit(read_report(folder), stream)
    own = ElementTree.fromstring(stream.getvalue())
    assert (own.get("failures"), own[0].get("skipped")) == ("0", "1")
    (skipped,) = own.iter("skipped")
    assert (skipped.get("type"), skipped.get("message")) == ("accepted", told)
    (skipped,) = ElementTree.parse(project.path / "junit.xml").getroot().iter("skipped")
    assert skipped.get("type") == "pytest.xfail"


def test_what_a_fixture_expects_to_fail_is_not_called_accepted(project: Project) -> None:
    project.module(
        RED_AND_GREEN
        + """
    @pytest.fixture(autouse=True)
    def expected(request):
        request.applymarker(pytest.mark.xfail)
    """
    )
    outcomes = project.run("-k", "red").parseoutcomes()
    assert (outcomes.get("xfailed"), outcomes.get("accepted")) == (1, None)


def test_one_of_two_that_is_accepted_leaves_the_gate_red(project: Project) -> None:
    accept(project, "test_red")
    project.module(RED_AND_GREEN + "\n    test_also = test_red\n")
    result = project.run("-k", "red or also")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["RED: 2 failed, 1 of them accepted", "x failed        test_also*", "x failed        test_red*"]
    )


def test_a_waiver_ends_by_itself_and_says_so(project: Project) -> None:
    accept(project, "test_red", until=YESTERDAY)
    result = project.run("-k", "red")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["RED: 1 failed", f"note    test_it.py::test_red accepted until {YESTERDAY}, which is over: copy*"]
    )
    accept(project, "test_red", until=today())
    assert project.run("-k", "red").ret == 0


def test_a_wrong_file_is_a_usage_error_before_anything_is_asked(project: Project) -> None:
    project.module(RED_AND_GREEN)
    project.write(FILE_NAME, '[[accepted]]\nevaluation = "a"\nreasn = "b"\n')
    result = project.run("-k", "red")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{FILE_NAME}, accepted?0?: No setting named 'reasn'.*Did you mean 'reason'?"])
    assert not (project.path / ".steelyard").exists()


def test_a_gate_that_is_decided_again_counts_what_is_accepted_by_then(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.module(RED_AND_GREEN)
    assert project.run("-k", "red").ret == 1
    monkeypatch.chdir(project.path)
    accepted = CliRunner().invoke(main, ["accept", "test_red", "--reason", "copy", "--until", str(LATER)])
    assert accepted.exit_code == 0, accepted.output
    resumed = CliRunner().invoke(main, ["gate", "--resume", "latest"])
    assert resumed.exit_code == 0
    assert f"RED, accepted until {LATER}: 1 failed" in resumed.output


@pytest.mark.service
def test_in_a_worker_of_xdist_too(project: Project) -> None:
    accept(project, "test_red")
    result = project.run_apart("-n", "1", "-k", "green or red")
    assert result.ret == 0
    assert result.parseoutcomes()["accepted"] == 1
