"""What a body asks of its cases is seen before anything is sent."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from harness.plugin.collection.inspection import check_figures
from tests.plugin.marked import marked, refused
from tests.plugin.projects import Project


def test_case_field_that_a_case_lacks_is_refused_with_its_line(project: Project) -> None:
    marked(project, "cases=[{'id': 'a', 'prompt': 'q'}, {'id': 'b'}]")
    assert "test_it, line 6: case.prompt, but case 'b' has no field 'prompt'. Its fields: id." in refused(project)


@pytest.mark.parametrize(
    "body",
    [
        "return load.ttft.value",
        "return getattr(load, 'new_figure', load.itl)",
        "try:\n        return load.new_figure\n    except AttributeError:\n        return load.itl",
        "load = load.result\n    return load.get('a')",
    ],
)
def test_figures_of_load_that_a_body_may_read(body: str, tmp_path: Path) -> None:
    file = tmp_path / "body.py"
    file.write_text(f"def test_it(load):\n    {body}\n")
    spec = importlib.util.spec_from_file_location("body", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    check_figures(module.test_it, where="test_it")


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
