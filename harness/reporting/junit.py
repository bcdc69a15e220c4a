"""JUnit XML: a test case for each verdict, with its figures as properties and a failure text that stands alone.

As pytest writes it (its family xunit2), which Jenkins and GitLab read: classname and name are those of pytest's own
`--junitxml`, so that a test keeps its history whichever of the two is published.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import TextIO
from xml.etree import ElementTree

from harness.records import Report, Verdict, VerdictKind, VersionRef
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import printable
from harness.reporting.wording.failure import failure_text

_MOST_CELLS = 1000
_SECONDS = len("2026-11-24T16:15:00")

Properties = list[tuple[str, str]]


def origin(run_id: str, candidate: VersionRef, baseline: VersionRef | None) -> Properties:
    """The run and the versions that verdicts come from."""
    told = [("run_id", run_id)]
    for role, version in (("candidate", candidate), ("baseline", baseline)):
        if version is not None:
            told += [(f"{role}_version", version.name), (f"{role}_fingerprint", version.fingerprint)]
    return [(name, _legal(text)) for name, text in told]


def properties(verdict: Verdict, of_run: Properties) -> Properties:
    """The figures of a verdict, for machines: those that it has, each with its name.

    `low` and `high` are the bounds of the difference by which it was decided.
    """
    difference = verdict.difference
    told: list[tuple[str, str | float | None]] = [
        ("verdict", str(verdict.verdict)),
        ("metric", verdict.metric),
        ("requirement", verdict.plan.requirement),
        ("candidate", getattr(verdict.candidate, "value", None)),
        ("baseline", getattr(verdict.baseline, "value", None)),
        ("difference", getattr(difference, "value", None)),
        ("low", getattr(difference, "low", None)),
        ("high", getattr(difference, "high", None)),
        ("threshold", verdict.plan.threshold),
        ("margin", verdict.plan.margin),
        ("margin_is_relative", "true" if verdict.plan.margin_is_relative else None),
        ("unit", verdict.unit),
        ("n_cases", str(verdict.n_cases)),
        ("n_samples", str(verdict.n_samples)),
        ("samples_needed", None if verdict.samples_needed is None else str(verdict.samples_needed)),
        ("labels_needed", None if verdict.labels_needed is None else str(verdict.labels_needed)),
    ]
    return [*((name, text) for name, value in told if (text := _in_words(value))), *of_run]


def properties_of_item(verdicts: Iterable[Verdict], of_run: Properties) -> Properties:
    """The figures of all verdicts of one evaluation; where it has several, those of a metric bear its name, and
    `verdict` is the worst.
    """
    every = list(verdicts)
    if len(every) == 1:
        return properties(every[0], of_run)
    worst = max((verdict.verdict for verdict in every), key=lambda kind: kind.severity)
    named = [
        (f"{printable(verdict.metric, 60)}.{name}", value)
        for verdict in every
        for name, value in properties(verdict, of_run)
    ]
    return [("verdict", str(worst)), *named]


def write_junit(report: Report, stream: TextIO, inconclusive: str = "fail") -> None:
    """Write the report as JUnit XML.

    Args:
        inconclusive: "warn" where what is not decided counts as passed, with its text as output.
    """
    kinds = Counter(verdict.verdict for verdict in report.evaluations if report.accepted(verdict) is None)
    open_ones = kinds[VerdictKind.INCONCLUSIVE] if inconclusive == "fail" else 0
    totals = {
        "name": "steelyard",
        "tests": str(len(report.evaluations)),
        "failures": str(kinds[VerdictKind.REGRESSED] + kinds[VerdictKind.FAILED] + open_ones),
        "errors": str(kinds[VerdictKind.ERROR]),
    }
    root = ElementTree.Element("testsuites", totals)
    time_s = f"{report.usage.wall_s:.3f}"
    n_accepted = sum(report.accepted(verdict) is not None for verdict in report.evaluations)
    more = {"skipped": str(n_accepted), "time": time_s, "timestamp": _legal(report.created[:_SECONDS])}
    suite = ElementTree.SubElement(root, "testsuite", totals | more)
    told = [("verdict", str(report.verdict)), ("confidence_level", f"{report.confidence_level:g}")]
    told += [("best_of", str(report.best_of))] if report.best_of > 1 else []
    of_run = origin(report.run_id, report.candidate, report.baseline)
    _add_properties(suite, [*told, *of_run])
    times = Counter(verdict.id for verdict in report.evaluations)
    for verdict, name in zip(report.evaluations, row_names(report.evaluations), strict=True):
        class_name, test = _place(verdict.id)
        test = f"{test} {verdict.metric}" if times[verdict.id] > 1 else test
        case = ElementTree.SubElement(suite, "testcase", {"classname": _legal(class_name), "name": _legal(test)})
        _add_properties(case, properties(verdict, of_run))
        if verdict.verdict is not VerdictKind.PASSED:
            text = failure_text(verdict, report.candidate, report.baseline, report.changes, name)
            if (waiver := report.accepted(verdict)) is not None:
                ElementTree.SubElement(
                    case, "skipped", {"type": "accepted", "message": _legal(str(waiver))}
                ).text = text
            else:
                _add_outcome(case, verdict, text, inconclusive)
    ElementTree.indent(root)
    stream.write('<?xml version="1.0" encoding="utf-8"?>\n')
    stream.write(ElementTree.tostring(root, encoding="unicode"))
    stream.write("\n")


def _add_outcome(case: ElementTree.Element, verdict: Verdict, text: str, inconclusive: str) -> None:
    if verdict.verdict is VerdictKind.INCONCLUSIVE and inconclusive == "warn":
        ElementTree.SubElement(case, "system-out").text = text
        return
    kind = "error" if verdict.verdict is VerdictKind.ERROR else "failure"
    first = " ".join(line.strip() for line in text.partition("\n  ")[0].splitlines())
    ElementTree.SubElement(case, kind, {"type": str(verdict.verdict), "message": first}).text = text


def _add_properties(parent: ElementTree.Element, named: Iterable[tuple[str, str]]) -> None:
    element = ElementTree.SubElement(parent, "properties")
    for name, value in named:
        ElementTree.SubElement(element, "property", {"name": name, "value": value})


def _in_words(value: str | float | None) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return _legal(value) if isinstance(value, str) else f"{value:.6g}"


def _legal(text: str) -> str:
    """A text that XML may hold: control characters, halves of characters and what is none are written out."""
    return printable(text, _MOST_CELLS)


def _place(identity: str) -> tuple[str, str]:
    """Class and name of a test as pytest's own JUnit XML has them."""
    head, bracket, parameters = identity.partition("[")
    path, *names = head.split("::")
    *classes, test = [path.removesuffix(".py").replace("/", "."), *names] if names else ["", path]
    return ".".join(filter(None, classes)), f"{test}{bracket}{parameters}"
