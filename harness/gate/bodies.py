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


async def run_body(
    body: Callable[..., Any], arguments: dict[str, Any], classify: Callable[[BaseException], Ending]
) -> Outcome:
    """Run a body; whatever it raises becomes an outcome, but for what ends the session."""
    try:
        return Outcome(readings=read_result(await call_body(body, arguments)))
    except (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError):
        raise
    except SteelyardError as error:
        return Outcome(error=error)
    except BaseException as error:
        ending = classify(error)
        if ending == "aborted":
            raise
        if ending == "error":
            return Outcome(error=error)
        reason = str(error)[:_REASON_KEPT] or None
        return Outcome(failed=ending == "failed", skipped=ending == "skipped", reason=reason)
