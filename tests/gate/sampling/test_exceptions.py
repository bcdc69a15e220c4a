"""An error of a body is followed to the user's own lines, whatever it came through."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.gate.sampling.body_errors import describe, raised_at, user_frames

MODULE = """
import json

def parse(text):
    return json.loads(text)

def deep(n):
    return deep(n - 1) if n else parse("{")

def shallow():
    raise KeyError("x")
"""


@pytest.fixture
def of_users(tmp_path: Path) -> dict[str, Callable[..., object]]:
    """What a user's module defines."""
    path = tmp_path / "checks.py"
    path.write_text(MODULE)
    return runpy.run_path(str(path))


def raised(call: Callable[..., object], *arguments: object) -> BaseException:
    """The error of a call, without the frames of this test."""
    with pytest.raises(Exception) as failed:
        call(*arguments)
    assert failed.value.__traceback__ is not None
    return failed.value.with_traceback(failed.value.__traceback__.tb_next)


def test_an_error_of_a_library_is_placed_at_the_line_that_called_it(of_users: dict) -> None:
    error = raised(of_users["parse"], "{")
    assert isinstance(error, json.JSONDecodeError)
    assert raised_at(error) == " (checks.py:5: return json.loads(text))"


def test_the_last_five_lines_of_the_user_are_told_the_outermost_first(of_users: dict) -> None:
    frames = user_frames(raised(of_users["deep"], 9))
    assert frames == (
        *['checks.py:8: return deep(n - 1) if n else parse("{")'] * 4,
        "checks.py:5: return json.loads(text)",
    )


def test_a_single_line_is_told_once(of_users: dict) -> None:
    error = raised(of_users["shallow"])
    assert raised_at(error) == ' (checks.py:11: raise KeyError("x"))'
    assert user_frames(error) == ()


def test_an_error_without_a_line_of_the_user_has_no_place() -> None:
    assert raised_at(ValueError("x")) == ""
    assert user_frames(ValueError("x")) == ()


def test_an_exception_whose_text_is_broken_is_described() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert describe(Broken()) == "(its text can't be read: RuntimeError)"
