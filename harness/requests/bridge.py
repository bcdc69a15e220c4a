"""One code path for `def` and `async def` bodies: a `def` body runs in a greenlet that hands awaitables to the loop.

The technique is SQLAlchemy's (`greenlet_spawn`): thousands of bodies can wait at once without a thread for each, and
all of them run in the main thread, where the user's fixtures were made.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import greenlet as greenlets

Result = TypeVar("Result")


class _Body(greenlets.greenlet):  # type: ignore[misc]
    """The greenlet of one `def` body."""


def settle(awaitable: Awaitable[Result]) -> Any:
    """The awaitable itself for an `async def` body; its result for a `def` body, which waits here."""
    current = greenlets.getcurrent()
    if isinstance(current, _Body) and current.parent is not None:
        return current.parent.switch(awaitable)
    return awaitable


def is_in_body() -> bool:
    """Tell whether the code of a `def` body runs now."""
    return isinstance(greenlets.getcurrent(), _Body)


async def call_body(body: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call a test body of either kind and return what it returns."""
    if inspect.iscoroutinefunction(body):
        return await body(**arguments)
    runner = _Body(body)
    runner.gr_context = greenlets.getcurrent().gr_context
    step = runner.switch(**arguments)
    while not runner.dead:
        try:
            value = await step
        except BaseException:  # noqa: BLE001 - handed on to the body, which is the one that called
            step = runner.throw(*sys.exc_info())
        else:
            step = runner.switch(value)
    return step
