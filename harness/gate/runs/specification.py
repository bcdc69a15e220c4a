"""What the store keeps of a run: versions, settings and environment, for those who read it later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.config import Settings
from harness.gate.baselines.recording import Recording
from harness.gate.runs.environment import environment
from harness.gate.runs.notes import settings_note, version_note
from harness.sampling import Source


def specification(
    settings: Settings, candidate: Source, baseline: Source | Recording | None, judges: Sequence[Source]
) -> dict[str, Any]:
    """What a run was, for those who read the store later."""
    named: dict[str, Any] = {"candidate": version_note(candidate)}
    if isinstance(baseline, Recording):
        named["baseline"] = _recorded(baseline)
    elif baseline is not None:
        named["baseline"] = version_note(baseline)
    if judges:
        named["judges"] = [version_note(judge) for judge in judges]
    asked = [each for each in (candidate, baseline, *judges) if isinstance(each, Source)]
    engines = {each.version.settings.engine for each in asked}
    return {
        "confidence_level": settings.confidence_level,
        "inconclusive": settings.inconclusive,
        "seed": settings.seed,
        "settings": settings_note(settings),
        **named,
        "environment": environment(sorted(engines)),
    }


def _recorded(recording: Recording) -> dict[str, Any]:
    """A recorded baseline, which has no samples in the store."""
    reference = recording.reference
    run = {"name": recording.name, "run_id": recording.run_id, "created": recording.created}
    return {
        "name": reference.name,
        "fingerprint": reference.fingerprint,
        "first_index": recording.first_index,
        "recorded": run,
    }
