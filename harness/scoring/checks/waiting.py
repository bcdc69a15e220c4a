"""A check that has to be waited for, in `async def` and `def` bodies alike."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, NoReturn

from harness.errors import CheckError
from harness.sampling.bridge import settle


class _Awaited:
    """A check's result to come; it refuses to be taken for the result, which a coroutine does not."""

    __slots__ = ("_check", "_work")

    def __init__(self, check: str, work: Coroutine[Any, Any, Any]) -> None:
        self._check = check
        self._work = work

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()

    def __bool__(self) -> NoReturn:
        self._work.close()
        raise CheckError(f"{self._check} was not waited for; write `await checks.{self._check}(…)`.")

    def __repr__(self) -> str:
        return f"<checks.{self._check}(…), which was not awaited>"


def wait_for(check: str, work: Coroutine[Any, Any, Any]) -> Any:
    """The result of `work` in a `def` body; something to await in an `async def` body."""
    return settle(_Awaited(check, work))
