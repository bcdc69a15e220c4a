"""What is said of one evaluation: the sentence that names the loss, and the text of a failure, which stands alone."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Loss, Report, Verdict, VerdictKind, VersionRef
from harness.reporting.shared.figures import count, plural
from harness.reporting.shared.table import TableRow, row, slice_rows
from harness.reporting.shared.text import hang, printable, wrap

_WIDTH = 80
_LABEL_CELLS = 14
_MOST_CELLS = 160
_MOST_FRAME_CELLS = 200
_MOST_OTHERS = 3
_MOST_ERRORS, _MOST_LINES, _MOST_LINE_CELLS = 3, 30, 400
GO_ON = "run again to go on from there (without --fresh)"
KEPT = "completed samples are kept (an application whose code is mended is asked anew)"


def way_on(errors: Sequence[Verdict], what: str = "error") -> str:
    """The next step after errors. That of a pair of blocks says itself whether it is measured again, and when."""
    if all(each.plan.in_blocks for each in errors):
        return f"do what the {what} above ask{'s' * (what == 'error')} for: stored pairs stay until --fresh"
    return f"mend the {what} above and run again: {KEPT}"


def sentence(shown: TableRow, losses: Sequence[Loss] = (), encoding: str = "utf-8") -> str:
    """Return what is worse, where, by how much, and what the lost cases have in common, with the figures.

    "topic orders 1.00 -> 0.61 (-0.47 to -0.27, margin 0.10); all 5 lost cases no longer call look_up". Where no slice
    is shown to be worse, and of what is not red, the reason of the verdict.
    """
    verdict, parts = shown.verdict, [shown.why]
    red = [each for each in slice_rows(verdict, encoding) if each.result.verdict.is_red]
    if red and verdict.verdict.is_red:
        first, others = red[0], [each.name for each in red[1:]]
        parts = [f"{first.name} {first.figures}"]
        if others:
            more = ", …" if len(others) > _MOST_OTHERS else ""
            parts.append(f"{plural(len(others), 'more slice')} worse: {', '.join(others[:_MOST_OTHERS])}{more}")
    own = (each for each in losses if (each.evaluation_id, each.metric) == (verdict.id, verdict.metric))
    parts += [shared_in_words(each, encoding) for each in own]
    return "; ".join(filter(None, [*parts, shown.accepted]))


def shared_in_words(loss: Loss, encoding: str = "utf-8") -> str:
    """Say what the lost cases have in common; "" where nothing is more than chance."""
    if not loss.shared:
        return ""
    of = plural(loss.n_seen, "lost case")
    some = f"all {of}" if loss.n_with == loss.n_seen else f"{count(loss.n_with)} of {of}"
    others = (
        f" ({count(loss.n_others_with) if loss.n_others_with else 'none'} of {plural(loss.n_others_seen, 'other')})"
    )
    shared = printable(loss.shared, _MOST_CELLS, encoding=encoding)
    return f"{some} {shared}{others if loss.n_others_seen else ''}"


def message(verdict: Verdict, name: str, losses: Sequence[Loss] = ()) -> str:
    """The failure of an evaluation in one line: its first error, or its figures and the sentence.

    Args:
        name: what the verdict is called.
    """
    shown = row(verdict, name)
    texts = [_lines(verdict.errors[0])[0]] if verdict.errors else [sentence(shown, losses), shown.figures]
    return f"{shown.name} {verdict.verdict}: {'; '.join(filter(None, texts))}"


def failure_text(
    verdict: Verdict,
    versions: tuple[VersionRef, VersionRef | None, VersionRef | None],
    first: str,
    more: Sequence[str] = (),
) -> str:
    """A failure in at most 80 columns: its message, the versions and, of an error, all that was raised.

    Args:
        first: the message.
        more: lines that follow, unless it is an error.
    """
    candidate, baseline, anchor = versions
    named = printable(candidate.name, 40)
    named += f" against {printable(baseline.name, 40)}" if baseline and verdict.baseline else ""
    named += f" and the anchor {printable(anchor.name, 40)}" if anchor and verdict.anchor else ""
    facts = [("versions", [named])]
    errors = [_lines(each) for each in verdict.errors[:_MOST_ERRORS]]
    facts += [("error", each) for each in errors if len(errors) + len(each) > 2]  # a single line is the message
    hidden = len(verdict.errors) - _MOST_ERRORS
    facts += [("error", [f"and {plural(hidden, 'more message')} in report.json"])] if hidden > 0 else []
    facts += _frames(verdict)
    if verdict.verdict is VerdictKind.ERROR:
        facts.append(("next", [GO_ON if is_interrupted(verdict) else way_on([verdict])]))
    return "\n".join([*wrap(first, _WIDTH), *_hung(facts), *(() if verdict.verdict is VerdictKind.ERROR else more)])


def failure_line(verdict: Verdict, name: str) -> str:
    """A failure in the output of a session, at whose end the rest stands: its message in one line, cut, and of an error
    what was raised where that takes several lines.
    """
    errors = [_lines(each) for each in verdict.errors[:_MOST_ERRORS]]
    facts = [("error", each) for each in errors if len(each) > 1] + _frames(verdict)
    return "\n".join([printable(message(verdict, name), _MOST_CELLS), *_hung(facts)])


def _frames(verdict: Verdict) -> list[tuple[str, list[str]]]:
    frames = [printable(frame, _MOST_FRAME_CELLS) for frame in verdict.traceback]
    return [("raised at", frames)] if frames else []


def _hung(facts: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    lines: list[str] = []
    for label, texts in facts:
        wrapped = [line for text in texts for line in wrap(text, _WIDTH - _LABEL_CELLS)]
        lines += hang(f"  {label:<{_LABEL_CELLS - 2}}", wrapped, _LABEL_CELLS)
    return lines


def _lines(message: str) -> list[str]:
    """A message on its lines, as of a traceback."""
    lines = [line for line in message.splitlines() if line.strip()] or [message]
    return [printable(line, _MOST_LINE_CELLS, cut="middle") for line in lines[:_MOST_LINES]]


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
