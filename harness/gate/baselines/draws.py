"""The draws that candidate and baseline are answered with: a baseline never has those that it was chosen by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.requests import SampleSource

if TYPE_CHECKING:
    from harness.gate.baselines.recording import Recording
    from harness.store import Store

BASELINE_FIRST_INDEX = 1_000_000
"""The first draw of a baseline: never one of those that it was promoted by, nor of a candidate that is the same."""


def candidate_first_index(fingerprint: str, recording: Recording | None, *, as_baseline: bool) -> int:
    """The index of a candidate's first draw: those recorded of this very version are not drawn again. What is weighed
    against nothing may be drawn as a baseline is, to be recorded.
    """
    if recording is None:
        return BASELINE_FIRST_INDEX if as_baseline else 0
    is_same = recording.version.fingerprint == fingerprint
    return BASELINE_FIRST_INDEX if is_same and recording.first_index == 0 else 0


def oldest(*sides: SampleSource | None) -> float | None:
    """The greatest age of samples that any side allows, in seconds; None where one allows any age."""
    ages = [each.version.settings.max_age_s for each in sides if each is not None]
    known = [age for age in ages if age is not None]
    return max(known) if len(known) == len(ages) else None


def generations_of(store: Store, source: SampleSource) -> tuple[int, ...]:
    """The generations of a version's draws, the oldest first: each case's first draw counts, which nobody chose. Those
    that have none at a baseline's indices come last.
    """
    return store.first_draws(source.version.fingerprint, (source.generation, *source.older), source.first_index)


def known_draws(store: Store, candidate: SampleSource, baseline: SampleSource | None) -> dict[str, tuple[int, ...]]:
    """The draws of both versions by what bets call them: those that a baseline has as one are told by their index."""
    name = f"candidate@{candidate.first_index}" if candidate.first_index > 0 else "candidate"
    found = {name: generations_of(store, candidate)}
    if baseline is not None:
        is_apart = baseline.first_index > 0 and baseline.version.fingerprint != candidate.version.fingerprint
        found[f"baseline@{baseline.first_index}" if is_apart else "baseline"] = generations_of(store, baseline)
    return found
