"""The web hook of a project: one small POST when a gate is decided, or waits for labels. No verdict depends on it."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections import Counter
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from harness.config import Settings
from harness.config.addresses import NO_TRACKING
from harness.config.ci import find_forge, read_job
from harness.errors import SettingsError
from harness.records import Report
from harness.reporting.pull_requests import NoRedirects
from harness.reporting.terminal.report import headline

LIMIT_S = 5.0


def notify(report: Report, settings: Settings, limit_s: float = LIMIT_S) -> str:
    """Post a gate's result to the address of the settings, if there is one; return what went wrong, or "".

    Its path may be a secret, so that only its host is ever shown.

    Args:
        limit_s: seconds that each try may take; there is a second one after a refused connection or a 5xx.
    """
    if settings.notify in (None, NO_TRACKING):
        return ""
    content = json.dumps(document(report, settings)).encode("ascii")
    problem, may_pass = _post(str(settings.notify), content, limit_s)
    if may_pass:  # what was slow may have been heard, and is not sent again
        problem, _ = _post(str(settings.notify), content, limit_s)
    return problem and f"{urlsplit(str(settings.notify)).hostname} was not told of run {report.run_id}: {problem}"


def document(report: Report, settings: Settings) -> dict[str, Any]:
    """Return what is told of a gate: figures and addresses, nothing that a model or a case said."""
    counts = Counter(str(each.verdict) for each in report.evaluations)
    waiting, page = sum(each.review.n_waiting for each in report.evaluations if each.review is not None), ""
    with suppress(SettingsError):  # no job of a CI system
        page = read_job(find_forge(None)).page
    return {
        "event": "labels_wait" if waiting else "decided",
        "text": f"{headline(report)} (run {report.run_id})",
        "run_id": report.run_id,
        "candidate": report.candidate.name,
        "baseline": None if report.baseline is None else report.baseline.name,
        "verdict": str(report.verdict),
        "exit_code": report.exit_code,
        "counts": {**counts, "accepted": sum(report.accepted(each) is not None for each in report.evaluations)},
        "labels_waiting": waiting,
        "review": settings.review_url,
        "report": page or None,
    }


def _post(address: str, content: bytes, limit_s: float) -> tuple[str, bool]:
    """Send it within the limit; return what went wrong, or "", and whether another try may help."""
    outcome = [(f"it took longer than {limit_s:g} s", False)]
    headers = {"Content-Type": "application/json", "User-Agent": "steelyard"}

    def send() -> None:
        request = urllib.request.Request(address, content, headers)
        try:
            with urllib.request.build_opener(NoRedirects).open(request, timeout=limit_s):
                outcome[0] = ("", False)
        except urllib.error.HTTPError as error:
            outcome[0] = (f"it answered {error.code}", error.code >= 500)
            error.close()
        except Exception as error:  # noqa: BLE001  of whatever kind, it must not end the gate
            reason = getattr(error, "reason", error)
            if not isinstance(reason, TimeoutError):
                is_refused = isinstance(reason, ConnectionRefusedError)
                outcome[0] = (f"it can't be reached ({type(reason).__name__})", is_refused)

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    sending.join(limit_s)
    return outcome[0]
