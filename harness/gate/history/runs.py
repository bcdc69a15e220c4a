"""Stored runs by what a user calls them: an id or its beginning, `latest`, or the name of a version."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from harness.decisions import Look, looks_again
from harness.decisions.looks import CLOSED
from harness.errors import SettingsError
from harness.models.corpus.spec import N_DOCUMENTS
from harness.records import Report, Role, Verdict, VersionRef
from harness.records.report_json import from_json
from harness.store import RunInfo, Store

LATEST = "latest"
"""The key of a run's note that says since when nothing had changed, where for that reason there was nothing to run."""
_NEWEST_SHOWN = 5
_ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class WeighedVersion:
    """A version as a finished run weighed it.

    Attributes:
        role: which of the run's versions it was.
    """

    run: RunInfo
    role: Role

    @property
    def version(self) -> VersionRef:
        """Its name and fingerprint."""
        entry = self.run.spec[self.role]
        known = entry.get("settings")
        n_documents = known.get(N_DOCUMENTS) if isinstance(known, Mapping) else None
        return VersionRef(entry["name"], entry["fingerprint"], n_documents=n_documents)

    def __str__(self) -> str:
        return f"{self.version.name}, {self.role} of run {self.run.run_id}"

    @property
    def recorded_run(self) -> str | None:
        """The run whose candidate's scores it has, where the run did not ask it but took what was recorded."""
        recorded = self.run.spec[self.role].get("recorded")
        return None if recorded is None else str(recorded["run_id"])

    @property
    def first_index(self) -> int:
        """The index of the stored sample that its sample 0 is."""
        return int(self.run.spec[self.role].get("first_index", 0))


def find_pair(runs: Sequence[RunInfo], candidate: str, baseline: str) -> tuple[WeighedVersion, WeighedVersion]:
    """Find what is weighed, and what it is weighed against.

    Two versions are those of the newest finished run that weighed the one against the other. Else a run stands for its
    candidate, a version for the newest finished run in which it was candidate or baseline. Where both come to the
    candidate of one run, the second is that run's baseline, if it may be called so.

    Args:
        runs: all that are stored, the oldest first.
        candidate, baseline: the id of a run or its beginning, `latest`, or the name of a version.

    Raises:
        SettingsError: there is no such run or version, it was not finished, it had no baseline, or both are the same
            scores.
    """
    if together := _weighed_together(runs, candidate, baseline):
        return together
    ours, theirs = find_version(runs, candidate), find_version(runs, baseline)
    if ours != theirs:
        return ours, theirs
    other = _baseline_of(ours.run)
    is_named = any(_name(run, role) == baseline for run in runs for role in _ROLES) and baseline != LATEST
    if ours.role == "candidate" and other is not None and (not is_named or other.version.name == baseline):
        return ours, other
    if candidate == baseline and ours.role == "candidate" and other is None:
        raise SettingsError(
            f"Run {ours.run.run_id} of {ours.version.name} had no baseline to compare with. Name another run or "
            f"version, or run the gate with --baseline. {_newest(runs)}"
        )
    raise SettingsError(
        f"{candidate!r} and {baseline!r} are the same scores: {ours}. Name two runs or versions. {_newest(runs)}"
    )


def _weighed_together(
    runs: Sequence[RunInfo], candidate: str, baseline: str
) -> tuple[WeighedVersion, WeighedVersion] | None:
    """The two versions in the newest run that has both, the first as its candidate wherever one has it so."""
    if {candidate, baseline} & {LATEST, *(run.run_id for run in runs)}:
        return None
    for roles in (_ROLES, _ROLES[::-1]):
        for run in reversed(runs):
            if run.finished and (candidate, baseline) == tuple(_name(run, role) for role in roles):
                ours, theirs = (WeighedVersion(run, role) for role in roles)
                return ours, theirs
    return None


def find_version(runs: Sequence[RunInfo], text: str) -> WeighedVersion:
    """The run or version of this name. `latest` is the newest run of all, which has to have verdicts: those of an older
    one would be taken for its own.

    Raises:
        SettingsError: there is none, or more than one, or it has no verdicts; the message lists the nearest and the
            newest.
    """
    runs = [run for run in runs if _name(run, "candidate") is not None]
    finished = [run for run in reversed(runs) if run.finished]
    if text == LATEST and runs:
        return _latest(runs)
    exact = [run for run in runs if run.run_id == text]
    if exact:
        return _finished(exact[0], runs)
    for run in finished:
        for role in _ROLES:
            if _name(run, role) == text:
                return WeighedVersion(run, role)
    named = [run for run in reversed(runs) if text in (_name(run, role) for role in _ROLES)]
    if named:
        return _finished(named[0], runs)
    begun = _begun(runs, text)
    if begun is not None:
        return _finished(begun, runs)
    if not runs:
        raise SettingsError(_newest(runs))
    raise SettingsError(f"No stored run or version is called {text!r}. {_nearest(text, runs)}{_newest(runs)}")


def run_of(store: Store, run_id: str) -> RunInfo:
    """The run of an identity that the store was known to hold.

    Raises:
        SettingsError: it was removed meanwhile.
    """
    found = next((run for run in store.runs() if run.run_id == run_id), None)
    if found is None:
        raise SettingsError(
            f"Run {run_id} is not in the store any more: `steelyard store prune` removed it while it was under way. "
            "Its verdicts stand, but nothing else can be made of it. Let a gate end before runs of its age are removed."
        )
    return found


def stored_report(store: Store, run_id: str) -> Report:
    """The report of a finished run.

    Raises:
        SettingsError: it can't be read; the message names the run.
    """
    try:
        return from_json(store.report(run_id) or {})
    except SettingsError as error:
        raise SettingsError(f"Run {run_id}: {error}") from None


def look_of(run: RunInfo, report: Report, verdict: Verdict) -> Look:
    """The look by which a stored verdict was found; an equal share of all where the report tells of none."""
    if verdict.look is not None:
        return looks_again({verdict.id: verdict.look})[verdict.id]
    share = 1 / int(run.spec.get("n_evaluations") or len({entry.id for entry in report.evaluations}))
    best_of = int((run.spec.get("settings") or {}).get("best_of", 1))
    return Look(passing=1 / best_of, red=share / best_of, weight=share, batch=CLOSED)


def find_run(runs: Sequence[RunInfo], text: str) -> WeighedVersion | None:
    """The candidate of the run of this id or its beginning, or of the newest finished one for `latest`, so that a run
    against it that was stopped can go on; None where there is no such run.

    Raises:
        SettingsError: it begins the ids of several, or the run was not finished.
    """
    runs = [run for run in runs if _name(run, "candidate") is not None]
    finished = [run for run in runs if run.finished]
    if text == LATEST:
        return WeighedVersion(finished[-1], "candidate") if finished else None
    begun = _begun(runs, text)
    return None if begun is None else _finished(begun, runs)


def find_candidate(runs: Sequence[RunInfo], text: str) -> WeighedVersion:
    """The candidate of the run of this name; a version's name stands for the newest finished run that has it as its
    candidate. `latest` is as in `find_version`.

    Raises:
        SettingsError: there is none; the message lists the nearest and the newest.
    """
    found = find_version(runs, text) if text == LATEST else find_run(runs, text)
    if found is not None:
        return found
    own = [run for run in runs if run.finished and _name(run, "candidate") == text]
    if own:
        return WeighedVersion(own[-1], "candidate")
    other = find_version(runs, text)
    raise SettingsError(
        f"{text!r} is stored as the baseline of run {other.run.run_id} alone, and a run's candidate is what is "
        f"recorded: run pytest with --candidate {text}. {_newest(runs)}"
    )


def _latest(runs: Sequence[RunInfo]) -> WeighedVersion:
    newest, finished = runs[-1], [run for run in runs if run.finished]
    if newest.finished or not finished:
        return _finished(newest, runs)
    raise SettingsError(
        f"Run {newest.run_id} of {newest.created} is newer than the newest that has verdicts, and "
        f"{_UNFINISHED} Or name the older one, {finished[-1].run_id} of {finished[-1].created}."
    )


_UNFINISHED = (
    "did not come to its end, so that it has no verdicts. Where it does not go on any more, run its gate again: "
    "what it drew is stored and not drawn again."
)


def _begun(runs: Sequence[RunInfo], text: str) -> RunInfo | None:
    """The run of this id, or the one whose id begins so."""
    begun = [run for run in runs if run.run_id == text] or [run for run in runs if text and run.run_id.startswith(text)]
    if len(begun) > 1:
        raise SettingsError(f"{text!r} begins the ids of {len(begun)} runs; write more of it. {_newest(begun)}")
    return begun[0] if begun else None


def _finished(run: RunInfo, runs: Sequence[RunInfo]) -> WeighedVersion:
    if not run.finished:
        raise SettingsError(f"Run {run.run_id} {_UNFINISHED} {_newest(runs)}")
    return WeighedVersion(run, "candidate")


def _baseline_of(run: RunInfo) -> WeighedVersion | None:
    return WeighedVersion(run, "baseline") if _name(run, "baseline") is not None else None


def _name(run: RunInfo, role: Role) -> str | None:
    entry: Any = run.spec.get(role)
    return entry.get("name") if isinstance(entry, dict) else None


def _nearest(text: str, runs: Iterable[RunInfo]) -> str:
    names = {name for run in runs for role in _ROLES if (name := _name(run, role)) is not None}
    nearest = difflib.get_close_matches(text, [*sorted(names), LATEST, *(run.run_id for run in runs)], n=1)
    versions = f"Versions: {', '.join(sorted(names))}. " if names else ""
    return versions + (f"Did you mean {nearest[0]!r}? " if nearest else "")


def _newest(runs: Sequence[RunInfo]) -> str:
    if not runs:
        return "The store holds no run; a gate (pytest) makes one."
    return f"Newest runs: {', '.join(map(_described, list(reversed(runs))[:_NEWEST_SHOWN]))}."


def _described(run: RunInfo) -> str:
    other = _name(run, "baseline")
    versions = f"{_name(run, 'candidate')} against {other}" if other else f"{_name(run, 'candidate')}"
    return f"{run.run_id} ({versions}, {run.verdict if run.finished else 'unfinished'})"
