"""`aim` and a margin in per cent, as a marker has them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.projects import Project

pytestmark = pytest.mark.service

PAIR = ("--candidate", "ours", "--baseline", "theirs")


@pytest.fixture
def gate(project: Project) -> Project:
    """Two versions that answer with a number each."""
    project.versions = {
        "ours": {"engine": "scripted", "default": "12"},
        "theirs": {"engine": "scripted", "default": "10"},
    }
    return project


def measured(gate: Project, measure: str, **marker: Any) -> dict[str, Any]:
    gate.body(f"value = float(model.ask(case.prompt))\nreturn {measure}", cases=20, **marker)
    gate.run(*PAIR)
    found: dict[str, Any] = gate.evaluation()
    return found


LOWER = 'harness.Measure(value * (1 + 0.001 * len(case.id)), "s", higher_is_better=False)'
PLAIN = 'harness.Measure(value, "tokens")'


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("measure", "marker", "verdict"),
    [
        (LOWER, {"margin": "10 %"}, "regressed"),
        (LOWER, {"margin": "30 %"}, "passed"),
        (LOWER, {"margin": "30 %", "aim": "same"}, "passed"),
        (LOWER, {"margin": "10%", "aim": "same"}, "regressed"),
        (PLAIN, {"margin": 1.0}, "passed"),
        (PLAIN, {"margin": 1.0, "aim": "lower"}, "regressed"),
        (PLAIN, {"margin": 1.0, "aim": "same"}, "regressed"),
        (LOWER, {"margin": "30 %", "aim": "higher"}, "error"),
        ("value / 20", {"margin": "10 %"}, None),
        ("harness.Measure(value - 12, 's', True)", {"margin": "10 %"}, "error"),
        ("harness.Measure(value, 's')", {"margin": 1.0}, "error"),
        ("harness.Measure(value, 's')", {"margin": 1.0, "aim": "lower"}, "regressed"),
        ("harness.Measure(value, 's')", {"margin": 1.0, "aim": "higher"}, "passed"),
        ("harness.Measure(value, 's')", {"margin": 1.0, "aim": "same"}, "regressed"),
    ],
)
def test_the_marker_says_which_way_is_better(
    gate: Project, measure: str, marker: dict[str, Any], verdict: str | None
) -> None:
    if verdict is None:
        gate.body(f"value = 1.0\nreturn {measure}", **marker)
        result = gate.run(*PAIR)
        assert result.ret == 4
        assert "is a share of what the baseline measured" in "\n".join([*result.outlines, *result.errlines])
        return
    entry = measured(gate, measure, **marker)
    assert entry["verdict"] == verdict, entry["reason"]


def test_scores_may_aim_at_less(gate: Project) -> None:
    entry = measured(gate, "value > 11", aim="lower", margin=0.1)
    assert (entry["verdict"], entry["aim"], entry["higher_is_better"]) == ("regressed", "lower", False)


def test_a_failed_assertion_is_an_error_where_less_is_better(gate: Project) -> None:
    """It scores 0, which would make the version that leaks the better one."""
    gate.body("assert model.ask(case.prompt) != '12'", cases=40, aim="lower", margin=0.1)
    gate.run(*PAIR)
    assert (gate.verdicts(), gate.evaluation()["reason"]) == (
        {"test_it": "error"},
        "a body failed an assertion, which scores 0, and with aim='lower' 0 is the best 'score' there is: return the "
        "score instead, as in `return leaks(answer)`, or leave `aim` out",
    )


def test_a_ratio_is_told_in_per_cent_wherever_it_is_shown(gate: Project) -> None:
    entry = measured(gate, LOWER, margin="10 %")
    assert entry["difference"]["value"] == pytest.approx(0.2)
    assert "higher by more than 10 %" in entry["reason"]
    folder = gate.path / "reports" / "latest"
    assert "+20.0" in (folder / "index.html").read_text(encoding="utf-8")
    result = gate.run(*PAIR)
    result.stdout.fnmatch_lines(["*+20.0*%*"])


def test_a_figure_of_nothing_has_no_ratio(gate: Project) -> None:
    entry = measured(gate, "harness.Measure(value - 12, 's', True)", margin="10 %")
    assert "a margin in per cent is weighed by ratios, and the candidate measured 0 s" in entry["reason"]


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ({"aim": "sames"}, "same"),
        ({"margin": "100 %"}, "is no share from 0 up to 100 %"),
        ({"margin": "x %"}, "is no share from 0 up to 100 %"),
        ({"margin": "0.1"}, "margin"),
    ],
)
def test_what_can_not_be_is_refused(gate: Project, marker: dict[str, Any], told: str) -> None:
    gate.body('return harness.Measure(float(model.ask(case.prompt)), "s")', **marker)
    result = gate.run(*PAIR)
    assert result.ret == 4
    assert told in "\n".join([*result.outlines, *result.errlines])


def test_another_aim_is_another_look(gate: Project) -> None:
    measured(gate, PLAIN, margin=1.0)
    entry = measured(gate, PLAIN, margin=1.0, aim="same")
    assert "second look (aim none → same)" in entry["reason"]
    entry = measured(gate, LOWER, margin="30 %")
    assert "margin in" in entry["reason"]
