"""Stored runs by what a user calls them: an id or its beginning, `latest`, or the name of a version."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from harness.errors import SettingsError
from harness.gate.evaluations.sealing import report_without_sealed
from harness.gate.history.answers import AnswerSource
from harness.records import Report, Role, VersionRef
from harness.records.report_json import from_json
from harness.store import RunInfo, Store

LATEST = "latest"
_NEWEST_SHOWN = 5
_ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class WeighedVersion:
    """A version as a finished run weighed it; `role` says as which of its versions."""

    run: RunInfo
    role: Role

    @property
    def version(self) -> VersionRef:
        """Its name and fingerprint."""
        entry = self.run.spec[self.role]
        known = entry.get("settings")
        n_documents = known.get("n_documents") if isinstance(known, Mapping) else None
        return VersionRef(entry["name"], entry["fingerprint"], n_documents=n_documents)

    def __str__(self) -> str:
        return f"{self.version.name}, {self.role} of run {self.run.run_id}"

    @property
    def is_recorded(self) -> bool:
        """True if the run did not ask it but took what was recorded."""
        return "recorded" in self.run.spec[self.role]

    @property
    def source(self) -> AnswerSource:
        """The samples that its answers are."""
        entry = self.run.spec[self.role]
        first_index, recorded = int(entry.get("first_index", 0)), entry.get("recorded")
        if recorded is not None:
            return AnswerSource(recorded["run_id"], "candidate", first_index)
        return AnswerSource(self.run.run_id, self.role, first_index)


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
    runs = _gates_last(runs)
    if not {candidate, baseline} & {LATEST, *(run.run_id for run in runs)}:
        for one, other in itertools.permutations(_ROLES, 2):
            for run in reversed(runs):
                if run.finished and (_name(run, one), _name(run, other)) == (candidate, baseline):
                    return WeighedVersion(run, one), WeighedVersion(run, other)
    ours, theirs = find_version(runs, candidate), find_version(runs, baseline)
    if ours != theirs:
        return ours, theirs
    own = _name(ours.run, "baseline")
    is_named = baseline != LATEST and any(_name(run, role) == baseline for run in runs for role in _ROLES)
    if ours.role == "candidate" and own is not None and (not is_named or own == baseline):
        return ours, WeighedVersion(ours.run, "baseline")
    if own is None:
        raise SettingsError(
            f"Run {ours.run.run_id} of {ours.version.name} had no baseline to compare with. Name another run or "
            f"version, or run the gate with --baseline. {_newest(runs)}"
        )
    raise SettingsError(
        f"{candidate!r} and {baseline!r} are the same scores: {ours}. Name two runs or versions. {_newest(runs)}"
    )


def find_version(runs: Sequence[RunInfo], text: str, roles: Sequence[Role] = _ROLES) -> WeighedVersion:
    """The version of this name in the newest finished run that weighed it, or the candidate of the run of this id, or
    of the only one whose id begins so. `latest` is the newest gate, which has to have verdicts: those of an older one
    would be taken for its own. A run that decided nothing counts where no gate does.

    Args:
        roles: those in which a version is looked for.

    Raises:
        SettingsError: there is none, or more than one, or it has no verdicts; the message lists the nearest and the
            newest.
    """
    runs = _gates_last([run for run in runs if _name(run, "candidate") is not None])
    named = [WeighedVersion(run, role) for run in reversed(runs) for role in roles if _name(run, role) == text]
    begun = [run for run in runs if run.run_id == text] or [run for run in runs if text and run.run_id.startswith(text)]
    if text == LATEST and runs:
        newest = WeighedVersion(runs[-1], "candidate")
    elif named:
        newest = next((each for each in named if each.run.finished), named[0])
    elif len(begun) > 1:
        raise SettingsError(f"{text!r} begins the ids of {len(begun)} runs; write more of it. {_newest(begun)}")
    elif begun:
        newest = WeighedVersion(begun[0], "candidate")
    elif not runs:
        raise SettingsError(_newest(runs))
    else:
        names = {name for run in runs for role in roles if (name := _name(run, role)) is not None}
        nearest = difflib.get_close_matches(text, [*sorted(names), LATEST, *(run.run_id for run in runs)], n=1)
        meant = f"Did you mean {nearest[0]!r}? " if nearest else ""
        raise SettingsError(
            f"No stored run or version is called {text!r}. Versions: {', '.join(sorted(names))}. {meant}{_newest(runs)}"
        )
    if not newest.run.finished:
        raise SettingsError(
            f"Run {newest.run.run_id} did not come to its end, so that it has no verdicts. Where it does not go on "
            f"any more, run its gate again: what it drew is stored and not drawn again. {_newest(runs)}"
        )
    return newest


def run_of(store: Store, run_id: str) -> RunInfo:
    """The run of an identity that the store was known to hold.

    Raises:
        SettingsError: it was removed meanwhile.
    """
    stored = next((run for run in store.runs() if run.run_id == run_id), None)
    if stored is None:
        raise SettingsError(
            f"Run {run_id} is not in the store any more: `steelyard store prune` removed it while it was under way. "
            "Its verdicts stand, but nothing else can be made of it. Let a gate end before runs of its age are removed."
        )
    return stored


def stored_report(store: Store, run_id: str) -> Report:
    """The report of a finished run; without the key no more of what it sealed than the verdicts.

    Raises:
        SettingsError: it can't be read; the message names the run.
    """
    try:
        report = from_json(store.report(run_id) or {})
    except SettingsError as error:
        raise SettingsError(f"Run {run_id}: {error}") from None
    return report_without_sealed(report, store.closed(run_id))


def _gates_last(runs: Sequence[RunInfo]) -> list[RunInfo]:
    return sorted(runs, key=lambda run: run.is_gate)


def _name(run: RunInfo, role: Role) -> str | None:
    entry: Any = run.spec.get(role)
    return entry.get("name") if isinstance(entry, dict) else None


def _newest(runs: Sequence[RunInfo]) -> str:
    if not runs:
        return "The store holds no run; a gate (pytest) makes one."
    shown = []
    for run in list(reversed(runs))[:_NEWEST_SHOWN]:
        against = f" against {other}" if (other := _name(run, "baseline")) else ""
        state = run.verdict if run.finished else "unfinished"
        shown.append(f"{run.run_id} ({_name(run, 'candidate')}{against}, {state})")
    return f"Newest runs: {', '.join(shown)}."
