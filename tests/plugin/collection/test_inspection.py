"""What a body asks of its cases is seen before anything is sent."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.errors import MarkerError
from harness.plugin.collection.inspection import check_figures, check_scores
from harness.stages.inference.blocks.plan import BlockPlan
from tests.plugin.marked import marked, refused
from tests.plugin.projects import Project


@pytest.mark.service
def test_case_field_that_a_case_lacks_is_refused_with_its_line(project: Project) -> None:
    marked(project, "cases=[{'id': 'a', 'prompt': 'q'}, {'id': 'b'}]")
    told = " ".join(refused(project).split())
    assert "test_it, line 6: case.prompt, but case 'b' has no field 'prompt'. Its fields: id." in told
    assert "Where cases may lack it, write case.get('prompt'), which is None then." in told


@pytest.mark.service
@pytest.mark.parametrize("marker", ["", "(threshold=0.5)"])
def test_a_marker_without_cases_is_told_where_a_field_is_asked_for(project: Project, marker: str) -> None:
    project.module(
        f"@pytest.mark.evaluation{marker}\ndef test_it(model, case): return model.ask('q') == case.expected\n"
    )
    told = " ".join(refused(project).split())
    assert "case 'test_it' has no field 'expected'. Its fields: id. The marker has no `cases=`" in told


@pytest.mark.parametrize(
    "body",
    [
        "return load.ttft.value",
        "return getattr(load, 'new_figure', load.itl)",
        "try:\n        return load.new_figure\n    except AttributeError:\n        return load.itl",
    ],
)
def test_figures_of_load_that_a_body_may_read(body: str, tmp_path: Path) -> None:
    check_figures(defined(f"def test_it(load):\n    {body}\n", tmp_path), BlockPlan(), Settings(tmp_path), where="it")


def defined(text: str, folder: Path) -> Callable[..., Any]:
    """The function `test_it` of a module with this text."""
    file = folder / "body.py"
    file.write_text(text)
    spec = importlib.util.spec_from_file_location("body", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., Any] = module.test_it
    return found


@pytest.mark.service
@pytest.mark.parametrize("written", ["case.promt", "case['promt']", 'case["promt"]'])
def test_case_field_that_is_misspelt_is_refused_with_the_nearest(project: Project, written: str) -> None:
    marked(project, "cases=[{'id': 'a', 'prompt': 'q'}]", f"return {written} == 'q'")
    shown = written.replace('"', "'")
    said = f"line 6: {shown}, but case 'a' has no field 'promt'. Its fields: id, prompt. Did you mean 'prompt'?"
    assert said in refused(project)


@pytest.mark.service
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


@pytest.mark.service
def test_case_field_that_the_body_asks_for_first_may_be_missing(project: Project) -> None:
    marked(
        project,
        "cases=[{'id': 'a', 'hint': 'q'}, {'id': 'b'}]",
        "return len(case.hint) if 'hint' in case else case.get('hint', 1)",
    )
    assert project.run().ret == 0


@pytest.mark.parametrize(
    "body",
    [
        "await model.ask(case.prompt) == case.expected",
        "await model.ask('q') in [EXPECTED]",
        "(await model.ask('q')).strip().lower()[:3] == 'yes'",
        "for turn in case.turns:\n        await model.ask(turn)\n    return",
        "pass",
    ],
)
def test_bodies_that_every_answer_passes_are_refused(body: str, tmp_path: Path) -> None:
    with pytest.raises(MarkerError, match=r"it, line 5: the body says nothing of the answer\. Assert what must be so"):
        check_scores(defined(f"{_HEAD}{body}\n", tmp_path), ["model", "case"], where="it")


@pytest.mark.parametrize(
    ("body", "is_noted"),
    [
        ("return await model.ask(case.prompt) == case.expected", False),
        ("if await model.ask(case.prompt) != 'yes':\n        raise AssertionError", False),
        ("assert (answer := await model.ask('q'))", False),
        ("yield await model.ask(case.prompt)", False),
        ("check(await model.ask(case.prompt))", True),
        ("answer = await model.ask('q')\n    answer.strip()", True),
        ("with pytest.raises(ValueError):\n        float(await model.ask('q'))", True),
    ],
)
def test_bodies_that_may_check_something_are_let_be_and_told_where_only_others_can(
    body: str, is_noted: bool, tmp_path: Path
) -> None:
    note = check_scores(defined(f"{_HEAD}{body}\n", tmp_path), ["model", "case"], where="it")
    assert note.startswith("it returns nothing and asserts nothing itself") is is_noted


def test_a_body_may_be_checked_by_what_wraps_it_and_by_fixtures_of_the_project(tmp_path: Path) -> None:
    body = defined(f"{_HEAD}await model.ask('q')\n", tmp_path)
    assert check_scores(body, [], where="a fixture of the project's own, called model")
    assert not check_scores(functools.wraps(body)(lambda model: None), ["model"], where="it")


@pytest.mark.service
def test_a_body_that_says_nothing_is_refused_before_anything_is_asked_unless_it_is_skipped(project: Project) -> None:
    marked(project, "cases=[{'id': 'a', 'prompt': 'q'}], per='case', threshold=0.9, margin=0.1", "model.ask('q') == 1")
    assert "says nothing of the answer" in refused(project)
    project.module("""
        @pytest.mark.skip(reason="to come")
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case):
            model.ask("q")

        @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}])
        def test_others(model, case):
            str(model.ask("q"))
    """)
    result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["steelyard: *test_others returns nothing and asserts nothing itself: every answer*"])


_HEAD = """import pytest
EXPECTED = object()
def check(*_):
    raise AssertionError
async def test_it(model, case):
    """
