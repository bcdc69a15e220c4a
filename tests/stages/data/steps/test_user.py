"""A function of the project is a step: what it returns decides, what it raises is told, its code is its identity."""

from __future__ import annotations

import pickle
from pathlib import Path
from textwrap import dedent

import pytest

from harness.errors import CorpusError, SettingsError
from harness.stages.data.steps.step import step_identity, step_options
from harness.stages.data.steps.user import find_step
from tests.stages.data.steps.judging import document, made, settings

MODULE = """
from __future__ import annotations

from dataclasses import dataclass

from harness.extension import Keep, Remove


@dataclass
class Limits:
    least: int = 3


def short(document):
    "Removes short texts."
    if document.text == "true":
        return True
    if document.text == "false":
        return False
    if len(document.text) < Limits().least:
        return Remove("too_short")
    if document.url:
        return Keep(text=f"{document.id} {document.url} {document.metadata['source']}")


def at_least(document, *, count=2, reason="few"):
    return len(document.text.split()) >= count or Remove(reason)


def broken(document):
    return 1 / len(document.text)


def odd(document):
    return "maybe"


def leaves(document):
    raise SystemExit(3)


def change(document):
    document.metadata["mine"] = 1


def two(document, other):
    return None


async def later(document):
    return None


NUMBER = 3
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "filters.py").write_text(dedent(MODULE), encoding="utf-8")
    return tmp_path


def test_what_it_returns_decides(root: Path) -> None:
    step = made("filters:short", root)
    assert step(document("long enough")) is None
    assert step(document("true")) is None
    assert step(document("false")) == "short", "the function's name is the reason where it gives none"
    assert step(document("ab")) == "too_short"
    one = document("with an address", url="https://example.org/", source="web")
    assert step(one) is None
    assert one.text == "d https://example.org/ web"


def test_parameters_by_keyword_are_its_options(root: Path) -> None:
    spec = find_step("filters:at_least", root)
    assert step_options(spec, {}, where="") == {"count": 2, "reason": "few"}
    assert made("filters:at_least", root)(document("one")) == "few"
    assert made("filters:at_least", root, count=1)(document("one")) is None
    with pytest.raises(SettingsError, match=r"No setting named 'counts'\. Settings: count, reason\."):
        step_options(spec, {"counts": 1}, where="[tool.steelyard.corpora.clean] filters:at_least")


def test_what_it_raises_is_told_with_the_step_the_document_and_where(root: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        made("filters:broken", root)(document(""))
    message = str(caught.value)
    assert message.startswith("The step 'filters:broken' raises ZeroDivisionError on document 'd': division by zero\n")
    assert f'File "{root / "filters.py"}", line' in message
    assert "return 1 / len(document.text)" in message
    assert "steps/user.py" not in message, "where it was called from is nobody's business"
    assert str(pickle.loads(pickle.dumps(caught.value))) == message, "it comes out of a worker process"


def test_an_answer_that_says_nothing_is_refused(root: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        made("filters:odd", root)(document("text"))
    assert str(caught.value) == (
        "The step 'filters:odd' returns 'maybe' for document 'd'. Return None or True to keep it, False or "
        'Remove("reason") to remove it, Keep(text="…") to change its text.'
    )


def test_metadata_can_t_be_changed(root: Path) -> None:
    with pytest.raises(CorpusError, match="'mappingproxy' object does not support item assignment"):
        made("filters:change", root)(document("text"))


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("filter:short", "The step 'filter:short' is of a module that is not there: {root}/filter.py. A step of your"),
        (":short", "The step ':short' is of a module that is not there"),
        ("filters:shirt", "filters.py has no function 'shirt'. Functions: at_least, broken, "),
        ("filters:shirt", "Did you mean 'short'?"),
        ("filters:NUMBER", "filters.py has no function 'NUMBER'."),
        ("filters:", "filters.py has no function ''."),
        (
            "filters:two",
            "its options by keyword, which two(document, other) does not take",
        ),
        ("filters:later", "without async."),
    ],
)
def test_what_can_t_be_called_is_refused_with_the_way_out(root: Path, target: str, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        find_step(target, root)
    assert told.format(root=root) in str(caught.value)


@pytest.mark.parametrize(
    "code", ["raise OSError('closed')", "import not_there_at_all", "raise SystemExit(3)", "def f(:"]
)
def test_a_module_that_can_t_be_imported_is_told_with_its_error(tmp_path: Path, code: str) -> None:
    (tmp_path / "bad.py").write_text(code, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"The step 'bad:f' can't be imported: .*bad\.py raises \w+: "):
        find_step("bad:f", tmp_path)


def identity(root: Path, target: str = "mine:keep") -> object:
    spec = find_step(target, root)
    return step_identity(spec, step_options(spec, {}, where=""), settings(root))


def test_its_code_is_its_identity_with_that_of_the_project_s_modules(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from near_of_mine import LEAST\ndef keep(document): return LEAST > 0\n")
    (tmp_path / "near_of_mine.py").write_text("LEAST = 3\n")
    first = identity(tmp_path)
    (tmp_path / "README.md").write_text("changed")
    assert identity(tmp_path) == first
    (tmp_path / "near_of_mine.py").write_text("LEAST = 4\n")
    second = identity(tmp_path)
    assert second != first
    (tmp_path / "mine.py").write_text("from near_of_mine import LEAST\ndef keep(document): return LEAST > 1\n")
    assert identity(tmp_path) != second
    (tmp_path / "near_of_mine.py").write_text("LEAST = 3\n")
    (tmp_path / "mine.py").write_text("from near_of_mine import LEAST\ndef keep(document): return LEAST > 0\n")
    assert identity(tmp_path) == first


def test_a_neighbour_in_a_package_is_of_its_code(tmp_path: Path) -> None:
    folder = tmp_path / "clean_steps"
    folder.mkdir()
    (folder / "short.py").write_text("from clean_steps.rules import LEAST\ndef keep(document): return LEAST > 0\n")
    (folder / "rules.py").write_text("LEAST = 3\n")
    first = identity(tmp_path, "clean_steps.short:keep")
    (folder / "rules.py").write_text("LEAST = 4\n")
    assert identity(tmp_path, "clean_steps.short:keep") != first


def test_two_projects_with_modules_of_one_name_keep_apart(tmp_path: Path) -> None:
    for name, kept in (("a", True), ("b", False)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.py").write_text(f"def keep(document): return {kept}\n")
    assert made("same:keep", tmp_path / "a")(document("x")) is None
    assert made("same:keep", tmp_path / "b")(document("x")) == "keep"
