"""What is missing for an evaluation is said before a model is asked."""

from __future__ import annotations

import pytest

from tests.plugin.marked import refused
from tests.plugin.projects import Project

pytestmark = pytest.mark.service


def test_a_body_that_takes_a_baseline_needs_one(project: Project) -> None:
    project.body("return model.ask('q') == baseline.ask('q')", arguments="model, baseline, case", threshold=0.5)
    assert "test_it takes `baseline`, and there is none: say --baseline VERSION." in refused(project)


def test_a_body_that_takes_a_judge_needs_one(project: Project) -> None:
    project.write("rubric.md", "# Good\n\nIt is right.\n\n## Scale\n\n- 1: no\n- 2: yes\n")
    project.body("return judge.rate(model.ask('q'), 'rubric.md')", arguments="model, case, judge", threshold=0.5)
    assert "test_it takes `judge`. " in refused(project)


@pytest.mark.parametrize("words", [{"max_lost": 0}, {"per": "case", "threshold": 0.5, "margin": 0.2}])
def test_what_rests_on_the_samples_of_a_case_needs_more_than_one_draw_of_it(
    project: Project, words: dict[str, object]
) -> None:
    project.versions = {"cold": {"engine": "scripted", "default": "yes", "sampling": {"temperature": 0}}}
    project.body("return model.ask('q') == 'yes'", **words)
    told = refused(project)
    assert "at temperature 0, which 'cold' has, all samples of a case are one draw: they can't tell." in told
