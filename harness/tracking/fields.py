"""The parameters, metrics, tags and table of a run for MLflow, made from its report and from the store's notes of it.

A report comes as report.json has it, with None for a missing number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

_LONGEST_KEY = 220
"""MLflow's limit is 250; the rest is room for `.difference_high` and the like."""
_LONGEST_PARAMETER = 6000
_LONGEST_TEXT = 8000
_REFUSED = re.compile(r"[^\w./ :-]")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

Document = Mapping[str, Any]

_COUNTS = ("n_cases", "n_samples", "n_skipped", "n_truncated", "samples_needed", "labels_needed")


def key(*parts: str) -> str:
    """A name made of parts, with a slash between them.

    MLflow takes letters, digits and `_-. :/`, no path that goes up or begins at the root, and 250 characters. What had
    to be changed is told apart by digits of its hash.

    >>> key("foundation/test_capitals", "score")
    'foundation/test_capitals/score'
    >>> key("test_it[a+b]", "score")
    'test_it_a_b_/score 6acf'
    """
    wanted = "/".join(parts)
    name = "/".join(filter(lambda part: part.strip("."), _REFUSED.sub("_", wanted).split("/")))
    if name and name == wanted and len(name) <= _LONGEST_KEY:
        return name
    digits = hashlib.sha256(wanted.encode("utf-8", "surrogatepass")).hexdigest()[:4]
    return f"{name[: _LONGEST_KEY - 5] or '_'} {digits}"


def text(value: str, longest: int = _LONGEST_TEXT) -> str:
    """A text that every database takes: no NUL, no half of a character, and not too long."""
    clean = _UNSTORABLE.sub("\ufffd", value)
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"


def run_name(report: Document) -> str:
    """Name a gate by its candidate and its baseline."""
    baseline = report["baseline"]
    candidate = str(report["candidate"]["name"])
    return f"{candidate} against {baseline['name']}" if baseline else candidate


def run_parameters(spec: Document, report: Document) -> dict[str, str]:
    """Collect a gate's parameters: settings, versions, judges, limits of the budget, and the environment."""
    given: dict[str, Any] = {"confidence_level": report["confidence_level"], **spec.get("settings", {})}
    given |= {name: spec.get(name) for name in ("seed", "inconclusive")}
    for role in ("candidate", "baseline", "anchor"):
        if spec.get(role):
            given |= _version(role, spec[role])
    for judge in spec.get("judges", ()):
        given |= _version(f"judge {judge['name']}", judge)
    given |= dict(_flat((report.get("budget") or {}).get("limits")))
    given |= dict(_flat(spec.get("environment")))
    return _texts(given)


def _version(role: str, version: Document) -> dict[str, Any]:
    given = {"fingerprint": version["fingerprint"], "engine": version.get("engine")}
    given |= dict(_flat(version.get("settings")))
    given |= {f"recorded.{name}": each for name, each in _flat(version.get("recorded"))}
    return {role: version["name"], **{f"{role}.{name}": value for name, value in given.items()}}


def _flat(table: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(table, Mapping):
        return
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", each) for inner, each in _flat(value))
        else:
            yield str(name), value


def _texts(values: Document) -> dict[str, str]:
    return {key(name): text(str(value), _LONGEST_PARAMETER) for name, value in values.items() if value is not None}


def run_metrics(report: Document, names: Mapping[str, str]) -> dict[str, float]:
    """Every estimate of the run with its interval, under `<evaluation>/<metric>`, and what the run cost.

    Args:
        names: of evaluations by id, as a reader knows them.
    """
    entries = report["evaluations"]
    metrics: dict[str, float] = {"evaluations": len({entry["id"] for entry in entries})}
    for verdict in ("passed", "inconclusive", "regressed", "failed", "error"):
        metrics[f"verdicts.{verdict}"] = sum(entry["verdict"] == verdict for entry in entries)
    metrics |= {f"usage.{name}": value for name, value in report["usage"].items() if isinstance(value, int | float)}
    for entry in entries:
        metrics |= _entry_metrics(entry, key(names[entry["id"]], entry["metric"]))
    return metrics


def _entry_metrics(entry: Document, name: str) -> dict[str, float]:
    """The estimates of one evaluation and metric, the candidate's under `name` itself."""
    metrics: dict[str, Any] = _estimate(name, entry["candidate"], join=".")
    metrics |= _estimate(f"{name}.baseline", entry["baseline"])
    metrics |= _estimate(f"{name}.anchor", entry.get("anchor"))
    difference = entry["difference"]
    if difference is not None:
        metrics |= _difference(f"{name}.difference", difference)
        metrics[f"{name}.p_value"] = difference["p_value"]
    checks = {check["against"]: check for check in entry.get("checks", ())}
    for against in checks.keys() & {"threshold", "anchor"} if len(checks) > 1 else ():  # that left is `difference`
        metrics |= _difference(f"{name}.{against}_difference", checks[against]["difference"])
    metrics |= {f"{name}.{count}": entry.get(count) for count in _COUNTS}
    for aggregate in entry.get("aggregates", ()):
        figure = key(name, aggregate["name"])
        metrics |= {figure: aggregate["candidate"], f"{figure}.baseline": aggregate["baseline"]}
    for judge in entry.get("judges", ()):
        metrics |= _judge(key(name, "judge", judge["name"]), judge)
    return {figure: float(value) for figure, value in metrics.items() if value is not None}


def _estimate(name: str, estimate: Document | None, *, join: str = "_") -> dict[str, Any]:
    if estimate is None:
        return {}
    parts = {f"{name}{join}{part}": estimate[part] for part in ("low", "high", "standard_error")}
    return {name: estimate["value"], **parts}


def _difference(name: str, difference: Document) -> dict[str, Any]:
    return {name: difference["value"], **{f"{name}_{part}": difference[part] for part in ("low", "high")}}


def _judge(name: str, judge: Document) -> dict[str, Any]:
    """Collect the figures of one judge: counts, and how it varies with itself and with the order of two answers."""
    metrics = {f"{name}.{part}": judge.get(part) for part in ("n_answers", "n_malformed", "noise")}
    for part in ("flip", "first_wins"):
        metrics |= _estimate(f"{name}.{part}", judge.get(part))
    return metrics


def run_tags(spec: Document, report: Document, description: str) -> dict[str, str]:
    """Collect the tags by which a run is found, and what its page says of it, in Markdown."""
    tags: dict[str, Any] = {
        "steelyard.run_id": report["run_id"],
        "steelyard.verdict": report["verdict"],
        "steelyard.exit_code": report["exit_code"],
        "mlflow.note.content": description,
        **_version_tags(spec, report, "candidate"),
        **_version_tags(spec, report, "baseline"),
        **_version_tags(spec, report, "anchor"),
    }
    stopped_by = (report.get("budget") or {}).get("stopped_by")
    if stopped_by:
        tags["steelyard.stopped_by"] = stopped_by
    if spec.get("commit"):
        tags["mlflow.source.git.commit"] = spec["commit"]
    if report.get("judges"):
        tags["steelyard.judges"] = ", ".join(judge["name"] for judge in report["judges"])
    return {name: text(str(value)) for name, value in tags.items()}


def _version_tags(spec: Document, report: Document, role: str) -> dict[str, str]:
    """Tag the version in a role: name and fingerprint, where its prompt stands, and its name in the model registry."""
    if not report.get(role):
        return {}
    tags = {f"steelyard.{role}": report[role]["name"], f"steelyard.{role}.fingerprint": report[role]["fingerprint"]}
    prompts = (spec.get(role) or {}).get("prompts") or {}
    tags |= {f"steelyard.{role}.{setting}": place for setting, place in prompts.items()}
    registered = (spec.get(role) or {}).get("registered")
    if registered:
        tags[f"steelyard.{role}.registered"] = f"models:/{registered['name']}/{registered['version']}"
    return tags


def table(report: Document, names: Mapping[str, str]) -> dict[str, list[Any]]:
    """The evaluations as columns: what was weighed, its verdict and why, and the estimates."""
    rows = [
        {
            "evaluation": text(names[entry["id"]]),
            "metric": text(entry["metric"]),
            "verdict": entry["verdict"],
            "reason": text(entry["reason"]),
            "requirement": text(entry["requirement"] or ""),
            **{name: entry[name] for name in ("threshold", "margin", "n_cases", "n_samples")},
            **{role: (entry[role] or {}).get("value") for role in ("candidate", "baseline", "difference")},
            **{f"difference_{end}": (entry["difference"] or {}).get(end) for end in ("low", "high")},
        }
        for entry in report["evaluations"]
    ]
    # MLflow keeps ten digits behind the point of the first table, so that a second one has no others.
    return {name: [_rounded(row[name]) for row in rows] for name in (rows[0] if rows else ())}


def _rounded(value: Any) -> Any:
    return round(value, 9) if isinstance(value, float) else value
