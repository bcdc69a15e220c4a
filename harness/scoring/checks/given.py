"""What checks share: what they are given is looked at and shown in reasons, and some have to be waited for."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar

from harness.errors import CheckError, install
from harness.records import Sample
from harness.requests.bridge import settle

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


def import_library(module: str, check: str) -> Any:
    """A library that a check needs, imported where the check is used.

    Raises:
        CheckError: it is not installed; the message has the command that mends it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CheckError(
            f"{check} needs the package {module.partition('.')[0]}: {install('checks')} ({error})"
        ) from error


Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class _PendingResult(Generic[Result]):
    """A check's result to come; it refuses to be taken for the result, which a coroutine does not."""

    __slots__ = ("_check", "_work")

    def __init__(self, check: str, work: Coroutine[Any, Any, Result]) -> None:
        self._check, self._work = check, work

    def __await__(self) -> Generator[Any, Any, Result]:
        return self._work.__await__()

    def __bool__(self) -> NoReturn:
        self._work.close()
        raise CheckError(f"{self._check} was not waited for; write `await checks.{self._check}(…)`.")

    def __repr__(self) -> str:
        return f"<checks.{self._check}(…), which was not awaited>"


def awaited(check: Callable[Parameters, Coroutine[Any, Any, Result]]) -> Callable[Parameters, Awaitable[Result]]:
    """A check that is awaited in an `async def` body; in a `def` body it gives its result."""

    @functools.wraps(check)
    def call(*arguments: Parameters.args, **keywords: Parameters.kwargs) -> Awaitable[Result]:
        result: Awaitable[Result] = settle(_PendingResult(check.__name__, check(*arguments, **keywords)))
        return result

    return call
