"""What a body asks of its cases is seen before anything is sent."""

from __future__ import annotations

import pytest

from tests.plugin.marked import marked, refused
from tests.plugin.projects import Project


def test_case_field_that_a_case_lacks_is_refused_with_its_line(project: Project) -> None:
    marked(project, "cases=[{'id': 'a', 'prompt': 'q'}, {'id': 'b'}]")
    assert "test_it, line 6: case.prompt, but case 'b' has no field 'prompt'. Its fields: id." in refused(project)


@pytest.mark.parametrize("written", ["case.promt", "case['promt']", 'case["promt"]'])
def test_case_field_that_is_misspelt_is_refused_with_the_nearest(project: Project, written: str) -> None:
    marked(project, "cases=[{'id': 'a', 'prompt': 'q'}]", f"return {written} == 'q'")
    shown = written.replace('"', "'")
    said = f"line 6: {shown}, but case 'a' has no field 'promt'. Its fields: id, prompt. Did you mean 'prompt'?"
    assert said in refused(project)


@pytest.mark.parametrize(
    "body",
    [
        "try:\n        return case['hint']\n    except KeyError:\n        return 1",
        "try:\n        return case.hint\n    except (ValueError, AttributeError):\n        return 1",
        "name = 'hint'\n    return 1 if name not in case else case[name]",
    ],
    ids=["KeyError", "AttributeError", "a name that is none of the source"],
)
def test_case_field_whose_lack_the_body_minds_may_be_missing(project: Project, body: str) -> None:
    marked(project, "cases=[{'id': 'a'}, {'id': 'b', 'hint': 1}]", body)
    assert project.run().ret == 0


def test_case_field_that_the_body_asks_for_first_may_be_missing(project: Project) -> None:
    marked(
        project,
        "cases=[{'id': 'a', 'hint': 'q'}, {'id': 'b'}]",
        "return len(case.hint) if 'hint' in case else case.get('hint', 1)",
    )
    assert project.run().ret == 0
