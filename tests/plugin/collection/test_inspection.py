"""What a body asks of its cases is seen before anything is sent."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.config import Settings
from harness.errors import MarkerError, SettingsError
from harness.plugin.collection.inspection import check_figures, check_scores, check_users, may_return_measure
from harness.stages.inference.blocks.plan import BlockPlan
from tests.plugin.marked import marked, refused
from tests.plugin.projects import Project


@pytest.mark.service
def test_case_field_that_a_case_lacks_is_refused_with_its_line(project: Project) -> None:
    marked(project, "cases=[{'id': 'a', 'prompt': 'q'}, {'id': 'b'}]")
    assert "test_it, line 6: case.prompt, but case 'b' has no field 'prompt'. Its fields: id." in refused(project)


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
        "load = load.result\n    return load.get('a')",
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


@pytest.mark.parametrize(
    ("body", "is_refused"),
    [
        ("def test_it(model):\n    harness.SimulatedUser(USER)", True),
        ("def test_it(model):\n    Ours(version='usr')", True),
        ("def test_it(model):\n    others.SimulatedUser('usr')", False),
        ("def test_it(model, USER):\n    harness.SimulatedUser(USER)", False),
        ("def test_it(model):\n    for USER in 'ab':\n        harness.SimulatedUser(USER)", False),
        ("def test_it(model):\n    import others as harness\n    harness.SimulatedUser('usr')", False),
    ],
)
def test_a_users_version_is_looked_up_where_class_and_name_are_certain(
    body: str, is_refused: bool, tmp_path: Path
) -> None:
    head = "import types\nimport harness\nfrom harness import SimulatedUser as Ours\nUSER = 'usr'\nothers = types\n"
    test_it = defined(f"{head}{body}\n", tmp_path)
    with pytest.raises(SettingsError, match="No version named 'usr'") if is_refused else contextlib.nullcontext():
        check_users(test_it, Settings(root=tmp_path), where="test_it")


SECONDS = """
import harness
from functools import partial
from harness import Measure

seconds = partial(Measure, unit="s")


def right(text):
    return text == "yes"


def timed(text):
    return harness.Measure(len(text), unit="s")


def through(text):
    return timed(text)


class Checks:
    def right(self, text):
        return right(text)

    @property
    def timed(self):
        return timed("")


def closed():
    made = Measure
    return lambda text: made(1, unit="s")


made = closed()


def test_it(model, case{more}):
    return {value}
"""


@pytest.mark.parametrize(
    ("value", "more", "may"),
    [
        ("right(model.ask(case.prompt)) and len(case.prompt) > 1", "", False),
        ("Measure(1, unit='s')", "", True),
        ("harness.Measure(1, unit='s')", "", True),
        ("through('a')", "", True),
        ("seconds(1)", "", True),
        ("Checks().right('')", "", True),
        ("made('')", "", True),
        ("latency", ", latency", True),
        ("[right, timed][1]('')", "", True),
    ],
)
def test_what_of_a_module_that_speaks_of_measures_may_return_one(
    value: str, more: str, may: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_it = defined(SECONDS.replace("{more}", more).replace("{value}", value), tmp_path)
    module = ModuleType("body")
    vars(module).update(test_it.__globals__)
    monkeypatch.setitem(sys.modules, "body", module)
    assert may_return_measure(test_it) is may


def test_a_module_that_does_not_speak_of_measures_returns_none(tmp_path: Path) -> None:
    assert not may_return_measure(defined("def test_it(model, latency):\n    return latency\n", tmp_path))


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
    ("body", "words"),
    [
        (
            "await model.ask(case.prompt) == case.expected",
            "line 6: the result of `await model.ask.* is dropped. Return it",
        ),
        (
            "assert 1\n    if case.id:\n        case.id in case.prompt",
            "line 8: the result of `case.id in case.prompt` is",
        ),
        ("await model.ask(case.prompt)", "line 6: the body asks and says nothing of the answer"),
        (
            "print(await model.ask(PROMPT.format(case.prompt)))\n    return",
            "line 6: the body asks and says nothing of the answer",
        ),
        (
            "answer = await model.ask('q')\n    ok = answer.strip().lower() == case.expected",
            "says nothing of the answer",
        ),
        (
            "answer = await model.ask('q')\n    assert answer\n    answer == 'yes'",
            "line 8: the result of `answer == 'yes'`",
        ),
        ("(answer := await model.ask('q')) == 'yes'", "is dropped"),
        ("await model.ask('q') in ('yes', 'no')", "is dropped"),
        ("(await model.ask('q')).strip().lower()[:3] == 'yes'", "is dropped"),
        ("answer = await model.ask('q')\n    any(each in answer for each in case.words)", "line 6: the body asks"),
        ("for turn in case.turns:\n        await model.ask(turn)", "line 7: the body asks"),
        (
            "said = [{'role': 'user', 'content': f'Say {each}'} for each in case['words']]\n"
            "    sample = await model.chat(said, temperature=0.5)\n    len(sample.text) < 9 and sample.text != 'no'",
            "line 7: the body asks",
        ),
    ],
)
def test_bodies_that_every_answer_passes_are_refused(body: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(MarkerError, match=words):
        check_scores(defined(f"{_HEAD}{body}\n", tmp_path), ["model", "case"], where="it")


@pytest.mark.parametrize(
    "body",
    [
        "return await model.ask(case.prompt) == case.expected",
        "check(await model.ask(case.prompt))",
        "mine = check\n    mine(await model.ask(case.prompt))",
        "checks.strip(await model.ask(case.prompt))",
        "case.strip(await model.ask(case.prompt))",
        "CHECKS[case.id](await model.ask(case.prompt))",
        "await model.ask(case.prompt) | check",
        "with check():\n        await model.ask(case.prompt) == 1",
        "try:\n        await model.ask(case.prompt) < 1\n    except TypeError:\n        check()",
        "if await model.ask(case.prompt) != 'yes':\n        raise AssertionError",
        "def same(x):\n        assert x\n    same(await model.ask(case.prompt))",
        "yield await model.ask(case.prompt)",
        "check(await model.ask(case.prompt)) == 'yes'",
        "int(await model.ask(case.prompt))",
        "answer = await model.ask(case.prompt)\n    ['yes', 'no'].index(answer)",
        "case.id",
        "answer = CHECKS(await model.ask('q'))\n    answer == 'yes'",
        "answer: str = CHECKS(await model.ask('q'))\n    answer == 'yes'",
        "answer = 'yes'\n    for answer in CHECKS:\n        answer == await model.ask('q')",
        "answer = await model.ask('q')\n    answer += EXPECTED\n    answer == 'yes'",
        "answer = 'yes'\n    (answer := EXPECTED)\n    await model.ask('q') == answer",
        "EXPECTED == await model.ask('q')",
        "await model.ask('q') != EXPECTED",
        "await model.ask('q') in [EXPECTED]",
        "len(EXPECTED) < len(await model.ask('q'))",
        "f'{EXPECTED}' == await model.ask('q')",
        "await model.ask('q') == 'yes' or check()",
        "await model.ask('q') == 'yes' or pytest.fail('no')",
        "model = check\n    model.ask('q') == 'yes'",
        "str = check\n    str(await model.ask('q'))",
        "print(await model.ask('q'), EXPECTED)",
        "with pytest.raises(ValueError):\n        float(await model.ask('q'))",
        "async with check():\n        await model.ask('q')",
        "async def same():\n        assert await model.ask('q')\n    await same()",
        "(lambda answer: check(answer))(await model.ask('q'))",
        "assert (answer := await model.ask('q'))",
        "if (answer := await model.ask('q')) != 'yes':\n        check()",
        "while await model.ask('q') != 'yes':\n        check()",
        "match await model.ask('q'):\n        case 'yes':\n            return True",
        "match await model.ask('q'):\n        case str() as answer:\n            check(answer)",
        "try:\n        assert await model.ask('q')\n    finally:\n        print(1)",
        "[check(each) for each in (await model.ask('q')).split()]",
        "any(check(each) for each in await model.ask('q'))",
        "for each in CHECKS:\n        each(await model.ask('q'))",
        "async for each in checks:\n        await model.ask(each)",
        "import mine\n    mine.check(await model.ask('q'))",
        "first, second = (await model.ask('q')).split()",
        "(await model.ask('q'))[3]",
        "1 / len(await model.ask('q'))",
        "(await model.ask('q')).encode('ascii')",
        "(await model.chat('q')).check()",
        "await model.chat('q', tools=[check])",
        "CHECKS['a'] = await model.ask('q')",
        "case['check'](await model.ask('q'))",
        "return {'a': await model.ask('q') == 'yes'}",
        "return 0 if await model.ask('q') else 1",
        "raise AssertionError(await model.ask('q'))",
    ],
)
def test_bodies_that_may_check_something_are_let_be(body: str, tmp_path: Path) -> None:
    check_scores(defined(f"{_HEAD}{body}\n", tmp_path), ["model", "case"], where="it")


def test_a_body_may_be_checked_by_what_wraps_it_and_by_fixtures_of_the_project(tmp_path: Path) -> None:
    body = defined(f"{_HEAD}await model.ask('q')\n", tmp_path)
    check_scores(body, [], where="a fixture of the project's own, called model")
    check_scores(functools.wraps(body)(lambda model: None), ["model"], where="it")


@pytest.mark.service
def test_a_comparison_that_is_dropped_is_refused_before_anything_is_asked(project: Project) -> None:
    marked(project, "cases=[{'id': 'a'}]", "model.ask('q') == 'yes'")
    assert "test_it, line 6: the result of `model.ask('q') == 'yes'` is dropped." in refused(project)


@pytest.mark.service
def test_a_body_of_single_cases_that_says_nothing_is_refused_and_one_that_is_skipped_is_not(project: Project) -> None:
    marked(
        project, "cases=[{'id': 'a', 'prompt': 'q'}], per='case', threshold=0.9, margin=0.1", "model.ask(case.prompt)"
    )
    assert "line 6: the body asks and says nothing of the answer" in refused(project)
    project.module("""
        @pytest.mark.skip(reason="to come")
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case):
            model.ask("q")
    """)
    assert project.run().ret == 0


_HEAD = """PROMPT = 'Say {}'
CHECKS, EXPECTED = {}, object()
def check(*_):
    raise AssertionError
async def test_it(model, case, checks=None):
    """
