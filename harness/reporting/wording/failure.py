"""The text of one failed evaluation, which stands alone: in pytest's summary, in JUnit XML, in a mail."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Change, Report, Verdict, VerdictKind, VersionRef
from harness.reporting.shared.cases import answer_facts, case_list, score_in_words
from harness.reporting.shared.differences import margin_in_words
from harness.reporting.shared.figures import count, plural
from harness.reporting.shared.names import display_names
from harness.reporting.shared.table import TableRow, row
from harness.reporting.shared.text import LINE_END, cells, flow, hang, printable, wrap

_WIDTH = 80
_LABEL_CELLS = 14
_ROOM = _WIDTH - _LABEL_CELLS
_MOST_CASES = 5
_MOST_ANSWERS = 3
_MOST_FRAME_CELLS = 200
GO_ON = "run again to go on from there (without --fresh)"
KEPT = "completed samples are kept (an application whose code is mended is asked anew)"


def way_on(errors: Sequence[Verdict], what: str = "error") -> str:
    """The next step after errors. That of a pair of blocks says itself whether it is measured again, and when."""
    if all(each.plan.in_blocks for each in errors):
        return f"do what the {what} above ask{'s' * (what == 'error')} for: stored pairs stay until --fresh"
    return f"mend the {what} above and run again: {KEPT}"


def failure_text(
    verdict: Verdict,
    candidate: VersionRef,
    baseline: VersionRef | None,
    changes: Sequence[Change] = (),
    name: str | None = None,
) -> str:
    """The failure of an evaluation: what happened, by how much and in which cases, in at most 80 columns.

    Args:
        verdict: one that did not pass.
        candidate, baseline: the versions that were weighed; the first line leaves them to the second, so that pytest's
            short summary says what happened.
        name: what the verdict is called, where its evaluation has several; else its id, made short.
        changes: cases of the run to look at; those of this evaluation are shown with their answers.
    """
    figures = row(verdict, name or display_names([verdict.id])[verdict.id], "utf-8", tracebacks=True)
    lines = wrap(f"{figures.name} {verdict.verdict}: {_headline(figures)}", _WIDTH)
    against = f" against {printable(baseline.name, 40)}" if baseline and verdict.baseline else ""
    margin, allowed = margin_in_words(verdict, "baseline"), margin_in_words(verdict, "threshold")
    default = " (the default)" if verdict.plan.margin_is_default else ""
    facts = [
        ("versions", printable(candidate.name, 40) + against),
        ("candidate", figures.candidate),
        ("baseline", figures.baseline),
        ("difference", f"{figures.difference}, margin {margin}{default}" if figures.difference else ""),
        ("required", f"{figures.required}, margin {allowed}{default}" if figures.required else ""),
        ("measured", _measured(verdict)),
        *_error_facts(figures),
    ]
    for label, text in facts:
        lines += _fact(label, wrap(text, _ROOM)) if text else []
    seen = [change for change in changes if _is_of(change, verdict)][:_MOST_ANSWERS]
    cases = case_list(verdict, _MOST_CASES, [change.case_id for change in seen])
    lines += _fact("cases", flow(cases, _ROOM)) if cases else []
    for change in seen:
        lines += _answers(change, verdict)
    return "\n".join(lines)


def _headline(figures: TableRow) -> str:
    """The figures that were weighed and why, for pytest's short summary: "0.61 against 0.82, lower by more than …"."""
    if figures.errors or figures.verdict.verdict is VerdictKind.ERROR:
        return _lines(figures.why or figures.errors[0], figures.verdict)[0]
    weighed = " against ".join(text for text in (figures.value, figures.baseline) if text)
    return ", ".join(text for text in (weighed, figures.why) if text)


def _measured(verdict: Verdict) -> str:
    samples = f"{plural(verdict.n_samples, 'sample')} of the candidate"
    return f"{plural(verdict.n_cases, 'case')}, {samples}{_left_out(verdict)}"


def _left_out(verdict: Verdict) -> str:
    skipped = f", {plural(verdict.n_skipped, 'case')} skipped" if verdict.n_skipped else ""
    return skipped + (f", {plural(verdict.n_truncated, 'answer')} cut at max_tokens" if verdict.n_truncated else "")


def _error_facts(row: TableRow) -> list[tuple[str, str]]:
    said = row.errors or ((row.why,) if len(_lines(row.why, row.verdict)) > 1 else ())
    facts = [
        ("" if position else "error", line)
        for message in said
        for position, line in enumerate(_lines(message, row.verdict))
    ]
    facts += [
        ("raised at" if not position else "", printable(frame, _MOST_FRAME_CELLS))
        for position, frame in enumerate(row.verdict.traceback)
    ]
    if is_interrupted(row.verdict):
        facts.append(("next", GO_ON))
    elif row.verdict.verdict is VerdictKind.ERROR:
        facts.append(("next", way_on([row.verdict])))
    return facts


def _lines(text: str, verdict: Verdict) -> list[str]:
    """The lines of a message that was put on one, as of a traceback."""
    is_long = any("\n" in message.strip() for message in verdict.errors)
    return [line for line in text.split(LINE_END) if line.strip()] or [text] if is_long else [text]


def _is_of(change: Change, verdict: Verdict) -> bool:
    return (change.evaluation_id, change.metric) == (verdict.id, verdict.metric) and (
        change.candidate_answer is not None or change.candidate_reason is not None
    )


def _answers(change: Change, verdict: Verdict) -> list[str]:
    lines = _fact("", [f"{printable(change.case_id, 40)}   {score_in_words(change, verdict)}"])
    for label, text in answer_facts(change, _ROOM):
        lines += _fact(f"  {label}", wrap(text, _ROOM) if cells(text) > _ROOM else [text])
    return lines


def _fact(label: str, texts: list[str]) -> list[str]:
    return hang(f"  {label:<{_LABEL_CELLS - 2}}", texts, _LABEL_CELLS)


def is_interrupted(verdict: Verdict) -> bool:
    """Tell whether nothing but an interruption kept an evaluation from its verdict."""
    return verdict.interruption is not None and len(verdict.errors) <= 1


def interrupted(report: Report) -> list[Verdict]:
    """The evaluations that an interruption left undecided; none where another error is to be mended first."""
    errors = [verdict for verdict in report.evaluations if verdict.verdict is VerdictKind.ERROR]
    return errors if all(map(is_interrupted, errors)) else []


def progress(verdicts: Sequence[Verdict]) -> str:
    """Say how far interrupted evaluations came: "400 of 600 samples"."""
    once = {verdict.id: verdict.interruption for verdict in verdicts if verdict.interruption is not None}.values()
    return f"{count(sum(each.done for each in once))} of {count(sum(each.total for each in once))} samples"
