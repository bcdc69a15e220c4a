"""The anchor as a file: a recording of a green run, with the reason of this and of all before it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.errors import SettingsError
from harness.gate.baselines.recording import Promotion, Recording, read_recording
from harness.gate.history.runs import stored_report
from harness.records import VerdictKind
from harness.store import Store

ANCHOR = "anchor"
"""The name of the recording that is promoted."""


def promoted(recording: Recording, store: Store, path: Path, reason: str, at: str) -> Recording:
    """The recording of a run as the anchor, with the history of the one that it replaces.

    A run that draws for a baseline is weighed against nothing: so the newest gate of the version counts, too.

    Args:
        path: of the anchor's file, which may be there.
        reason: why it is promoted.
        at: when, in ISO 8601.

    Raises:
        SettingsError: it is not green, it is the anchor already, or no reason is given.
    """
    if not reason.strip() or len(reason.splitlines()) > 1:
        raise SettingsError('--reason: say in a line why, such as --reason "release 1.3".')
    before = read_recording(path) if path.exists() else None
    if before is not None and before.run_id == recording.run_id:
        raise SettingsError(f"Run {recording.run_id} is the anchor already: {path} holds it.")
    fingerprint = recording.version.fingerprint
    own = [run for run in store.gates() if run.finished and run.spec["candidate"]["fingerprint"] == fingerprint]
    gates = [run.run_id for run in own if "baseline" in run.spec]
    for run_id in dict.fromkeys([recording.run_id, *gates[-1:]]):
        report = stored_report(store, run_id)
        held = [each for each in report.evaluations if each.verdict is not VerdictKind.PASSED]
        if lost := [each for each in held if report.accepted(each) is None]:
            raise SettingsError(
                f"Run {run_id} of {recording.version.name} is not green: {lost[0].id} {lost[0].verdict} "
                f"({lost[0].reason}). An anchor that follows a loss holds nothing: promote a version that is green, or "
                "accept the loss first (`steelyard accept`) and run its gate again."
            )
    earlier = {} if before is None else dict(before.history) or {before.created: _entry(before, "recorded")}
    return replace(recording, history={**earlier, at: _entry(recording, reason.strip())})


def _entry(recording: Recording, reason: str) -> Promotion:
    return Promotion(reason, recording.run_id, recording.version.name)
