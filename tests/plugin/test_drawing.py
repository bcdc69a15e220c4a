"""`--draw`: sessions that fill the store for a gate that another process decides."""

from __future__ import annotations

import pytest

from harness.config.environment import SEAL_KEY, seal_of
from harness.store import Store
from tests.plugin.projects import Project

NOISY = {"engine": "scripted", "default": {"yes": 0.8, "no": 0.2}}
BODY = 'return model.ask(case.prompt) == "yes"'


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    project = Project(pytester)
    project.versions = {"now": NOISY, "next": {**NOISY, "system": "Be brief."}}
    project.settings |= {"candidate": "next", "baseline": "now"}
    return project


def contents(project: Project) -> tuple[int, int, int]:
    """Samples, runs and looks in the project's store."""
    with Store.open(str(project.store), readonly=True) as store:
        info, candidates = store.info(), {each.fingerprint for each in store.info().versions}
        return info.samples, len(store.runs()), sum(len(store.looks.of_candidate(each)) for each in candidates)


def test_shares_are_drawn_once_and_looked_at_by_the_gate_alone(project: Project) -> None:
    project.body(BODY, cases=20, margin=0.3, design="fixed")
    drawn = []
    for number in (1, 2, 3):
        result = project.run("--draw", f"{number}/3")
        result.assert_outcomes()  # neither passed nor failed
        result.stdout.fnmatch_lines(["steelyard: drew * nothing was decided*", "*1 drawn*"])
        assert result.ret == 0
        drawn.append(contents(project))
        assert not (project.path / "reports").exists()
    assert drawn == [(24, 0, 0), (52, 0, 0), (80, 0, 0)], "7, 7 and 6 of 20 cases"
    assert project.run("--offline").ret == 0
    assert project.verdicts() == {"test_it": "passed"}
    assert contents(project)[:2] == (80, 1)


def test_what_is_drawn_until_it_is_decided_gives_the_verdict_of_a_gate_alone(project: Project) -> None:
    project.body(BODY, cases=200, margin=0.15, samples=5)
    result = project.run("--draw")
    assert result.ret == 0
    (n_drawn, *others) = contents(project)
    assert (n_drawn < 2000, others) == (True, [0, 0])
    project.run("--offline")
    after = project.evaluation()
    project.run("--store", "alone.db")
    alone = project.evaluation()
    for each in (after, alone):
        for known in ("run_id", "duration_s"):
            each.pop(known, None)
    assert after == alone
    assert after["verdict"] == "passed"


def test_two_that_draw_what_is_free_share_the_work(project: Project) -> None:
    project.body(BODY, cases=40, margin=0.3, design="fixed")
    project.run("--draw", "1/2")
    result = project.run("--draw")
    result.stdout.fnmatch_lines(
        ["steelyard: drew 80 samples, 80 were stored; nothing was decided (next*", "*pytest --offline*"]
    )


def test_another_look_is_begun_by_a_gate(project: Project) -> None:
    project.body(BODY, cases=20, margin=0.3)
    project.run()
    project.body(BODY, cases=15, margin=0.3)
    result = project.run("--draw")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--draw begins no look*Start the gate itself*"])
    project.settings["candidates"] = "counted"
    result = project.run("--draw")
    result.stderr.fnmatch_lines(["*--draw begins no look*for each candidate that is counted. Start the gate itself*"])


def test_a_gate_that_goes_on_is_drawn_for_as_it_has_begun(project: Project) -> None:
    project.body(BODY, cases=20, margin=0.3)
    project.run()
    looks = contents(project)[2]
    project.body(BODY, cases=20, margin=0.3, samples=3)
    project.run()  # another look, on the same draws
    assert contents(project)[2] > looks
    result = project.run("--draw")
    assert (result.ret, contents(project)[1]) == (0, 2)


def test_draws_that_fail_end_it_with_1(project: Project) -> None:
    project.body(BODY + ' or 1 / (case.id != "c3")', cases=6, margin=0.3, design="fixed")
    result = project.run("--draw")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*ZeroDivisionError*", "*drew 24 samples*", "*drawn when it is started again.*"])
    assert contents(project)[0] == 24


def test_what_went_wrong_in_a_sealed_evaluation_is_not_shown(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.settings["seal"] = seal_of("open", "salt")
    failing = BODY + ' or 1 / (case.id != "c3")'
    project.body(failing, cases=30, sealed=True)
    for options in ((), ("--draw",)):
        result = project.run(*options)
        monkeypatch.setenv(SEAL_KEY, "open")  # with which what only draws leaves no note
        assert result.ret == 1
        result.stdout.fnmatch_lines(["*sealed: what went wrong can be seen with the key*"])
        result.stdout.no_fnmatch_line("*ZeroDivisionError*")


def test_samples_of_other_settings_are_said_to_be_of_another_version(project: Project) -> None:
    project.body(BODY, cases=6, margin=0.3, design="fixed")
    project.run("--draw")
    project.versions["next"] = {**NOISY, "system": "Be very brief."}
    project.run("--offline")
    assert project.verdicts() == {"test_it": "error"}
    (note,) = [note for note in project.notes() if "no gate had" in note]
    assert "The store has samples of a version that no gate had" in note
    assert "where --draw drew them" in note


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--draw", "4/3"], "*--draw 4/3: write --draw K/N, with K from 1 to N*"),
        (
            ["--draw", "test_it.py"],
            "*--draw test_it.py: write --draw K/N, with K from 1 to N, or --draw after the tests*",
        ),
        (["--draw", "1/2", "--fresh"], "*leave --fresh out*"),
        (["--draw", "1/2", "--offline"], "*leave --offline out*"),
        (["--draw", "1/2", "--candidate", "now,next"], "*one candidate: start it for each*"),
    ],
)
def test_what_cannot_be_is_refused(project: Project, options: list[str], said: str) -> None:
    project.body(BODY)
    result = project.run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
