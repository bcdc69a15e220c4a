"""Runs one test body for one sample and says how it ended."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import MarkerError, SteelyardError
from harness.gate.evaluations.evaluation import Ending
from harness.gate.sampling.body_errors import describe, describe_assertion, raised_at
from harness.requests import Trace, call_body
from harness.scoring.results import Reading, read_result

_REASON_KEPT = 400
_SECOND_LOOP = ("event loop is already running", "cannot be called from a running event loop")


@dataclass(frozen=True, slots=True)
class BodyResult:
    """The end of one body: with readings, failed (an assertion), skipped, or with an error."""

    readings: dict[str, Reading] | None = None
    failed: bool = False
    skipped: bool = False
    error: BaseException | None = None
    reason: str | None = None
    assertion: str | None = None


class SessionAbort(Exception):  # noqa: N818 - no error: someone wants the session to end
    """A body raised what ends the session. asyncio would raise a `KeyboardInterrupt` wherever its loop runs next."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason = reason


async def run_body(
    body: Callable[..., Any],
    arguments: dict[str, Any],
    classify: Callable[[BaseException], Ending],
    trace: Trace,
    *,
    is_aimed: bool,
) -> BodyResult:
    """Run a body; whatever it raises becomes an outcome.

    An engine's error counts even where the body caught it: what it returned then says nothing about the model.

    Args:
        is_aimed: whether the marker says which way is better.

    Raises:
        Aborted: it raised what ends the session.
    """
    outcome = await _ended(body, arguments, classify, is_aimed)
    if trace.error is not None:
        return BodyResult(error=trace.error)
    if unawaited := trace.unawaited():
        trace.drop_unawaited()
        if outcome.error is None or "coroutine" in describe(outcome.error):
            return BodyResult(error=_forgotten(body, unawaited[0], outcome.error))
    lack, judge, readings = trace.lack, trace.judged_by, outcome.readings
    if readings is not None and judge is not None and all(each.judged_by is None for each in readings.values()):
        readings = {name: replace(each, judged_by=judge) for name, each in readings.items()}
    if readings is not None and lack is not None:  # the body was given a text which is not what the model has to say
        readings = {name: replace(each, reason=_joined(lack, each.reason)) for name, each in readings.items()}
    if outcome.failed and lack is not None:
        return replace(outcome, reason=_joined(lack, outcome.reason))
    return outcome if readings is outcome.readings else BodyResult(readings)


def _joined(lack: str, reason: str | None) -> str:
    return lack if reason is None else f"{lack}; {reason}"


def _forgotten(body: Callable[..., Any], method: str, error: BaseException | None) -> MarkerError:
    """The error for an answer that a body asked for and did not wait for; `error` is what came of that, if anything."""
    place = "" if error is None else raised_at(error)
    if inspect.iscoroutinefunction(body):
        return MarkerError(f"`{method}(…)` was not awaited{place}: write `await {method}(…)`")
    return MarkerError(
        f"`{method}(…)` was called in another thread or task than the body's{place}, where nothing waits for the "
        "answer: call it in the body itself, or write an `async def` body, where `asyncio.gather` asks for "
        "several at once"
    )


def starts_loop(what: str) -> str:
    """Say what is wrong with a body that starts an event loop, and what to write in place of it.

    Args:
        what: what it calls.
    """
    return (
        f"`{what}(…)` starts an event loop, and a body runs in one already: write an `async def` body and await what "
        "it would run, such as `await agent.run(…)` in place of `agent.run_sync(…)`"
    )


async def _ended(
    body: Callable[..., Any], arguments: dict[str, Any], classify: Callable[[BaseException], Ending], is_aimed: bool
) -> BodyResult:
    task = asyncio.current_task()
    try:
        return BodyResult(readings=read_result(await call_body(body, arguments), is_aimed=is_aimed))
    except KeyboardInterrupt as error:
        raise SessionAbort(error) from error
    except asyncio.CancelledError as error:
        if task is not None and task.cancelling():
            raise
        return BodyResult(error=error)
    except SteelyardError as error:
        return BodyResult(error=error)
    except BaseException as error:
        ending = classify(error)
        if ending == "aborted":
            raise SessionAbort(error) from error
        if ending == "error":
            message = describe(error)
            if isinstance(error, RuntimeError) and any(text in message for text in _SECOND_LOOP):
                return BodyResult(error=MarkerError(f"{message}{raised_at(error)}: {starts_loop('run')}"))
            return BodyResult(error=error)
        if ending == "skipped":
            return BodyResult(skipped=True, reason=describe(error)[:_REASON_KEPT] or None)
        reason, assertion = (text[:_REASON_KEPT] or None for text in describe_assertion(error))
        return BodyResult(failed=True, reason=reason, assertion=assertion)
