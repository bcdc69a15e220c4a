"""The run itself: versions with their fingerprints, on what it was made, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.records import Report
from harness.records.budget import amount
from harness.reporting.shared.figures import chosen, count, duration
from harness.store import RunInfo

Facts = list[tuple[str, str]]


def about(run: RunInfo, report: Report) -> list[dict[str, Any]]:
    """Groups of facts, each with a title; a fact is a label and a text."""
    groups = {"Versions": _versions(run, report), "Environment": _environment(run), "Usage": _usage(report)}
    return [{"title": title, "facts": facts} for title, facts in groups.items()]


def _versions(run: RunInfo, report: Report) -> Facts:
    references = [("candidate", report.candidate)]
    references += [("baseline", report.baseline)] if report.baseline else []
    references += [("judge", judge) for judge in report.judges]
    facts = [(role, f"{each.name}  {each.fingerprint}") for role, each in references]
    generations = [
        f"{role} {entry['generation']}"
        for role in ("candidate", "baseline")
        if isinstance(entry := run.spec.get(role), Mapping) and entry.get("generation")
    ]
    facts += [("generation of draws", ", ".join(generations))] if generations else []
    baseline = run.spec.get("baseline")
    recorded = baseline.get("recorded") if isinstance(baseline, Mapping) else None
    if recorded:
        facts.append(("baseline recorded", f"{recorded['name']}, run {recorded['run_id']} of {recorded['created']}"))
    return [
        *facts,
        ("run", report.run_id),
        ("made", report.created),
        ("confidence level", f"{report.confidence_level:g}"),
        *([("the candidate", chosen(report.best_of))] if report.best_of > 1 else []),
        ("exit code", str(report.exit_code)),
    ]


def _environment(run: RunInfo) -> Facts:
    recorded = run.spec.get("environment")
    if not isinstance(recorded, Mapping):
        return [("environment", "not recorded: an older Steelyard made this run")]
    return list(_recorded(recorded))


def _recorded(recorded: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Python", str(recorded.get("python", ""))
    yield "machine", str(recorded.get("machine", ""))
    gpus = recorded.get("gpus")
    if gpus:
        yield "GPUs", ", ".join(map(str, gpus))
    for name, version in (recorded.get("packages") or {}).items():
        yield str(name), str(version)


def _usage(report: Report) -> Facts:
    usage = report.usage
    facts = [
        ("drawn from a model now", f"{count(usage.model_calls)} samples"),
        ("from the store", f"{count(usage.stored_samples)} samples"),
        ("shared by equal questions", f"{count(usage.shared_samples)} samples"),
        ("requests over a wire", count(usage.http_requests)),
        ("tokens of prompts", count(usage.prompt_tokens)),
        ("tokens of answers", count(usage.completion_tokens)),
    ]
    facts += [("cost", amount(usage.cost))] if usage.cost is not None else []
    return [*facts, ("time", duration(usage.wall_s))]
