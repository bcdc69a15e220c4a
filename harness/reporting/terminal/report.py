"""The report on a terminal: the verdicts with the worst first, what changed, and what to do next."""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.config.environment import colours_wanted
from harness.decisions.reasons import percent
from harness.records import Change, LostClaim, Report, Verdict, VerdictKind, VersionRef
from harness.reporting.shared.cases import change_lines, shown_changes
from harness.reporting.shared.figures import chosen, count, digits, duration, figure, plural
from harness.reporting.shared.names import display_names, kind_in_words
from harness.reporting.shared.table import FEW, NARROW, TableRow, greens, rows, table
from harness.reporting.shared.text import flow, hang, labelled, printable, symbol, wrap
from harness.reporting.steps import step_in_words
from harness.reporting.wording.answered import name_notes, not_asked, printed_notes, version_notes
from harness.reporting.wording.budget import budget_line, budget_notes, cost, flops_in_words
from harness.reporting.wording.failure import interrupted, progress
from harness.reporting.wording.losses import worse_in_words
from harness.reporting.wording.notes import judge_notes, recorded_notes, waiver_notes
from harness.reporting.wording.slices import slice_lines

_LEAST_WIDTH = 30
_TEXT_CELLS = 100_000
_MOST_ROWS = 50
_MOST_LOST = 5
_MOST_TOLD = 3
_WORDS = {VerdictKind.INCONCLUSIVE: "INCONCLUSIVE", VerdictKind.PASSED: "GREEN"}
_USAGE_ERROR = 4
_COLOURS = {"RED": "1;31", "INTERRUPTED": "1;33", "NOT KEPT": "1;33", "INCONCLUSIVE": "1;33", "GREEN": "1;32"}
_ROW_COLOURS = {"x regressed": "31", "x failed": "31", "! error": "31", "? inconclusive": "33"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of a report for one stream.

    Attributes:
        width: columns of the terminal.
        colour: whether ANSI colours may be used.
        encoding: of the stream; what it can't hold is written in ASCII.
        verbosity: 1 shows every evaluation that passed, too.
    """

    width: int = 80
    colour: bool = False
    encoding: str = "utf-8"
    verbosity: int = 0


def terminal_layout(verbosity: int = 0) -> Layout:
    """The layout of standard output: its width and encoding, colours where it is a terminal and they are wanted."""
    colour = sys.stdout.isatty() and colours_wanted()
    return Layout(shutil.get_terminal_size().columns, colour, sys.stdout.encoding or "utf-8", verbosity)


def indented(text: str, layout: Layout, indent: int = 2) -> list[str]:
    """A text on lines of its own; those that follow the first stand two cells further in.

    >>> indented("lower than the baseline", Layout(width=24))
    ['  lower than the', '    baseline']
    """
    shown = printable(text, _TEXT_CELLS, encoding=layout.encoding)
    return hang(" " * indent, wrap(shown, max(20, layout.width - indent - 2)), indent + 2)


def render(
    report: Report,
    layout: Layout = Layout(),
    report_path: str | None = None,
    *,
    changes: Sequence[Change] | None = None,
) -> list[str]:
    """The report as lines without line ends, each at most as wide as the layout says.

    Args:
        report: the run.
        layout: how to write it.
        report_path: where the full report is, shown on the last line.
        changes: the cases to show, in place of the three to look at of a report that is not green.
    """
    width = max(_LEAST_WIDTH, layout.width)
    every = rows(report, layout.encoding)
    keep = layout.verbosity > 0 or len(every) <= FEW
    shown = [row for row in every if keep or row.verdict.verdict is not VerdictKind.PASSED]
    hidden = every[len(shown) :]
    unseen = 0 if layout.verbosity > 0 else max(0, len(shown) - _MOST_ROWS)
    shown = shown[: len(shown) - unseen]
    lines = _header(report, width, layout.encoding)
    red = [row for row in every if row.verdict.verdict.is_red and row.verdict.difference is not None][:_MOST_TOLD]
    for row in red:
        worse = worse_in_words(report, row.verdict, layout.encoding)
        lines += labelled("worse", f"{row.name}: {worse}", width) if worse else []
    lines += ["", *_coloured_rows(table(shown, width), layout.colour)] if shown else []
    if unseen:
        lines += wrap(f"    and {count(unseen)} more that did not pass; -v shows all, so does the report", width)
    lines += greens(report, hidden, width) if shown else ["", *greens(report, hidden, width)] if hidden else []
    if told := slice_lines(report, width, layout.encoding, every=layout.verbosity > 0):
        lines += ["", *told]
    if changes is None:
        changes = shown_changes(report)
    if changes:
        lines += ["", *change_lines(report, changes, width, layout.encoding)]
    remarks = [("ranges", text) for text in ranges(shown, report.confidence_level)]
    remarks += [("note", text) for text in _notes(report, layout, folded=len(report.evaluations) > FEW)]
    lines += [""] if remarks else []
    for label, text in remarks:
        lines += labelled(label, text, width)
    lines += ["", *_conclusion(report, width, layout.colour)]
    if spent := budget_line(report):
        lines += labelled("budget", spent, width)
    for step in report.steps:
        lines += labelled("next", printable(step_in_words(step), encoding=layout.encoding), width)
    if report_path:
        lines += labelled("report", printable(report_path, encoding=layout.encoding), width)
    return lines


def render_stored(report: Report, layout: Layout, path: str | None = None) -> list[str]:
    """`render` of one that was not made just now: with which run it is, and when it was made."""
    return [f"run     {report.run_id}, made {report.created}", *render(report, layout, path)]


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
    if word == "GREEN" and report.n_unreached:
        word = "INTERRUPTED"
    if word == "GREEN" and not is_kept(report):
        word = "NOT KEPT"
    counting = [each for each in report.evaluations if each.verdict is not VerdictKind.PASSED]
    accepted = [waiver for each in counting if (waiver := report.accepted(each)) is not None]
    if accepted and len(accepted) == len(counting) and word != "INTERRUPTED":
        word = f"{word}, accepted until {min(each.until for each in accepted)}"
    elif accepted:
        parts.append(f"{count(len(accepted))} of them accepted")
    note = " (exit code 0: --inconclusive warn)" if word == "INCONCLUSIVE" and report.exit_code == 0 else ""
    return f"{word}: {', '.join(parts)}{note}{not_asked(report)}"


def _header(report: Report, width: int, encoding: str) -> list[str]:
    versions = [f"candidate {_version(report.candidate, encoding)}"]
    versions += [chosen(report.best_of)] if report.best_of > 1 else []
    versions += [f"against {_version(report.baseline, encoding)}"] if report.baseline else []
    judges = ", ".join(printable(judge.name, 60, encoding=encoding) for judge in report.judges)
    versions += [f"judged by {judges}"] if judges else []
    versions.append(f"confidence {report.confidence_level:g}")
    usage = report.usage
    facts = [plural(len(report.evaluations), "evaluation"), duration(usage.wall_s), *samples_in_words(report)]
    facts += [cost(usage.cost)] if usage.cost is not None else []
    facts += flops_in_words(usage)
    indent = 12 if width >= NARROW else 2
    lines = [*flow(versions, width - indent), *flow(facts, width - indent, f" {symbol('·', encoding)} ")]
    return (
        hang(f"{'steelyard':<{indent}}", lines) if width >= NARROW else ["steelyard", *(f"  {line}" for line in lines)]
    )


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
    told = [*_asked_for("sample", samples), *_asked_for("block", blocks)]
    return told or ["no model asked"]


def _asked_for(what: str, parts: Mapping[str, int]) -> list[str]:
    """The number of them, and where each part of it came from; nothing of none."""
    told = [(number, origin) for origin, number in parts.items() if number]
    if not told:
        return []
    total = f"{plural(sum(parts.values()), what)} asked for"
    if len(told) == 1:
        return [f"{total}, all {told[0][1]}"]
    return [f"{total} ({', '.join(f'{count(number)} {origin}' for number, origin in told)})"]


def ranges(shown: Sequence[TableRow], confidence_level: float) -> list[str]:
    """The meaning of the table's brackets, where it has any."""
    shown = [row for row in shown if "[" in row.candidate + row.difference]
    if not shown:
        return []
    sure = f"with {100 * confidence_level:g}% confidence"
    stopped = any(row.verdict.plan.design == "sequential" for row in shown)
    early = ", also where sampling stopped early" if stopped else ""
    inside = f"{sure} the true score lies inside its range"
    if not any(row.difference for row in shown):
        return [inside + early]
    apart = any(row.verdict.slices for row in shown)
    slices = ", of slices those of all of them together" if apart else ""
    return [f"{inside}; of a difference each end holds by itself {sure}{slices}{early}"]


def notes(report: Report, encoding: str) -> list[str]:
    """The facts that a reader must know before trusting the figures, what was spent first where the run had a budget;
    of a report that folds what passed.
    """
    return [*budget_notes(report), *_notes(report, Layout(encoding=encoding), folded=True)]


def _notes(report: Report, layout: Layout, *, folded: bool) -> list[str]:
    encoding = layout.encoding
    told = [
        *waiver_notes(report, encoding),
        *version_notes(report, encoding),
        *name_notes(report, encoding),
        *printed_notes(report, encoding),
    ]
    if report.best_of > 1:
        told.append(
            f"the best of {count(report.best_of)} candidates looks good by chance too: each is decided at 1 part in "
            f"{count(report.best_of)} of the error rate"
        )
    if report.n_unreached:
        told.append(
            f"pytest stopped before {plural(report.n_unreached, 'more evaluation')}, which so have no verdict; what "
            "they drew is stored"
        )
    for reason, number in Counter(each.reason for each in report.skipped).items():
        told.append(f"{plural(number, 'evaluation')} skipped: {printable(reason, 100, encoding=encoding)}")
    once = list({verdict.id: verdict for verdict in report.evaluations}.values())
    cut = [verdict for verdict in once if verdict.n_truncated]
    if cut:
        total = sum(verdict.n_samples for verdict in cut)
        where = display_names(verdict.id for verdict in once)[cut[0].id] if len(cut) == 1 else f"{len(cut)} evaluations"
        truncated = sum(verdict.n_truncated for verdict in cut)
        where = printable(where, 100, cut="middle", encoding=encoding)
        told.append(f"{count(truncated)} of {count(total)} answers were cut at max_tokens in {where}")
    skipped = sum(verdict.n_skipped for verdict in once)
    if skipped:
        both = any(verdict.baseline is not None for verdict in once if verdict.n_skipped)
        told.append(f"{plural(skipped, 'case')} skipped" + (", for candidate and baseline alike" if both else ""))
    defaults = {
        percent(verdict.plan.margin)
        if verdict.plan.margin_is_relative
        else figure(verdict.plan.margin, digits([verdict.plan.margin, 0.0]))
        for verdict in once
        if verdict.plan.margin_is_default and verdict.difference is not None
    }
    for margin in sorted(defaults):
        told.append(f"margin {margin} is the default; set it for an evaluation or the project")
    told += _lost_notes(once, encoding)
    hidden = recorded_notes(once) if folded else []
    return told + hidden + judge_notes(once, encoding)


def _conclusion(report: Report, width: int, colour: bool) -> list[str]:
    text = headline(report)
    code = _COLOURS.get(re.split("[:,]", text)[0]) if colour else None
    return [_coloured(line, code) if code else line for line in wrap(text, width)]


def _coloured_rows(lines: list[str], colour: bool) -> list[str]:
    painted = []
    for line in lines:
        status = next((each for each in _ROW_COLOURS if colour and line.lstrip().startswith(each)), None)
        painted.append(line.replace(status, _coloured(status, _ROW_COLOURS[status]), 1) if status else line)
    return painted


def _coloured(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"


def _lost_notes(verdicts: Sequence[Verdict], encoding: str) -> list[str]:
    """The cases that look worse than the baseline's, in a line for each evaluation that has some."""
    names = display_names(verdict.id for verdict in verdicts)
    told = []
    for verdict in verdicts:
        lost = () if verdict.lost is None else verdict.lost.cases
        if verdict.lost is not None and lost:
            name = printable(names[verdict.id], 60, cut="middle", encoding=encoding)
            sure = "" if verdict.lost.max_lost is None else _sure_of(verdict.lost)
            told.append(f"{plural(len(lost), 'case')} shown to be worse in {name}: {_some_cases(lost, encoding)}{sure}")
    return told


def _sure_of(lost: LostClaim) -> str:
    """Say how many of them are sure enough to count against `max_lost`."""
    return f"; {count(lost.n_decisive)} of them surely enough to count against max_lost={lost.max_lost}"


def _some_cases(cases: Iterable[str], encoding: str) -> str:
    names = [printable(case, 40, cut="middle", encoding=encoding) for case in cases]
    more = len(names) - _MOST_LOST
    return ", ".join(names[:_MOST_LOST]) + (f" and {count(more)} more" if more > 0 else "")
