"""Recordings as files: one line for each case, sorted, so that a review and `git diff` show which cases moved."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config.files import replacing, unique_keys
from harness.errors import SettingsError
from harness.gate.baselines.recording import RecordedCase, RecordedEvaluation, RecordedMetric, Recording
from harness.records import Estimate, VersionRef

FORMAT_VERSION = 1
SUFFIX = ".json"
_ESTIMATE = ("value", "standard_error", "low", "high", "method")
_OF_MEASURES = ("at_least", "at_most", "statistic")
_LARGEST_COUNT = 2**62
_MARKS = ("<<<<<<<", ">>>>>>>")

_encode = json.JSONEncoder(allow_nan=False, sort_keys=True).encode


def to_text(recording: Recording) -> str:
    """The recording as the text of its file: JSON in ASCII, the same for the same scores.

    A case is a list: the digest of its fields, that of what was asked, then its scores for each of the evaluation's
    `metrics`. Scores that are all 0 or 1 are a text such as "1101".
    """
    return "\n".join(_lines(recording)) + "\n"


def _lines(recording: Recording) -> Iterator[str]:
    yield "{"
    head: Mapping[str, Any] = {
        "baseline_version": FORMAT_VERSION,
        "version": {"name": recording.version.name, "fingerprint": recording.version.fingerprint},
        "run_id": recording.run_id,
        "created": recording.created,
        "first_index": recording.first_index,
        "seed": recording.seed,
        "environment": dict(recording.environment),
    }
    for name, value in head.items():
        yield f'  "{name}": {_encode(value)},'
    yield '  "evaluations": {'
    for position, (identity, evaluation) in enumerate(sorted(recording.evaluations.items())):
        yield from _evaluation_lines(identity, evaluation, "," if position < len(recording.evaluations) - 1 else "")
    yield "  }"
    yield "}"


def _evaluation_lines(identity: str, evaluation: RecordedEvaluation, end: str) -> Iterator[str]:
    yield f"    {_encode(identity)}: {{"
    for name in ("design", "n_planned", "n_drawn"):
        yield f'      "{name}": {_encode(getattr(evaluation, name))},'
    if evaluation.code is not None:
        yield f'      "code": {_encode(evaluation.code)},'
    if evaluation.draws:
        yield f'      "draws": {_encode(evaluation.draws)},'
    if evaluation.drawn:
        yield f'      "drawn": {_encode(evaluation.drawn)},'
    yield f'      "skipped": {_encode(sorted(evaluation.skipped))},'
    yield '      "metrics": {'
    names = sorted(evaluation.metrics)
    for metric in names:
        yield f"        {_encode(metric)}: {_encode(_metric(evaluation.metrics[metric]))}{_comma(metric, names)}"
    yield "      },"
    yield '      "cases": {'
    ids = sorted(evaluation.cases)
    for case in ids:
        yield f"        {_encode(case)}: {_encode(_case(evaluation.cases[case], names))}{_comma(case, ids)}"
    yield "      }"
    yield f"    }}{end}"


def _comma(name: str, names: Sequence[str]) -> str:
    return "" if name == names[-1] else ","


def _metric(metric: RecordedMetric) -> dict[str, Any]:
    estimate = metric.estimate
    told = {} if estimate is None else {name: _finite(getattr(estimate, name)) for name in _ESTIMATE}
    return {
        **told,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "judged_by": list(metric.judged_by),
        **{name: value for name in _OF_MEASURES if (value := getattr(metric, name)) is not None},
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _case(case: RecordedCase, metrics: Sequence[str]) -> list[Any]:
    return [case.content, case.asked, *(_scores(case.scores.get(metric, ())) for metric in metrics)]


def _scores(values: Sequence[float]) -> str | list[float]:
    if all(value in (0, 1) for value in values):
        return "".join(str(int(value)) for value in values)
    return [int(value) if value == int(value) and abs(value) < 1e15 else value for value in values]


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


def read_recording(path: Path) -> Recording:
    """The recording in a file; it is called as the file is.

    Raises:
        SettingsError: it can't be read, is none, or a newer Steelyard wrote it.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text, object_pairs_hook=unique_keys)
    except OSError as error:
        raise SettingsError(f"{path} can't be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError) as error:
        merged = " It holds marks of a merge." if any(mark in text for mark in _MARKS) else ""
        raise SettingsError(f"{path} is no recorded baseline: not valid JSON: {error}.{merged} {_AGAIN}") from None
    version = document.get("baseline_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or version < 1:
        raise SettingsError(f"{path} is no recorded baseline: it has no baseline_version. {_AGAIN}")
    if version > FORMAT_VERSION:
        raise SettingsError(
            f"{path} has baseline_version {version}; this Steelyard reads up to {FORMAT_VERSION}. Upgrade Steelyard."
        )
    try:
        return _recording(document, path.stem)
    except KeyError as error:
        raise SettingsError(f"{path} lacks the key {error.args[0]!r}. {_AGAIN}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise SettingsError(f"{path} can't be understood: {error}. {_AGAIN}") from None


_AGAIN = "Record the run again with `steelyard baseline record`."


def _recording(document: Mapping[str, Any], name: str) -> Recording:
    version = document["version"]
    return Recording(
        name=name,
        version=VersionRef(_of(str, version["name"]), _of(str, version["fingerprint"])),
        run_id=_of(str, document["run_id"]),
        created=_moment(document["created"]),
        first_index=_count(document["first_index"]),
        seed=None if document["seed"] is None else _of(int, document["seed"]),
        environment=_environment(document["environment"]),
        evaluations={
            identity: _evaluation(identity, entry) for identity, entry in _of(dict, document["evaluations"]).items()
        },
    )


def _environment(given: Any) -> dict[str, Any]:
    environment: dict[str, Any] = _of(dict, given)
    _of(str, environment.get("engine", ""))
    _of(dict, environment.get("packages", {}))
    return environment


def _evaluation(identity: str, entry: Mapping[str, Any]) -> RecordedEvaluation:
    metrics = {name: _read_metric(each) for name, each in _of(dict, entry["metrics"]).items()}
    names = sorted(metrics)
    if entry["design"] not in ("fixed", "sequential"):
        raise ValueError(f"{identity}: design {entry['design']!r} is neither fixed nor sequential")
    ranges = {name: _range(metrics[name]) for name in names}
    return RecordedEvaluation(
        design=entry["design"],
        n_planned=_count(entry["n_planned"]),
        n_drawn=_count(entry["n_drawn"]),
        metrics=metrics,
        cases={
            case: _read_case(f"{identity}, case {case!r}", row, ranges)
            for case, row in _of(dict, entry["cases"]).items()
        },
        skipped=tuple(_of(str, case) for case in _of(list, entry["skipped"])),
        code=None if entry.get("code") is None else _of(str, entry["code"]),
        drawn=tuple(case for case in _of(list, entry.get("drawn", [])) if case in entry["cases"]),
        draws=tuple(_of(str, each) for each in _of(list, entry.get("draws", []))),
    )


def _read_metric(entry: Mapping[str, Any]) -> RecordedMetric:
    known = {name: entry[name] for name in _ESTIMATE if name in entry}
    numbers: dict[str, Any] = {
        name: _of(str, value) if name == "method" else math.nan if value is None else _number(value)
        for name, value in known.items()
    }
    least, most = (None if entry.get(name) is None else _number(entry[name]) for name in ("at_least", "at_most"))
    if (least is None) != (most is None) or (least is not None and most is not None and not least < most):
        raise ValueError(f"at_least {least!r} and at_most {most!r} are no range")
    statistic = entry.get("statistic")
    if statistic is not None and not re.fullmatch(r"p[1-9][0-9]?", _of(str, statistic)):
        raise ValueError(f"statistic {statistic!r} is none of p1 to p99")
    return RecordedMetric(
        unit=None if entry["unit"] is None else _of(str, entry["unit"]),
        higher_is_better=_of(bool, entry["higher_is_better"]),
        estimate=Estimate(**numbers) if numbers else None,
        judged_by=tuple(_of(str, each) for each in _of(list, entry["judged_by"])),
        at_least=least,
        at_most=most,
        statistic=statistic,
    )


def _range(metric: RecordedMetric) -> tuple[float, float]:
    """Between what its scores lie."""
    if metric.unit is None:
        return 0.0, 1.0
    if metric.at_least is None or metric.at_most is None:
        return -math.inf, math.inf
    return metric.at_least, metric.at_most


def _read_case(where: str, row: Any, ranges: Mapping[str, tuple[float, float]]) -> RecordedCase:
    if not isinstance(row, list) or len(row) != 2 + len(ranges):
        raise ValueError(f"{where}: it needs two digests, and scores for each of {', '.join(ranges)}")
    content, asked = (None if each is None else _of(str, each) for each in row[:2])
    scores = {}
    for (metric, (least, most)), written in zip(ranges.items(), row[2:], strict=True):
        values = tuple(map(_digit, written)) if isinstance(written, str) else tuple(map(_number, _of(list, written)))
        if not all(least <= value <= most for value in values):
            what = "a score in" if (least, most) == (0, 1) else "in"
            raise ValueError(f"{where}: {metric} is {what} [{least:g}, {most:g}], and one of {written!r} is not")
        scores[metric] = values
    if not any(scores.values()):
        raise ValueError(f"{where}: it has no score at all")
    return RecordedCase(content, asked, scores)


def _digit(text: str) -> float:
    if text not in ("0", "1"):
        raise ValueError(f"{text!r} is neither 0 nor 1")
    return float(text)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"{value!r} is no score")
    return float(value)


def _count(value: Any) -> int:
    if not 0 <= _of(int, value) <= _LARGEST_COUNT:
        raise ValueError(f"{value!r} counts nothing that there can be")
    return int(value)


def _moment(text: Any) -> str:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}T[0-9:.]+Z", _of(str, text)):
        raise ValueError(f"created is {text!r}, and no date and time")
    return str(text)


def _of(kind: type[Any], value: Any) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    if kind is str and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{value!r} holds half of a character")
    return value
