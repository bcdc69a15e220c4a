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
from harness.reporting.shared.cases import MOST_CHANGES, case_to_see
from harness.reporting.shared.names import row_names
from harness.reporting.shared.text import labelled, printable
from harness.reporting.terminal.report import case_lines
from harness.reporting.wording.failure import failure_text, message

_MOST_CELLS = 1000
_WIDTH = 80
_SECONDS = len("2026-11-24T16:15:00")

Properties = list[tuple[str, str]]


def origin(
    run_id: str, candidate: VersionRef, baseline: VersionRef | None, anchor: VersionRef | None = None
) -> Properties:
    """The run and the versions that verdicts come from."""
    named = [("run_id", run_id)]
    for role, version in (("candidate", candidate), ("baseline", baseline), ("anchor", anchor)):
        if version is not None:
            named += [(f"{role}_version", version.name), (f"{role}_fingerprint", version.fingerprint)]
    return [(name, _legal(text)) for name, text in named]


def properties(verdict: Verdict, of_run: Properties) -> Properties:
    """The figures of a verdict, for machines: those that it has, each with its name.

    `low` and `high` are the bounds of the difference by which it was decided.
    """
    plan, difference = verdict.plan, verdict.difference
    known: dict[str, str | float | None] = {
        "verdict": str(verdict.verdict),
        "metric": verdict.metric,
        "requirement": plan.requirement,
        "candidate": getattr(verdict.candidate, "value", None),
        "baseline": getattr(verdict.baseline, "value", None),
        "difference": getattr(difference, "value", None),
        "low": getattr(difference, "low", None),
        "high": getattr(difference, "high", None),
        "anchor": getattr(verdict.anchor, "value", None),
        "anchor_difference": getattr(verdict.anchor_difference, "value", None),
        "threshold": plan.threshold,
        "margin": plan.margin,
        "margin_is_relative": "true" if plan.margin_is_relative else None,
        "unit": verdict.unit,
        "n_skipped": verdict.n_skipped or None,
        **{name: getattr(verdict, name) for name in ("n_cases", "n_samples", "samples_needed", "labels_needed")},
    }
    return [*((name, text) for name, value in known.items() if (text := _in_words(value))), *of_run]


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
        "tests": str(len(report.evaluations) + len(report.skipped)),
        "failures": str(kinds[VerdictKind.REGRESSED] + kinds[VerdictKind.FAILED] + open_ones),
        "errors": str(kinds[VerdictKind.ERROR]),
    }
    root = ElementTree.Element("testsuites", totals)
    time_s, n_skipped = f"{report.usage.wall_s:.3f}", len(report.skipped)
    n_skipped += sum(report.accepted(verdict) is not None for verdict in report.evaluations)
    more = {"skipped": str(n_skipped), "time": time_s, "timestamp": _legal(report.created[:_SECONDS])}
    suite = ElementTree.SubElement(root, "testsuite", totals | more)
    of_all = [("verdict", str(report.verdict)), ("confidence_level", f"{report.confidence_level:g}")]
    of_all += [("best_of", str(report.best_of))] if report.best_of > 1 else []
    of_run = origin(report.run_id, report.candidate, report.baseline, report.anchor)
    _add_properties(suite, [*of_all, *of_run])
    times = Counter(verdict.id for verdict in report.evaluations)
    for verdict, name in zip(report.evaluations, row_names(report.evaluations), strict=True):
        case = _add_case(suite, verdict.id, f" {verdict.metric}" if times[verdict.id] > 1 else "")
        _add_properties(case, properties(verdict, of_run))
        if verdict.verdict is VerdictKind.PASSED:
            continue
        first = message(verdict, name, report.losses)
        text = failure_text(verdict, (report.candidate, report.baseline, report.anchor), first, _more(verdict, report))
        if (waiver := report.accepted(verdict)) is not None:
            about = {"type": "accepted", "message": _legal(str(waiver))}
            ElementTree.SubElement(case, "skipped", about).text = text
        elif verdict.verdict is VerdictKind.INCONCLUSIVE and inconclusive == "warn":
            ElementTree.SubElement(case, "system-out").text = text
        else:
            kind = "error" if verdict.verdict is VerdictKind.ERROR else "failure"
            about = {"type": str(verdict.verdict), "message": _legal(first)}
            ElementTree.SubElement(case, kind, about).text = text
    for each in report.skipped:
        ElementTree.SubElement(_add_case(suite, each.id), "skipped", {"message": _legal(each.reason)})
    ElementTree.indent(root)
    stream.write('<?xml version="1.0" encoding="utf-8"?>\n')
    stream.write(ElementTree.tostring(root, encoding="unicode") + "\n")


def _more(verdict: Verdict, report: Report) -> list[str]:
    """The worst cases of an evaluation, and the notes on it: its text is read away from the report."""
    own = [each for each in report.changes if (each.evaluation_id, each.metric) == (verdict.id, verdict.metric)]
    cases = [case_to_see(each, verdict, _WIDTH - 12) for each in own[:MOST_CHANGES]]
    lines = [f"  {line}" for case in cases for line in case_lines(case, _WIDTH - 2)]
    notes = [note.text for note in report.notes if note.evaluation == verdict.id]
    return lines + [line for text in notes for line in labelled("  note", _legal(text), _WIDTH)]


def _add_case(suite: ElementTree.Element, identity: str, metric: str = "") -> ElementTree.Element:
    """A test case with class and name as pytest's own JUnit XML has them."""
    head, bracket, parameters = identity.partition("[")
    path, *names = head.split("::")
    *classes, test = [path.removesuffix(".py").replace("/", "."), *names] if names else ["", path]
    known = {"classname": ".".join(filter(None, classes)), "name": f"{test}{bracket}{parameters}{metric}"}
    return ElementTree.SubElement(suite, "testcase", {name: _legal(text) for name, text in known.items()})


def _add_properties(parent: ElementTree.Element, named: Iterable[tuple[str, str]]) -> None:
    element = ElementTree.SubElement(parent, "properties")
    for name, value in named:
        ElementTree.SubElement(element, "property", {"name": name, "value": value})


def _in_words(value: str | float | None) -> str:
    if value is None or isinstance(value, str | int):
        return "" if value is None else _legal(str(value))
    return f"{value:.6g}" if math.isfinite(value) else ""


def _legal(text: str) -> str:
    """A text that XML may hold: control characters, halves of characters and what is none are written out."""
    return printable(text, _MOST_CELLS)
