"""Runs one test body for one sample and says how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from harness.errors import SteelyardError
from harness.gate.collector import Outcome
from harness.gate.evaluation import Ending
from harness.sampling import call_body
from harness.scoring.results import read_result

_REASON_KEPT = 400


class Aborted(Exception):  # noqa: N818 - no error: someone wants the session to end
    """A body raised what ends the session. asyncio would raise a `KeyboardInterrupt` wherever its loop runs next."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(reason)
        self.reason = reason


async def run_body(
    body: Callable[..., Any], arguments: dict[str, Any], classify: Callable[[BaseException], Ending]
) -> Outcome:
    """Run a body; whatever it raises becomes an outcome.

    Raises:
        Aborted: it raised what ends the session.
    """
    try:
        return Outcome(readings=read_result(await call_body(body, arguments)))
    except KeyboardInterrupt as error:
        raise Aborted(error) from error
    except (GeneratorExit, asyncio.CancelledError):
        raise
    except SteelyardError as error:
        return Outcome(error=error)
    except BaseException as error:
        ending = classify(error)
        if ending == "aborted":
            raise Aborted(error) from error
        if ending == "error":
            return Outcome(error=error)
        reason = str(error)[:_REASON_KEPT] or None
        return Outcome(failed=ending == "failed", skipped=ending == "skipped", reason=reason)
