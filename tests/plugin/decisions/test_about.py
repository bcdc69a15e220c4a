"""What a verdict is about, which cases are lost, and what another look costs: from marker and command to report."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

BODY = "return model.ask(case.prompt) == 'yes'"


@pytest.fixture
def equal(project: Project) -> Project:
    """A version against itself that always answers alike, with 20 cases: enough to tell of these, not of others."""
    project.versions = {"good": {"engine": "scripted", "default": "yes"}}
    project.settings |= {"candidate": "good", "baseline": "good", "samples": 5, "margin": 0.1}
    project.body(BODY, cases=20)
    return project


@pytest.fixture
def lossy(project: Project) -> Project:
    """A candidate that has lost 2 of 60 cases for good, and is no worse in the others."""
    project.versions = {
        "good": {"engine": "scripted", "default": "yes"},
        "lossy": {"base": "good", "answers": {"q0": "no", "q1": "no"}},
    }
    project.settings |= {"candidate": "lossy", "baseline": "good", "samples": 10, "margin": 0.1}
    return project


@pytest.fixture
def noisy(project: Project) -> Project:
    """A candidate that is open with 2 samples of 20 cases, and one evaluation beside it that passes."""
    project.versions = {
        "good": {"engine": "scripted", "default": {"yes": 0.8, "no": 0.2}},
        "tuned": {"base": "good", "system": "Be brief."},
    }
    project.settings |= {"candidate": "tuned", "baseline": "good", "samples": 2, "margin": 0.1}
    project.module(f"""
        CASES = [{{"id": f"c{{i}}", "prompt": f"q{{i}}"}} for i in range(20)]

        @pytest.mark.evaluation(cases=CASES)
        def test_it(model, case):
            {BODY}

        @pytest.mark.evaluation(cases=CASES, samples=12)
        def test_beside(model, case):
            return bool(model.ask(case.prompt))
    """)
    return project


def look(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = project.evaluation()["look"]
    return found


# --------------------------------------------------------------------------------------------------------- these cases


def test_the_default_is_these_cases(equal: Project) -> None:
    equal.run()
    entry = equal.evaluation()
    assert (entry["about"], entry["verdict"]) == ("suite", "passed")
    assert entry["difference"]["low"] > -0.1


@pytest.mark.parametrize("said_by", ["marker", "setting"])
def test_marker_and_setting_say_what_it_is_about(equal: Project, said_by: str) -> None:
    if said_by == "marker":
        equal.settings["about"] = "suite"
        equal.body(BODY, cases=20, about="population")
    if said_by == "setting":
        equal.settings["about"] = "population"
    result = equal.run()
    entry = equal.evaluation()
    assert (entry["about"], entry["verdict"], result.ret) == ("population", "inconclusive", 8)
    assert entry["difference"]["low"] < -0.1


@pytest.mark.parametrize("said_by", ["marker", "setting"])
def test_another_word_is_refused_with_those_that_there_are(equal: Project, said_by: str) -> None:
    if said_by == "marker":
        equal.body(BODY, cases=20, about="populace")
    result = equal.run(*(["about=populace"] if said_by == "setting" else []))
    assert result.ret == 4
    told = " ".join([*result.outlines, *result.errlines])
    assert "about = 'populace' is none of: population, suite. Did you mean 'population'?" in told


# --------------------------------------------------------------------------------------------------------- lost cases


def test_lost_cases_are_listed_and_decide_nothing_by_themselves(lossy: Project) -> None:
    lossy.body(BODY, cases=60)
    result = lossy.run()
    lost = lossy.evaluation()["lost"]
    assert (result.ret, lossy.evaluation()["verdict"]) == (0, "passed")
    assert (lost["cases"], lost["max_lost"], lost["n_decisive"]) == (["c0", "c1"], None, 0)
    result.stdout.fnmatch_lines(["note    2 cases shown to be worse in test_it: c0, c1"])


def test_max_lost_makes_it_red_while_the_mean_passes(lossy: Project) -> None:
    lossy.body(BODY, cases=60, max_lost=0)
    result = lossy.run()
    entry = lossy.evaluation()
    assert (result.ret, entry["verdict"]) == (1, "regressed")
    assert entry["reason"] == "2 cases lost, none allowed: c0, c1"
    assert entry["difference"]["low"] > -0.1
    assert (entry["lost"]["decisive"], entry["lost"]["max_lost"]) == (["c0", "c1"], 0)
    result.stdout.fnmatch_lines(
        [
            "RED: 1 regressed",
            "x regressed *test_it   *",
            "*2 cases lost, none allowed: c0, c1*",
        ]
    )


def test_as_many_as_are_allowed_may_be_lost(lossy: Project) -> None:
    lossy.body(BODY, cases=60, max_lost=2)
    assert lossy.run().ret == 0
    assert lossy.evaluation()["lost"]["n_decisive"] == 2


def test_an_equal_version_has_lost_nothing(lossy: Project) -> None:
    lossy.body(BODY, cases=60, max_lost=0)
    assert lossy.run("--candidate", "good").ret == 0
    assert lossy.evaluation()["lost"]["cases"] == []


# ------------------------------------------------------------------------------------------------------ looking again


def test_more_samples_are_a_second_look_that_says_its_price_before_and_after(noisy: Project) -> None:
    first = noisy.run()
    assert noisy.verdicts() == {"test_it": "inconclusive", "test_beside": "passed"}
    assert (look(noisy)["number"], look(noisy)["because"]) == (1, "")
    assert "weighed before" not in first.stdout.str()
    second = noisy.run("-k", "test_it", "--samples", "6")
    because = "samples 2 → 6"
    assert (look(noisy)["number"], look(noisy)["because"]) == (2, because)
    assert look(noisy)["level"] == pytest.approx(0.0025)
    assert noisy.evaluation()["reason"].endswith(f"; second look ({because}): decided at 0.0025")
    told = f"steelyard: test_it: weighed before for this candidate ({because}), its second look may be wrong 0.25"
    before_the_run = " ".join(second.stdout.lines).partition("test_it.py ")[0]
    assert told in before_the_run
    assert max(len(line) for line in second.stdout.lines if "second look" in line) <= 80


@pytest.mark.parametrize(
    "again",
    [
        ("--lf",),
        ("-k", "test_it"),
        ("test_it.py::test_it",),
        ("--seed", "7"),
        ("--margin", "0.12"),
        ("max_samples=30",),
        ("max_requests=500",),
    ],
    ids=" ".join,
)
def test_what_leaves_the_bets_as_they_are_is_the_same_look(noisy: Project, again: tuple[str, ...]) -> None:
    noisy.run()
    first = look(noisy)
    result = noisy.run(*again)
    assert "weighed before" not in result.stdout.str()
    assert look(noisy) == first
    assert first["weight"] == 0.5


def test_a_part_of_the_cases_decides_nothing_and_is_no_look(noisy: Project) -> None:
    noisy.body("return False", cases=20, threshold=0.9)
    result = noisy.run("--case", "c1*")
    assert (result.ret, noisy.evaluation()["verdict"]) == (8, "inconclusive")
    assert noisy.evaluation()["reason"].startswith("a part of the cases (--case) is shown and decides nothing: ")
    assert noisy.evaluation()["lost"] is None
    assert noisy.run("--baseline", "none").ret == 1
    assert look(noisy)["number"] == 1


def test_a_changed_candidate_begins_anew(noisy: Project) -> None:
    noisy.run()
    noisy.run("--samples", "6")
    noisy.versions["tuned"]["system"] = "Be very brief."
    noisy.run("--samples", "6")
    assert (look(noisy)["number"], look(noisy)["because"]) == (1, "")


# ------------------------------------------------------------------------------------------------ what is left to draw


@pytest.mark.parametrize("limit", [("max_requests=12",), ("max_samples=8",)], ids=" ".join)
def test_cases_of_the_suite_that_are_not_drawn_are_called_that(noisy: Project, limit: tuple[str, ...]) -> None:
    noisy.body(BODY, cases=20)
    result = noisy.run(*limit)
    entry = noisy.evaluation()
    left = 20 - entry["n_cases"]
    assert 0 < left < 20
    assert entry["reason"].endswith(f"; {left} cases of this suite are not drawn yet")
    text = " ".join(result.stdout.str().split())
    assert ("raise max_samples, so that all cases are drawn" in text) == limit[0].startswith("max_samples")


def test_a_small_suite_about_cases_like_these_is_told_to_add_cases(equal: Project) -> None:
    equal.body(BODY, cases=20, about="population", design="fixed")
    text = " ".join(equal.run().stdout.str().split())
    assert "next add cases, or raise --samples where the reason asks for samples." in text
    assert "where verdicts are about" not in text
