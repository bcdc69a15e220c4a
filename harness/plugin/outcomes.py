"""Turns verdicts into the outcomes of pytest's items and session, and exceptions that left a body into endings.

The ending of a body itself is a `BodyResult` of `harness.gate.sampling.bodies`.
"""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.gate.evaluations.evaluation import Ending
    from harness.gate.runs.run import Run
    from harness.records import Verdict


class SteelyardWarning(pytest.PytestWarning):
    """An evaluation is inconclusive, and `--inconclusive warn` lets it pass."""


ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
"""Exit codes of a session that came to its end."""
VERDICT = pytest.StashKey[str]()
"""The verdict of an item, once it has one."""
ACCEPTED = pytest.StashKey[bool]()
"""Set for an item whose verdict is accepted."""
_MOST_LINES, _MOST_CELLS = 500, 1_000


def classify(error: BaseException) -> Ending:
    """Tell what an exception that left a body means: a score of 0, a case left out, the end of the run, or an error."""
    if isinstance(error, pytest.exit.Exception):
        return "aborted"
    if isinstance(error, pytest.skip.Exception | unittest.SkipTest):
        return "skipped"
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return "failed"
    return "error"


def conclude(item: pytest.Item, run: Run, verdicts: Sequence[Verdict], inconclusive: str) -> None:
    """Pass, warn or fail an item as its verdicts say; the item's report keeps the worst one's name. What is accepted
    fails as was to be expected: it is neither passed nor failed to pytest.
    """
    from harness.records import VerdictKind, waiver_of
    from harness.reporting.junit import origin, properties_of_item
    from harness.reporting.shared.names import row_names
    from harness.reporting.wording.failure import failure_line

    worst = max(verdicts, key=lambda verdict: verdict.verdict.severity)
    item.stash[VERDICT] = str(worst.verdict)
    item.user_properties += properties_of_item(verdicts, origin(run.run_id, *run.references()))
    if worst.verdict is VerdictKind.PASSED:
        return
    named = zip(verdicts, row_names(verdicts), strict=True)
    bad = [(verdict, name) for verdict, name in named if verdict.verdict is not VerdictKind.PASSED]
    bad.sort(key=lambda entry: -entry[0].verdict.severity)
    text = "\n".join(failure_line(verdict, name) for verdict, name in bad)
    if (waiver := waiver_of(bad[0][0], run.options.waivers)) is not None:
        item.stash[ACCEPTED] = True
        raise pytest.xfail.Exception(f"{waiver}\n{text}", pytrace=False)
    if worst.verdict is VerdictKind.INCONCLUSIVE and inconclusive == "warn":
        with warnings.catch_warnings():  # `warn` is what was asked for, also where warnings are errors
            warnings.simplefilter("always", SteelyardWarning)
            item.warn(SteelyardWarning(text))
        return
    pytest.fail(text, pytrace=False)


def harmless(printed: str) -> str:
    """Write out what bodies printed or logged, which may be answers: never obeyed by a terminal, and bounded."""
    from harness.reporting.shared.text import printable

    lines = printed.splitlines()
    shown = [printable(line, _MOST_CELLS) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(f"… and {len(lines) - _MOST_LINES:,} more lines")
    return "\n".join(shown)


def session_exit_code(exitstatus: int, verdicts: Sequence[Verdict], only_inconclusive: bool, inconclusive: str) -> int:
    """pytest's own 2 to 5 win; that of an inconclusive gate where nothing failed but what is inconclusive.

    Args:
        verdicts: but those that are accepted.

    A verdict that is red though pytest counts no failure means that the session ended in the middle, or that a fixture
    marked its item xfail; one that is inconclusive never passes by that.
    """
    from harness.records import VerdictKind

    kinds = {each.verdict for each in verdicts}
    is_red = any(kind.is_red for kind in kinds)
    if exitstatus == 0 and is_red:
        return int(pytest.ExitCode.INTERRUPTED)
    is_open = exitstatus == 0 and VerdictKind.INCONCLUSIVE in kinds and inconclusive == "fail"
    if is_open or (exitstatus == pytest.ExitCode.TESTS_FAILED and only_inconclusive and not is_red):
        return VerdictKind.INCONCLUSIVE.exit_code
    return exitstatus


def as_usage(errors: Sequence[str]) -> list[str]:
    """Errors as the lines of one usage error."""
    return ["steelyard: " + errors[0], *(f"           {error}" for error in errors[1:])]


@contextmanager
def refusing() -> Iterator[None]:
    """End the session with a usage error of pytest's for one of ours."""
    try:
        yield
    except UsageError as error:
        raise pytest.UsageError(*as_usage([str(error)])) from None
