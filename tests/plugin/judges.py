"""A project with judges."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.projects import Project
from tests.scoring.judging.panel import rated
from tests.scoring.judging.rubrics import SUMMARY

RATE = 'return judge.rate(model.ask(case.prompt), rubric="rubric.md", case=case)'


def says(*answers: str, **probabilities: float) -> dict[str, Any]:
    """A scripted version that gives these answers to everything, each as often."""
    table = dict.fromkeys(answers, 1 / len(answers)) if answers else probabilities
    return {"engine": "scripted", "default": table}


@pytest.fixture
def judged(project: Project) -> Project:
    """A project with a rubric, a version `only` that answers yes or no, and a judge `small` that says 5 of 1 to 5."""
    project.write("rubric.md", SUMMARY)
    project.versions = {"only": says("yes", "no"), "small": says(rated(5))}
    project.settings |= {"candidate": "only", "judge": "small"}
    return project
