"""A check that has to be waited for, in `async def` and `def` bodies alike."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar

from harness.errors import CheckError
from harness.requests.bridge import settle

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
        settled: Awaitable[Result] = settle(_PendingResult(check.__name__, check(*arguments, **keywords)))
        return settled

    return call
