"""Checks what checks are given before it is used, and shows it in reasons."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from typing import Any

from harness.errors import CheckError, install
from harness.records import Sample

_SHOWN = 60


def answer_text(answer: Any, check: str) -> str:
    """The answer, which must be a text; of a transcript the last one.

    Raises:
        CheckError: it is something else.
    """
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Sample) and answer.messages:
        return answer.text
    if inspect.isawaitable(answer):
        raise CheckError(f"{check}: the answer was not waited for; write `await model.ask(…)`.")
    hint = "; write `sample.text`" if hasattr(answer, "text") else ""
    raise CheckError(f"{check}: the answer is no text but {type(answer).__name__}{hint}.")


def references(expected: Any, check: str, *, blank: bool = False) -> tuple[str, ...]:
    """Give what is expected as texts: one, or several of which one is enough.

    Args:
        expected: a text or texts.
        check: the name for messages.
        blank: whether a blank text is something to expect.

    Raises:
        CheckError: there is none, or something that is no text.
    """
    texts = (expected,) if isinstance(expected, str) or not isinstance(expected, Iterable) else tuple(expected)
    for text in texts:
        if not isinstance(text, str):
            hint = " `numeric` compares numbers." if isinstance(text, int | float) else ""
            raise CheckError(f"{check}: expected = {shown(text)} is no text; give a text or a list of texts.{hint}")
    if not texts or not (blank or all(text.strip() for text in texts)):
        raise CheckError(f"{check}: expected = {shown(expected)} holds nothing to look for; give a text, or several.")
    return texts


def shown(value: Any) -> str:
    """A value as a reason shows it: on one line, cut where it is long."""
    text = repr(value[: _SHOWN + 1] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def listed(texts: tuple[str, ...], joined_by: str = "or") -> str:
    """Expected texts as a reason shows them."""
    more = (f"{len(texts) - 3} others",) if len(texts) > 3 else ()
    return f" {joined_by} ".join((*map(shown, texts[:3]), *more))


def import_library(module: str, check: str, extra: str = "checks") -> Any:
    """A library that a check needs, imported where the check is used.

    Raises:
        CheckError: it is not installed; the message has the command that mends it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CheckError(f"{check} needs the package {module.partition('.')[0]}: {install(extra)} ({error})") from error
