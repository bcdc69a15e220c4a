"""Whoever has seen the answers and chooses among cases, draws or baselines weighs nothing that was seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

BODY = "return model.ask(case.prompt) == 'yes'"
N_CASES = 40


@pytest.fixture
def low(project: Project) -> Project:
    """A version that misses its threshold by 0.2, the margin."""
    project.versions = {"low": {"engine": "scripted", "default": {"yes": 0.7, "no": 0.3}}}
    project.settings |= {"candidate": "low", "samples": 2, "margin": 0.2}
    cases_of(project, range(N_CASES))
    return project


def cases_of(project: Project, numbers: Any, edited: frozenset[int] = frozenset()) -> None:
    cases = [{"id": f"c{i}", "prompt": f"q{i}{' ' if i in edited else ''}"} for i in numbers]
    project.module(f"""
        @pytest.mark.evaluation(cases={cases!r}, threshold=0.9)
        def test_it(model, case):
            {BODY}
    """)


def lost(project: Project) -> frozenset[int]:
    """The cases that lost a sample."""
    return frozenset(int(each["id"][1:]) for each in project.evaluation()["cases"] if each["candidate"] < 1)


@pytest.mark.parametrize("way", ["left out", "edited"])
def test_cases_that_lost_are_left_out_or_edited(low: Project, way: str) -> None:
    assert low.run("design=fixed").ret != 0
    unlucky = lost(low)
    assert unlucky
    kept = [i for i in range(N_CASES) if way == "edited" or i not in unlucky]
    cases_of(low, kept, unlucky)
    result = low.run("design=fixed")
    entry, usage = low.evaluation(), low.report()["usage"]
    assert (usage["stored_samples"], usage["model_calls"]) == (0, 2 * len(kept))
    assert entry["look"]["because"] == f"{len(unlucky)} cases changed or left out, so drawn anew"
    assert "changed or left out, so drawn anew" in " ".join(result.stdout.lines).partition("test_it.py ")[0]
    low.run("design=fixed")
    assert low.evaluation() == entry
    assert low.report()["usage"]["model_calls"] == 0


def test_what_stays_free(low: Project) -> None:
    low.settings["about"] = "population"
    low.run("max_samples=20")
    for numbers in (range(N_CASES), range(N_CASES + 10)):
        cases_of(low, numbers)
        low.run("max_samples=20")
        assert low.evaluation()["look"]["number"] == 1
        assert low.report()["usage"]["model_calls"] == 0


def test_a_case_that_is_added_to_the_largest_cluster_leaves_the_earlier_bets_as_they_were(low: Project) -> None:
    def documents(*sizes: int) -> None:
        marked = "cluster='document', about='population', design='sequential'"
        cases = [{"id": f"c{n}-{i}", "document": str(n)} for n, size in enumerate(sizes) for i in range(size)]
        low.module(f"""
            @pytest.mark.evaluation(cases={cases!r}, threshold=0.85, {marked})
            def test_it(model, case):
                return model.ask(case.id) == "yes"
        """)

    documents(*[2] * 8)
    low.run()
    assert (low.evaluation()["verdict"], low.evaluation()["largest_cluster"]) == ("inconclusive", 2)
    before = low.evaluation()["difference"]
    documents(4, *[2] * 7)
    low.run()
    assert (low.evaluation()["look"]["number"], low.evaluation()["largest_cluster"]) == (1, 2)
    assert (low.evaluation()["difference"]["low"], low.evaluation()["difference"]["high"]) == (
        before["low"],
        before["high"],
    )
