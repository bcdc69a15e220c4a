"""All that the page holds, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from harness.records import Change, Report, Verdict
from harness.records.budget import amount
from harness.records.report_json import plain
from harness.reporting.html.case_table import CaseTable
from harness.reporting.html.details import DetailFiles, Question
from harness.reporting.html.entries import Key, evaluation, short
from harness.reporting.html.requirements import requirements
from harness.reporting.shared.cases import score_in_words
from harness.reporting.shared.figures import chosen, count, duration, plural
from harness.reporting.shared.names import kind_in_words, row_names
from harness.reporting.shared.table import accepted_in_words
from harness.reporting.terminal.report import headline
from harness.reporting.wording.budget import flops_in_words
from harness.store import RunInfo


def document(run: RunInfo, report: Report, details: DetailFiles) -> dict[str, Any]:
    """All that the page holds; what is not finite is None.

    Args:
        details: where those of each case are.
    """
    cases = CaseTable(report, details)
    names = row_names(report.evaluations)
    ranked = sorted(range(len(names)), key=lambda place: -report.evaluations[place].verdict.severity)
    places = {place: rank for rank, place in enumerate(ranked)}
    accepted = (accepted_in_words(report, each, "utf-8") for each in report.evaluations)
    told = [replace(each, reason=f"{why}{each.reason}") for each, why in zip(report.evaluations, accepted, strict=True)]
    return {
        "run": _run(report),
        "next": plain(report.steps),
        "notes": [note.text for note in report.notes if note.kind != "ranges"],
        "evaluations": [evaluation(told[place], names[place], cases, details) for place in ranked],
        "sets": cases.sets,
        "changes": _changes(report, cases, details),
        "requirements": [
            {**each, "evaluations": sorted(places[place] for place in each["evaluations"])}
            for each in requirements(report.evaluations)
        ],
        "about": about(run, report),
        "details": {
            "files": details.n_files,
            "bodies": details.n_bodies,
            "is_cut": details.is_cut,
        },
    }


def _run(report: Report) -> dict[str, Any]:
    kinds = [kind_in_words(each) for each in (report.candidate, report.baseline) if each is not None]
    text = headline(report)
    word, _, rest = text.partition(": ")
    if not word.partition(",")[0].isupper():  # "nothing to run: …" is no verdict
        word, rest = "", text
    return {
        "id": report.run_id,
        "created": report.created,
        "verdict": report.verdict,
        "word": word,
        "headline": rest,
        "confidence_level": report.confidence_level,
        "candidate": report.candidate.name,
        "chosen": chosen(report.best_of),
        "baseline": report.baseline.name if report.baseline else None,
        "judges": [judge.name for judge in report.judges],
        **({"kinds": kinds} if any(kinds) else {}),
    }


def _changes(report: Report, cases: CaseTable, details: DetailFiles) -> list[dict[str, Any]]:
    """The cases to look at: the worst of each evaluation first, those of the worst evaluations before others, and last
    those of which there is nothing to show.
    """
    verdicts = {(entry.id, entry.metric): entry for entry in report.evaluations}
    ranks: Counter[Key] = Counter()
    told = []
    for change in report.changes:
        key = change.evaluation_id, change.metric
        entry = verdicts.get(key)
        if entry is not None and entry.plan.in_blocks:  # a pair of blocks has no question and no answer to show
            continue
        severity = entry.verdict.severity if entry else 0
        is_bare = change.candidate_answer is None and change.candidate_reason is None
        told.append(((severity == 0, is_bare, ranks[key], -severity), _change(change, entry, cases, details)))
        ranks[key] += 1
    return [change for _, change in sorted(told, key=lambda each: each[0])]


def _change(change: Change, entry: Verdict | None, cases: CaseTable, details: DetailFiles) -> dict[str, Any]:
    place = change.evaluation_id, change.case_id
    question = details.questions.get(place, [])
    return {
        "set": cases.number(change.evaluation_id) if entry else -1,
        "case": cases.place(change.evaluation_id, change.case_id) if entry else -1,
        "id": change.case_id,
        "metric": change.metric,
        "verdict": entry.verdict if entry else None,
        "scores": score_in_words(change, entry),
        "candidate": short(_going_on(change.candidate_answer, question)),
        "baseline": short(_going_on(change.baseline_answer, question)),
        "has_baseline": change.baseline is not None,
        "better": _better_answer(change, entry),
        "asked": [{**message, "text": short(message["text"])} for message in question],
        "expected": short(change.expected),
        "candidate_reason": short(change.candidate_reason),
        "baseline_reason": short(change.baseline_reason),
    }


def _going_on(answer: str | None, question: Question) -> str | None:
    """An answer; of a conversation what follows the turns that are shown as its question.

    The answer of a long conversation is its end alone, which may begin within such a turn.
    """
    if answer is None or not question:
        return answer
    turns = [f"{message['role']}: {message['text']}" for message in question]
    told = ["\n\n".join(turns[first:]) for first in range(len(turns))]
    is_cut, text = answer.startswith("…"), answer.removeprefix("…")
    ends = [at for at in range(1, len(text)) if text.startswith("\n\n", at)]
    known = [at for at in ends if (told[0].endswith(text[:at]) if is_cut else text[:at] in told)]
    return text[known[-1] + 2 :] if known else answer


def _better_answer(change: Change, entry: Verdict | None) -> str | None:
    """Tell which shown answer has the better score: "baseline" or "candidate"; None where the means don't tell.

    Shown are the baseline's best answer and the candidate's worst. After a drop the baseline's is certainly the better
    one; after a gain the candidate's is, where each has one sample. With aim="same" neither is.
    """
    if entry is None or entry.plan.aim == "same" or change.baseline is None or change.baseline == change.candidate:
        return None
    if (change.candidate < change.baseline) == entry.higher_is_better:
        return "baseline"
    return "candidate" if change.n == 1 and change.baseline_n == 1 else None


Facts = list[tuple[str, str]]


def about(run: RunInfo, report: Report) -> list[dict[str, Any]]:
    """Groups of facts, each with a title; a fact is a label and a text."""
    groups = {
        "Versions": _versions(run, report),
        "Environment": list(_recorded(run.spec.get("environment", {}))),
        "Usage": _usage(report),
    }
    return [{"title": title, "facts": facts} for title, facts in groups.items()]


def _versions(run: RunInfo, report: Report) -> Facts:
    references = [("candidate", report.candidate)]
    references += [("baseline", report.baseline)] if report.baseline else []
    references += [("judge", judge) for judge in report.judges]
    facts = [(role, f"{each.name}{kind_in_words(each)}  {each.fingerprint}") for role, each in references]
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


def _recorded(recorded: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Python", str(recorded.get("python", ""))
    yield "machine", str(recorded.get("machine", ""))
    gpus = recorded.get("gpus")
    if gpus:
        yield "GPUs", ", ".join(map(str, gpus))
    for name, version in (recorded.get("packages") or {}).items():
        yield str(name), str(version)


def _samples_and_blocks(number: int, blocks: int) -> str:
    """Tell how many samples there were, and how many blocks of time where there were any."""
    told = [plural(number - blocks, "sample")] if number > blocks or not blocks else []
    return " and ".join([*told, *([plural(blocks, "block")] if blocks else [])])


def _usage(report: Report) -> Facts:
    usage = report.usage
    facts = [
        ("drawn from a model now", _samples_and_blocks(usage.model_calls, usage.measured_blocks)),
        ("from the store", _samples_and_blocks(usage.stored_samples, usage.stored_blocks)),
        ("shared by equal questions", f"{count(usage.shared_samples)} samples"),
        ("requests over a wire", count(usage.http_requests)),
        ("tokens of prompts", count(usage.prompt_tokens)),
        ("tokens of answers", count(usage.completion_tokens)),
    ]
    facts += [("cost", amount(usage.cost))] if usage.cost is not None else []
    facts += [("operations", text) for text in flops_in_words(usage)]
    return [*facts, ("time", duration(usage.wall_s))]
