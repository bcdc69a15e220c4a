"""Writes what single cases were asked and answered into script files, which the page loads when somebody wants them."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.gate.history.answers import StoredAnswer
from harness.records import Messages, Report, Request, ScoreRow, answer_turns
from harness.records.report_json import plain
from harness.records.tool_calls import read_calls, with_calls
from harness.reporting.shared.files import replacing
from harness.review.labels import PersonsLabel

Question = list[dict[str, str]]
FOLDER = "details"
_CHARACTERS_OF_A_FILE = 400_000
_MOST_OF_A_TEXT = 20_000
_MOST_OF_A_REASON = 4_000
MOST_BODIES = 20_000
"""The most bodies that have details, those of the cases to look at first: writing more takes longer than deciding."""
_NAME = re.compile(r"\d+\.js")
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def embedded(value: Any) -> str:
    r"""JSON in ASCII without a character that means something to HTML; JSON and JavaScript read it alike.

    >>> embedded(["</script>", "<!--", "\u2028", "\ud800"])
    '["\\u003c/script\\u003e","\\u003c!--","\\u2028","\\ud800"]'
    """
    text = _encode(value)
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


@dataclass(slots=True)
class Details:
    """The files that hold the details of each case.

    Attributes:
        places: the number of the file that a case is in, by evaluation and case; files are numbered from 1.
        ended: "skipped" or "error" of the cases that have a body which ended so.
        broken: the reason of the first body of a case that ended in an error.
        labelled: those that people said something of.
        n_bodies: what they tell of; `is_cut` where the run has more.
    """

    places: dict[tuple[str, str], int] = field(default_factory=dict)
    ended: dict[tuple[str, str], str] = field(default_factory=dict)
    broken: dict[tuple[str, str], str] = field(default_factory=dict)
    labelled: set[tuple[str, str]] = field(default_factory=set)
    n_files: int = 0
    n_bodies: int = 0
    is_cut: bool = False

    def of(self, evaluation: str, case: str) -> dict[str, Any]:
        """The number of a case's file, how one of its bodies ended, and whether people said something of it."""
        key = (evaluation, case)
        known = {"file": self.places.get(key), "ended": self.ended.get(key), "labelled": key in self.labelled}
        return {name: value for name, value in known.items() if value}


def write_details(
    answers: Iterable[StoredAnswer],
    labels: Iterable[PersonsLabel],
    report: Report,
    folder: Path,
    *,
    most_bodies: int = MOST_BODIES,
) -> Details:
    """Write the files, each a call `steelyard.details(run, number, cases)`, and remove those of an earlier report.

    Args:
        answers: of the run, those of a case one after the other.
        labels: what people said of them.
        report: whose run tells the files of this page from another's.
        folder: is there.
        most_bodies: those of further cases are left out.
    """
    labelled: dict[tuple[str, str], list[PersonsLabel]] = {}
    for label in labels:
        labelled.setdefault((label.evaluation_id, label.case_id), []).append(label)
    judges = {judge.fingerprint: judge.name for judge in report.judges}
    written = Details()
    waiting: list[str] = []

    def write() -> None:
        written.n_files += 1
        text = f'steelyard.details("{report.run_id}",{written.n_files},[\n' + ",\n".join(waiting) + "\n]);\n"
        with replacing(folder / f"{written.n_files}.js") as temporary:
            temporary.write_text(text, encoding="ascii", newline="\n")
        waiting.clear()

    for key, group in itertools.groupby(answers, key=lambda each: (each.evaluation_id, each.case_id)):
        if written.n_bodies >= most_bodies:
            written.is_cut = True
            break
        bodies = list(group)
        written.n_bodies += len(bodies)
        waiting.append(embedded(_case(key, bodies, labelled.get(key, ()), judges)))
        written.places[key] = written.n_files + 1
        written.labelled |= {key} & labelled.keys()
        rows = [row for body in bodies for row in body.rows.values()]
        if outcomes := {row.outcome for row in rows if row.value is None}:
            written.ended[key] = min(outcomes)
        if "error" in outcomes:
            reasons = (row.reason for row in rows if row.outcome == "error" and row.reason)
            written.broken[key] = next(reasons, "")[:_MOST_OF_A_REASON]
        if sum(map(len, waiting)) >= _CHARACTERS_OF_A_FILE:
            write()
    if waiting:
        write()
    for path in folder.iterdir():
        if _NAME.fullmatch(path.name) and int(path.stem) > written.n_files:
            path.unlink(missing_ok=True)
    return written


def _case(
    key: tuple[str, str], bodies: list[StoredAnswer], labels: Iterable[PersonsLabel], judges: Mapping[str, str]
) -> dict[str, Any]:
    """One case: its different questions, and each body with its answer, scores, reasons and labels."""
    asked: list[Question] = []
    entries: dict[tuple[str, int], dict[str, Any]] = {}
    for body in bodies:
        entries[body.role, body.sample_index] = _body(body, asked, judges)
    for label in labels:
        entry = entries.get(("candidate" if label.part == "pair" else label.part, label.sample_index))
        if entry is not None:
            entry.setdefault("labels", []).append(_label(label))
    return {"evaluation": key[0], "case": key[1], "asked": asked, "bodies": list(entries.values())}


def _body(body: StoredAnswer, asked: list[Question], judges: Mapping[str, str]) -> dict[str, Any]:
    scores = [_score(row, judges) for row in body.rows.values()]
    entry: dict[str, Any] = {"role": body.role, "sample": body.sample_index, "scores": scores}
    request, sample = body.request, body.sample
    spoken = () if sample is None else answer_turns(() if request is None else request.messages, sample)
    if request is not None:
        question = _question(request, spoken[:-1])
        asked += [] if question in asked else [question]
        entry["asked"] = asked.index(question)
    if sample is None:
        return entry
    calls = [
        {"name": call.name[:_MOST_OF_A_REASON], **_cut("arguments", call.arguments, _MOST_OF_A_TEXT)}
        for call in read_calls(spoken[-1].get("tool_calls"))
    ]
    passages = [
        {"id": str(each["id"])[:_MOST_OF_A_REASON], **_cut("text", str(each["text"]), _MOST_OF_A_REASON)}
        for each in sample.context or ()
    ]
    return entry | _known(
        **_cut("answer", sample.text, _MOST_OF_A_TEXT),
        reasoning=sample.reasoning and sample.reasoning[:_MOST_OF_A_TEXT],
        calls=calls or None,
        context=None if sample.context is None else passages,
        finish=None if sample.finish_reason == "stop" else sample.finish_reason,
        tokens=sample.completion_tokens,
        prompt_tokens=sample.prompt_tokens,
        latency_s=None if sample.latency_s is None else round(sample.latency_s, 4),
        cost=plain(sample.cost),
        loglikelihood=plain(sample.loglikelihood),
    )


def _score(row: ScoreRow, judges: Mapping[str, str]) -> dict[str, Any]:
    reason = "\n".join(filter(None, (row.reason, row.assertion)))
    by = row.judged_by.judges if row.judged_by is not None else ()
    return {"metric": row.metric, "value": plain(row.value)} | _known(
        outcome=None if row.outcome == "scored" else row.outcome,
        judge=", ".join(judges.get(each, each[:12]) for each in by) or None,
        **(_cut("reason", reason, _MOST_OF_A_REASON) if reason else {}),
    )


def _label(label: PersonsLabel) -> dict[str, Any]:
    entry = {"metric": label.metric, "by": label.reviewer, "value": label.value, "score": plain(label.score)}
    return entry | _known(note=label.note[:_MOST_OF_A_REASON] or None, settles=label.is_adjudication or None)


def _known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _cut(name: str, text: str, most: int) -> dict[str, Any]:
    """A text, and how many characters are missing where it is longer than what is kept of it."""
    return {name: text} if len(text) <= most else {name: text[:most], f"{name}_cut": len(text) - most}


def _question(request: Request, more: Messages) -> Question:
    """Give what was asked, and what came before the answer, as messages: who speaks and what is said."""
    texts = [(str(each.get("role", "")), _text(each)) for each in (*request.messages, *more)]
    texts += [
        (role, text)
        for role, text in (("prompt", request.prompt), ("weighed", request.continuation))
        if text is not None
    ]
    return [{"role": role, "text": text[:_MOST_OF_A_TEXT]} for role, text in texts]


def _text(message: Mapping[str, Any]) -> str:
    content, calls = message.get("content"), message.get("tool_calls")
    known = calls if isinstance(calls, list | tuple) else None
    if isinstance(content, str) or (content is None and known is not None):
        return with_calls(content or "", known)
    return json.dumps(message, ensure_ascii=False)
