"""The report on a terminal: the verdict first, each evaluation that did not pass with its cause and its worst case, and
what to do next.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.config.environment import colours_wanted
from harness.records import Change, Loss, Report, Step, Verdict, VerdictKind, VersionRef
from harness.records.budget import amount
from harness.reporting.shared.cases import CaseToSee, Piece, case_to_see, shown_changes
from harness.reporting.shared.figures import count, duration, plural
from harness.reporting.shared.names import kind_in_words
from harness.reporting.shared.table import FEW, MARKS, TableRow, greens_in_words, rows, slice_rows, slices_in_words
from harness.reporting.shared.text import cells, command_lines, flow, hang, labelled, printable, symbol, wrap
from harness.reporting.wording.budget import flops_in_words
from harness.reporting.wording.failure import interrupted, progress, sentence

INDENT, NARROW = 16, 60
_LEAST_WIDTH = 30
_CELLS_ABOVE = 32
"""Of an error that stands above."""
_MOST_ROWS = 50
_WORDS = {VerdictKind.INCONCLUSIVE: "INCONCLUSIVE", VerdictKind.PASSED: "GREEN"}
_USAGE_ERROR = 4
_COLOURS = {"RED": "1;31", "INTERRUPTED": "1;33", "NOT KEPT": "1;33", "INCONCLUSIVE": "1;33", "GREEN": "1;32"}
_DIFFERING = {"was": ("[-", "-]"), "is": ("{+", "+}")}
"""What stands around that which the other answer lacks, as `git diff --word-diff` has it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a report for one stream.

    Attributes:
        width: columns of the terminal.
        colour: whether ANSI colours may be used.
        encoding: of the stream; what it can't hold is written in ASCII.
        verbosity: 1 shows every evaluation that passed, too, and every slice.
    """

    width: int = 80
    colour: bool = False
    encoding: str = "utf-8"
    verbosity: int = 0


def terminal_layout(verbosity: int = 0) -> Layout:
    """The layout of standard output: its width and encoding, colours where it is a terminal and they are wanted."""
    colour = sys.stdout.isatty() and colours_wanted()
    return Layout(shutil.get_terminal_size().columns, colour, sys.stdout.encoding or "utf-8", verbosity)


def render(
    report: Report,
    layout: Layout = Layout(),
    report_path: str | None = None,
    *,
    changes: Sequence[Change] | None = None,
) -> list[str]:
    """The report as lines without line ends, each at most as wide as the layout says.

    Args:
        report: the run, with its notes and steps.
        layout: how to write it.
        report_path: where the full report is, shown on the last line.
        changes: the cases to show, in place of the worst of each evaluation that did not pass.
    """
    layout = replace(layout, width=max(_LEAST_WIDTH, layout.width))
    width, encoding, every = layout.width, layout.encoding, rows(report, layout.encoding)
    cases = _by_evaluation(shown_changes(report) if changes is None else changes)
    keep = layout.verbosity > 0 or len(every) <= FEW
    shown = [each for each in every if keep or each.verdict.verdict is not VerdictKind.PASSED or cases.get(_key(each))]
    hidden = [each for each in every if each not in shown]
    unseen = 0 if layout.verbosity > 0 else max(0, len(shown) - _MOST_ROWS)
    first = headline(report)
    lines = [_coloured(line, _COLOURS.get(re.split("[:,]", first)[0]), layout) for line in wrap(first, width)]
    lines += [*_header(report, width, encoding), ""]
    shown_above: list[str | CaseToSee] = []
    for each in shown[: len(shown) - unseen]:
        lines += block(each, report.losses, cases.get(_key(each), []), layout, shown_above)
    if unseen:
        lines += wrap(f"  and {count(unseen)} more that did not pass; -v shows all, so does the report", width)
    if hidden:
        indent = INDENT if width >= NARROW else len("  passed ")
        lines += hang("  passed".ljust(indent), wrap(greens_in_words(report, hidden), width - indent))
    notes = [each for each in report.notes if each.kind != "ranges" or shown]
    notices = [(each.kind if each.kind in ("budget", "ranges") else "note", each.text) for each in notes]
    last = [("report", report_path)] if report_path else []
    lines += [""] if notices else []
    lines += _labelled(notices, width, encoding)
    lines += [""] if report.steps or last else []
    for step in report.steps:
        lines += _step(step, width, encoding) if step.command else _labelled([("next", step.why)], width, encoding)
    return lines + _labelled(last, width, encoding)


def _labelled(texts: Sequence[tuple[str, str]], width: int, encoding: str) -> list[str]:
    return [line for label, text in texts for line in labelled(label, printable(text, encoding=encoding), width)]


def _step(step: Step, width: int, encoding: str) -> list[str]:
    """A command with what it is good for; one whose words are longer than a line is wider than the terminal."""
    command, why = (printable(text, encoding=encoding) for text in (step.command, step.why))
    start = labelled("next", "", width)[0]
    return hang(start, command_lines(command, why, width - len(start)))


def render_stored(report: Report, layout: Layout, path: str | None = None) -> list[str]:
    """`render` of one that was not made just now: with which run it is, and when it was made."""
    return [f"run     {report.run_id}, made {report.created}", *render(report, layout, path)]


def _key(shown: TableRow) -> tuple[str, str]:
    return shown.verdict.id, shown.verdict.metric


def _by_evaluation(changes: Sequence[Change]) -> dict[tuple[str, str], list[Change]]:
    groups: dict[tuple[str, str], list[Change]] = {}
    for each in changes:
        groups.setdefault((each.evaluation_id, each.metric), []).append(each)
    return groups


def block(
    shown: TableRow,
    losses: Sequence[Loss],
    changes: Sequence[Change],
    layout: Layout,
    shown_above: list[str | CaseToSee],
) -> list[str]:
    """One evaluation: its figures, the sentence that says why, its errors and slices, and cases to look at.

    Args:
        shown_above: errors and cases of evaluations above, which are not shown again; those of this one are added.
    """
    verdict, encoding = shown.verdict, layout.encoding
    wide = layout.width >= NARROW
    indent = INDENT if wide else 2
    room = layout.width - indent
    why = sentence(shown, losses, encoding)
    beside = cells("   ".join(filter(None, (shown.name, shown.figures, why)))) <= room
    lines = flow(filter(None, (shown.name, shown.figures, why if beside else "")), room)
    lines += wrap(why, room) if why and not beside else []
    for message in shown.errors:
        start = "- " if len(shown.errors) > 1 else ""
        lines += hang(start, wrap(_or_as_above(message, shown_above, encoding), room - 2))
    if verdict.slices and (layout.verbosity > 0 or verdict.verdict is not VerdictKind.PASSED):
        lines += _slices(verdict, room, layout)
    for change in changes:
        case = case_to_see(change, verdict, room - 12, encoding)
        same = replace(case, score="")
        lines += (
            flow([case.id, case.score, "as above"], room) if same in shown_above else case_lines(case, room, layout)
        )
        shown_above.append(same)
    colour = "33" if verdict.verdict is VerdictKind.INCONCLUSIVE else "31" if verdict.verdict.is_red else None
    status = _coloured(shown.status, colour, layout)
    start = status + " " * (INDENT - cells(shown.status))
    return hang(start, lines, indent) if wide else [status, *(f"  {line}" for line in lines)]


def _or_as_above(message: str, shown_above: list[str | CaseToSee], encoding: str) -> str:
    """An error, or the beginning of one that stands above, whatever number of bodies it ended there."""
    same = re.sub(r" \([\d,]+ (bodies|times)\b.*\)$", "", message)
    if same not in shown_above:
        shown_above.append(same)
        return message
    return f"as above: {printable(message, _CELLS_ABOVE, encoding=encoding)}"


def _slices(verdict: Verdict, room: int, layout: Layout) -> list[str]:
    """Return what the slices come to, each of them where all is wanted."""
    lines = wrap(f"slices: {printable(slices_in_words(verdict), encoding=layout.encoding)}", room)
    for each in slice_rows(verdict, layout.encoding) if layout.verbosity > 0 else ():
        pieces = (f"{MARKS[each.result.verdict]} {each.name}", plural(each.result.n_cases, "case"), each.figures)
        lines += hang("", flow(filter(None, pieces), room - 2), 2)
    return lines


def case_lines(case: CaseToSee, room: int, layout: Layout = Layout()) -> list[str]:
    """A case with its question and what is expected, and below it the answers, as often as they were given."""
    asked = [f'"{case.question}"'] if case.question else []
    asked += [f'expected "{case.expected}"'] if case.expected else []
    lines = flow([case.id, case.score, *asked], room)
    size = max((cells(f"{each.label}  ") for each in case.answers), default=5)
    for each in case.answers:
        times = f"{each.times} {symbol('×', layout.encoding)} " if each.times > 1 else ""
        start = f"{each.label:<{size}}{times}"
        lines.append(start + _marked(each.label, each.pieces, room - cells(start), layout))
    return lines + (hang(f"{'why':<{size}}", wrap(case.reason, room - size)) if case.reason else [])


def _marked(label: str, pieces: Sequence[Piece] | None, room: int, layout: Layout) -> str:
    """An answer in quotes, in which is marked what the other one lacks, as far as there is room for it."""
    if pieces is None:
        return "no answer"
    plain = "".join(text for text, _ in pieces)
    before, after = ("\x1b[1;4m", "\x1b[0m") if layout.colour else _DIFFERING.get(label, ("", ""))
    marked = "".join(f"{before}{text}{after}" if differs else text for text, differs in pieces)
    return f'"{marked}"' if layout.colour or cells(marked) + 2 <= room else f'"{plain}"'


def is_kept(report: Report) -> bool:
    """Tell whether a run could be stored and reported whole; a note says what went wrong where it could not."""
    return report.exit_code != _USAGE_ERROR


def headline(report: Report) -> str:
    """The run in one line: "RED: 1 regressed, 48 passed (endpoint not asked: answers of 2026-11-20)"."""
    stopped = interrupted(report)
    word = _WORDS.get(report.verdict, "RED")
    kinds = Counter(verdict.verdict for verdict in report.evaluations)
    words = {kind: f"{count(number)} {kind}" for kind, number in kinds.items()}
    if stopped:
        words[VerdictKind.ERROR] = f"{count(len(stopped))} interrupted after {progress(stopped)}"
    elif kinds[VerdictKind.ERROR]:
        words[VerdictKind.ERROR] = plural(kinds[VerdictKind.ERROR], "error")
    parts = [words[kind] for kind in sorted(kinds, key=lambda kind: -kind.severity)]
    if not parts:
        return "no evaluation was run"
    if stopped and not kinds[VerdictKind.FAILED] and not kinds[VerdictKind.REGRESSED]:
        parts[0] = f"{progress(stopped)}, {count(len(stopped))} undecided"
        word = "INTERRUPTED"
    if word == "GREEN" and (report.n_unreached or not is_kept(report)):
        word = "INTERRUPTED" if report.n_unreached else "NOT KEPT"
    counting = [each for each in report.evaluations if each.verdict is not VerdictKind.PASSED]
    accepted = [waiver for each in counting if (waiver := report.accepted(each)) is not None]
    if accepted and len(accepted) == len(counting) and word != "INTERRUPTED":
        word = f"{word}, accepted until {min(each.until for each in accepted)}"
    elif accepted:
        parts.append(f"{count(len(accepted))} of them accepted")
    note = " (exit code 0: --inconclusive warn)" if word == "INCONCLUSIVE" and report.exit_code == 0 else ""
    return f"{word}: {', '.join(parts)}{note}{_not_asked(report)}"


def _not_asked(report: Report) -> str:
    """Say, in brackets after a space, that the candidate was not asked and of which days its answers are; else ""."""
    if (stored := report.from_store) is None:
        return ""
    days = stored.oldest if stored.oldest == stored.newest else f"{stored.oldest} to {stored.newest}"
    return f" ({stored.asked} not asked: answers of {days})"


def _header(report: Report, width: int, encoding: str) -> list[str]:
    versions = [f"candidate {_version(report.candidate, encoding)}"]
    versions += [chosen(report)] if chosen(report) else []
    versions += [f"against {_version(report.baseline, encoding)}"] if report.baseline else []
    versions += [f"and the anchor {_version(report.anchor, encoding)}"] if report.anchor else []
    judges = ", ".join(printable(judge.name, 60, encoding=encoding) for judge in report.judges)
    versions += [f"judged by {judges}"] if judges else []
    dot = f" {symbol('·', encoding)} "
    lines = [
        *flow([*versions, f"confidence {report.confidence_level:g}"], width - 2),
        *flow(facts(report), width - 2, dot),
    ]
    return [f"  {line}" for line in lines]


def chosen(report: Report) -> str:
    """Say that the candidate is the best of many; "" where it stands alone."""
    return f"chosen among {plural(report.best_of, 'candidate')}" if report.best_of > 1 else ""


def facts(report: Report) -> list[str]:
    """Return how many evaluations there are, how long they took, and on how much they rest."""
    usage = report.usage
    known = [plural(len(report.evaluations), "evaluation"), duration(usage.wall_s), *samples_in_words(report)]
    return [*known, *([] if usage.cost is None else [f"cost {amount(usage.cost)}"]), *flops_in_words(usage)]


def _version(version: VersionRef, encoding: str) -> str:
    return printable(version.name, 60, encoding=encoding) + kind_in_words(version)


def samples_in_words(report: Report) -> list[str]:
    """The samples and blocks that bodies asked for, and where they came from, so that the parts add up to the whole.

    A verdict that was decided before all of it was there says on how many samples it rests. Blocks are of both
    versions.
    """
    usage = report.usage
    samples = {
        "drawn now": usage.model_calls - usage.measured_blocks,
        "from the store": usage.stored_samples - usage.stored_blocks,
        "shared by equal questions": usage.shared_samples,
        "without an answer": usage.failed_samples,
    }
    blocks = {"measured now": usage.measured_blocks, "from the store": usage.stored_blocks}
    parts = [*_asked_for("sample", samples), *_asked_for("block", blocks)]
    return parts or ["no model asked"]


def _asked_for(what: str, parts: Mapping[str, int]) -> list[str]:
    """The number of them, and where each part of it came from; nothing of none."""
    known = [(number, origin) for origin, number in parts.items() if number]
    if not known:
        return []
    total = f"{plural(sum(parts.values()), what)} asked for"
    if len(known) == 1:
        return [f"{total}, all {known[0][1]}"]
    return [f"{total} ({', '.join(f'{count(number)} {origin}' for number, origin in known)})"]


def _coloured(text: str, code: str | None, layout: Layout) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if code and layout.colour else text
