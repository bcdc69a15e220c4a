"""The rubrics that bodies name are found before anything is asked."""

from __future__ import annotations

import pytest

from tests.plugin.judges import RATE
from tests.plugin.projects import Project

pytestmark = pytest.mark.service


@pytest.mark.parametrize(
    "head", ['RUBRIC = "rubrik.md"', 'from pathlib import Path\nRUBRIC = Path("rubrik.md")'], ids=["text", "path"]
)
def test_a_rubric_that_is_named_in_the_module_is_seen(judged: Project, head: str) -> None:
    judged.body(RATE.replace('"rubric.md"', "RUBRIC"), arguments="model, case, judge")
    path = judged.path / "test_it.py"
    path.write_text(f"{head}\n{path.read_text()}")
    assert judged.run().ret == 4


def test_a_rubric_that_can_not_be_seen_is_an_error_of_the_first_body(judged: Project) -> None:
    judged.body(RATE.replace('"rubric.md"', '"rub" + "rik.md"'), cases=20, arguments="model, case, judge")
    assert judged.run().ret == 1
    assert "There is no rubric 'rubrik.md'" in judged.evaluation()["reason"]
    assert judged.evaluation()["verdict"] == "error"


def test_a_rubric_beside_its_test_is_found(judged: Project) -> None:
    (judged.path / "rubric.md").rename(judged.path / "mine.md")
    folder = judged.path / "suites"
    folder.mkdir()
    (judged.path / "mine.md").rename(folder / "rubric.md")
    judged.body(RATE, arguments="model, case, judge")
    (judged.path / "test_it.py").rename(folder / "test_it.py")
    assert judged.run().ret == 0
