"""A finished run's candidate as a baseline for later runs: its scores by case, and what they are scores of.

Its file has a line for each case, sorted, so that a review and `git diff` show which cases moved.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import numpy as np
import pydantic
from pydantic import BeforeValidator, ConfigDict, Field, FiniteFloat, PlainSerializer

from harness.config import Settings
from harness.config.files import replacing, unique_keys
from harness.config.repository import Repository
from harness.config.roles import AGAINST
from harness.config.settings import NO_BASELINE
from harness.config.versions import GIT
from harness.errors import SettingsError, choices, some, without_traceback
from harness.gate.evaluations.evaluation import samples_for_recording
from harness.gate.evaluations.score_table import ScoreTable
from harness.gate.history.runs import WeighedVersion
from harness.gate.history.scores import Scores, Side, scores_of
from harness.records import Kind, Report, Role, VerdictKind, VersionRef
from harness.scoring.results import METRIC
from harness.store import Store

FOLDER = Path("reports") / "baselines"
"""Of a project: where its recorded baselines lie."""
_SUFFIX = ".json"
_OPENED = 3
"""Levels of the file whose entries have a line each."""
_WHOLE = ConfigDict(extra="forbid")


def _read(written: Any) -> Any:
    """Scores as a file has them; "1101" is four of right and wrong."""
    if isinstance(written, str) and not written.strip("01"):
        return tuple(map(float, written))
    return tuple(written) if isinstance(written, list) else written


def _written(values: tuple[float, ...]) -> str | list[float]:
    if all(value in (0, 1) for value in values):
        return "".join(str(int(value)) for value in values)
    return [int(value) if value == int(value) and abs(value) < 1e15 else value for value in values]


Values = Annotated[tuple[FiniteFloat, ...], BeforeValidator(_read), PlainSerializer(_written, return_type=Any)]


@dataclass(frozen=True)
class RecordedMetric(Kind):
    """One metric of a recorded evaluation: what kind it is, its mean, and the judges and rubrics that gave scores, as
    the store writes them.
    """

    unit: str | None = field(kw_only=True)
    higher_is_better: bool = field(kw_only=True)
    at_least: FiniteFloat | None = field(default=None, kw_only=True)
    at_most: FiniteFloat | None = field(default=None, kw_only=True)
    value: FiniteFloat | None = None
    judged_by: tuple[str, ...] = ()
    __pydantic_config__: ClassVar[ConfigDict] = _WHOLE


class RecordedCase(NamedTuple):
    """One case: digests of its fields and of what was asked, None where there is none, and its scores by metric."""

    content: str | None
    asked: str | None
    scores: Mapping[str, Values]


@dataclass(frozen=True)
class RecordedEvaluation:
    """One evaluation: its metrics by name, and its cases by id.

    Attributes:
        skipped: ids of the cases that its body skipped, which are not among the others.
        code: a digest of the code that scored it; None where that was not at hand.
        draws: first index, generation and when that began, of each that its samples are of.
    """

    metrics: Mapping[str, RecordedMetric]
    cases: Mapping[str, RecordedCase]
    skipped: tuple[str, ...] = ()
    code: str | None = None
    draws: tuple[str, ...] = ()
    __pydantic_config__: ClassVar[ConfigDict] = _WHOLE

    def __post_init__(self) -> None:
        """Refuse scores of an unknown metric, or outside its range."""
        for identity, case in self.cases.items():
            for metric, values in case.scores.items():
                if metric not in self.metrics:
                    raise ValueError(f"case {identity!r}: no metric is called {metric!r}")
                least, most = self.metrics[metric].span
                if not all(least <= value <= most for value in values):
                    raise ValueError(f"case {identity!r}: {metric} is in [{least:g}, {most:g}], not {_written(values)}")

    @cached_property
    def table(self) -> ScoreTable:
        """Its scores."""
        return ScoreTable.of_rows(
            (None, identity, np.ones(len(values))) if self.only_failed else (metric, identity, values)
            for identity, case in self.cases.items()
            for metric, values in case.scores.items()
        )

    @cached_property
    def only_failed(self) -> bool:
        """True where all that it has is 0 and of no named metric, as failed assertions are, which are of any metric."""
        is_unnamed = [*self.metrics] == [METRIC] and self.metrics[METRIC].unit is None
        return is_unnamed and not any(any(values) for case in self.cases.values() for values in case.scores.values())


@dataclass(frozen=True)
class Promotion:
    """The reason why a version became the anchor, by a run of it."""

    reason: str
    run_id: str
    version: str
    __pydantic_config__: ClassVar[ConfigDict] = _WHOLE


@dataclass(frozen=True)
class Recording:
    """The candidate of a run, as a file keeps it; called as the file is.

    Attributes:
        first_index: the index of the stored sample that its sample 0 is.
        environment: engine and packages that answered, for those who read the file.
        history: of an anchor, by the time of it, why each was promoted; the last is this one.
        role: as which it is read.
    """

    version: Annotated[VersionRef, PlainSerializer(lambda its: {"name": its.name, "fingerprint": its.fingerprint})]
    run_id: str
    created: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}T[0-9:.]+Z$")]
    evaluations: Mapping[str, RecordedEvaluation]
    first_index: Annotated[int, Field(ge=0, lt=2**62)] = 0
    environment: Mapping[str, Any] = field(default_factory=dict)
    baseline_version: Literal[1] = 1
    history: Annotated[Mapping[str, Promotion], Field(exclude_if=operator.not_)] = field(default_factory=dict)
    name: Annotated[str, Field(exclude=True)] = ""
    role: Annotated[Role, Field(exclude=True)] = "baseline"
    __pydantic_config__: ClassVar[ConfigDict] = _WHOLE

    @property
    def in_words(self) -> str:
        """The recording in a sentence."""
        return f"the {self.role} {self.name!r} recorded {self.created[:10]}"

    @property
    def reference(self) -> VersionRef:
        """The baseline as a report names it: never like a version that was asked. An anchor goes by its version."""
        name = self.version.name if self.role == "anchor" else self.name
        return VersionRef(f"{name} (recorded {self.created[:10]})", self.version.fingerprint)


def too_few_samples(recorded: RecordedEvaluation, n_samples: int) -> str:
    """Advise to record more samples, where a case has at most so many; "" where none does."""
    counts = [len(values) for case in recorded.cases.values() for values in case.scores.values() if values]
    if (fewest := min(counts, default=n_samples + 1)) > n_samples:
        return ""
    return (
        f"recorded with {fewest:,} {'sample' if fewest == 1 else 'samples'} of a case, whose luck is in every gate "
        f"against it; draw it with pytest --for-baseline, which takes {samples_for_recording(n_samples):,}"
    )


def recording_of(store: Store, weighed: WeighedVersion, report: Report, name: str) -> Recording:
    """The recording of a stored run's candidate.

    Evaluations whose bodies compare with their run's own baseline are left out: their scores are of both versions.

    Raises:
        SettingsError: an evaluation ended in an error, was interrupted, cut short or not reached, or stopped as soon as
            it was decided; or nothing is left.
    """
    run, version, first_index = weighed.run, weighed.version, weighed.source.first_index
    if why := _why_not_whole(report):
        raise SettingsError(f"Run {report.run_id} {why}")
    begun, noted, code = store.begun(version.fingerprint), run.spec[weighed.role], run.spec.get("code") or {}
    entries = {}
    for scores in scores_of(store, Side(weighed, report)):
        if scores.compared_with is None:
            numbers = noted.get("draws", {}).get(scores.id) or [noted.get("generation"), *noted.get("older", ())]
            entries[scores.id] = RecordedEvaluation(
                metrics={metric: _metric(store, scores, metric) for metric in sorted(scores.entries)},
                cases=_cases(scores),
                skipped=tuple(sorted(scores.skipped)),
                code=code.get(scores.id),
                draws=tuple(f"{first_index}:{n}:{begun[n]:.0f}" for n in sorted(begun.keys() & {*numbers})),
            )
    if not entries:
        raise SettingsError(
            f"Run {run.run_id} has no scores of {version.name} alone to record: its bodies compare with their own "
            "baseline, or nothing was scored."
        )
    packages = (run.spec.get("environment") or {}).get("packages", {})
    environment = {"engine": noted["engine"], "packages": dict(packages)} if "engine" in noted else {}
    return Recording(version, run.run_id, run.created, entries, first_index, environment, name=name)


def left_out(report: Report, recording: Recording) -> tuple[str, ...]:
    """The evaluations of a run that its recording does not have."""
    return tuple(dict.fromkeys(entry.id for entry in report.evaluations if entry.id not in recording.evaluations))


def _why_not_whole(report: Report) -> str:
    """Say what a run lacks, or that it ended where its scores showed enough, so that they lean one way; "" for none."""
    again = "Run it again: what it drew is stored and not drawn again."
    broken = {entry.id: entry for entry in report.evaluations if entry.verdict is VerdictKind.ERROR}
    if broken:
        shown = some([f"{name} ({without_traceback(entry.reason)})" for name, entry in broken.items()])
        is_cut = any(entry.interruption is not None for entry in broken.values())
        what = "was interrupted" if is_cut else "ended in errors"
        return f"{what}, and a baseline must be whole: {shown}. {again}"
    if report.n_unreached:
        return (
            f"stopped before {report.n_unreached} of its evaluations, as -x does, and a baseline must be whole. Run it "
            "without -x."
        )
    for entry in report.evaluations:
        n = entry.n_samples if entry.plan.per == "case" else len(entry.cases) + entry.n_skipped
        if entry.stopped_at is not None:
            return f"stopped at {entry.stopped_at} in {entry.id}, and a baseline must be whole. {again}"
        if entry.plan.design == "sequential" and n < entry.n_planned:
            return (
                f"stopped in {entry.id} as soon as it was decided, so that its scores lean one way. Record a run of "
                "pytest --for-baseline, which draws everything."
            )
    return ""


def _cases(scores: Scores) -> dict[str, RecordedCase]:
    """The cases that a run was decided by, with the scores that they have."""
    listed = max((entry.cases for entry in scores.entries.values()), key=len)
    tables = {metric: scores.table.of(metric, [case.id for case in listed]) for metric in sorted(scores.entries)}
    recorded = {}
    for row, case in enumerate(listed):
        own = {metric: tuple(table[row][~np.isnan(table[row])].tolist()) for metric, table in tables.items()}
        if any(own.values()):
            recorded[case.id] = RecordedCase(case.content, case.asked, own)
    return recorded


def _metric(store: Store, scores: Scores, metric: str) -> RecordedMetric:
    entry = scores.entries[metric]
    judged_by = store.judged_by([scores.sets[metric]]) if metric in scores.sets else ()
    return RecordedMetric(
        **entry.fields_of(Kind),
        value=None if entry.candidate is None else entry.candidate.value,
        judged_by=tuple(sorted(map(str, judged_by))),
    )


_RECORDING = pydantic.TypeAdapter(Recording)
_encode = json.JSONEncoder(allow_nan=False, sort_keys=True).encode


def to_text(recording: Recording) -> str:
    """The recording as the text of its file: JSON in ASCII, the same for the same scores.

    A case is a list: the digest of its fields, that of what was asked, then its scores by metric. Scores that are all 0
    or 1 are a text such as "1101".
    """
    return _lines(_RECORDING.dump_python(recording, mode="json")) + "\n"


def _lines(value: Any, level: int = 0) -> str:
    if not isinstance(value, dict) or not value or level > _OPENED:
        return _encode(value)
    indent = "  " * level
    entries = (f"{indent}  {_encode(key)}: {_lines(value[key], level + 1)}" for key in sorted(value))
    return "{\n" + ",\n".join(entries) + f"\n{indent}}}"


def write_recording(recording: Recording, path: Path, *, force: bool = False) -> bool:
    """Write a recording; a reader sees the old file or the new one, never half. False where it was there already.

    Raises:
        SettingsError: another recording is there, and `force` is not given; or it can't be written.
    """
    text = to_text(recording)
    try:
        if path.exists():
            if path.read_bytes() == text.encode("ascii"):
                return False
            if not force:
                raise SettingsError(
                    f"{path} is there, and holds something else. --force overwrites it, --name NAME writes another."
                )
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="ascii", newline="\n")
    except OSError as error:
        raise SettingsError(f"{path} can't be written: {error.strerror or error}.") from None
    return True


def read_recording(path: Path, role: Role = "baseline") -> Recording:
    """The recording in a file, to be read in this role; it is called as the file is.

    Raises:
        SettingsError: it can't be read, or is none.
    """
    try:
        return replace(parse_recording(path.read_bytes(), path), role=role)
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror or error}.") from None


def parse_recording(content: bytes, path: Path) -> Recording:
    """The recording that a file has, or had at a commit. Raises SettingsError: it is none."""
    try:
        text = content.decode("utf-8")
        json.loads(text, object_pairs_hook=unique_keys)  # a merge may leave a case twice
        return replace(_RECORDING.validate_json(text, strict=True), name=path.stem)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        why = f"{', '.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, RecursionError) as error:
        why = f"no JSON: {error}"
    raise SettingsError(
        f"{path} is no recorded baseline: {why}. Record the run again with `steelyard baseline record`."
    )


def recording_named(settings: Settings, role: Role = "baseline") -> Recording | None:
    """The recording that `baseline` or `anchor` of the settings names; None where it names a version, or there is none.

    A version's name wins; then a file reports/baselines/NAME.json; then a path, from the project's folder or from that
    one.

    Raises:
        UsageError: it is none of these, with the nearest of what there is; a file that is no recording.
    """
    name, folder = getattr(settings, role), settings.root / FOLDER
    if name is None or name in settings.versions or name == NO_BASELINE:
        return None
    is_path = name.endswith(_SUFFIX) or "/" in name
    for place in (settings.root / name, folder / name) if is_path else (folder / f"{name}{_SUFFIX}",):
        with suppress(OSError, ValueError):  # a name too long for a file, or with a NUL
            if place.is_file():
                return read_recording(place, role)
    known = sorted(folder.glob(f"*{_SUFFIX}"))
    if is_path:
        names = [path.name for path in known]
        raise SettingsError(f"{choices(f'recorded {role}', name, names)} Looked in {settings.root} and {folder}.")
    more = (
        f"Define a version as {settings.table('NAME')}; a recorded baseline is {FOLDER}/{name}{_SUFFIX}, which "
        f"`steelyard baseline record --name {name}` writes of a run."
    )
    with suppress(SettingsError):  # no such ref, or no repository
        Repository(settings.root).commit(name)
        more = f"Did you mean {GIT}{name}, the candidate as it was at that commit?"
    names = list(dict.fromkeys([*settings.versions, *(path.stem for path in known)]))
    text = choices(role, name, names)
    raise SettingsError(text if f"{GIT}{name}'?" in text else f"{text} {more}")


def recordings_of(settings: Settings) -> dict[Role, Recording]:
    """The recordings that stand for baseline and anchor."""
    known = {role: recording_named(settings, role) for role in AGAINST}
    return {role: each for role, each in known.items() if each is not None}


def recorded_path(settings: Settings, name: str) -> Path:
    """Give the path where the recording of this name lies, or would.

    Raises:
        SettingsError: the name is no name of a file.
    """
    name = name.removesuffix(_SUFFIX)
    if not name or name.startswith(".") or any(not each.isprintable() or each in '/\\:*?"<>|' for each in name):
        raise SettingsError(f"{name!r} can't be the name of a recorded baseline: write letters, digits, - and _.")
    if name == NO_BASELINE:
        raise SettingsError(f"A recorded baseline can't be called {name!r}: --baseline {name} means something else.")
    return settings.root / FOLDER / f"{name}{_SUFFIX}"
