"""The report as Markdown: a screenful for a comment on a pull request, the worst first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal
from urllib.parse import quote, urlsplit

from harness.errors import SettingsError
from harness.records import Change, Report, VerdictKind
from harness.reporting.shared.cases import answer_facts, change_names, changes_title, score_in_words, shown_changes
from harness.reporting.shared.figures import chosen, count, duration, plural
from harness.reporting.shared.names import COMMENT_NAME, kind_in_words
from harness.reporting.shared.table import TableRow, greens_in_words, rows
from harness.reporting.shared.text import printable
from harness.reporting.terminal.report import headline, is_kept, notes, ranges, samples_in_words
from harness.reporting.wording.budget import cost, flops_in_words
from harness.reporting.wording.slices import sliced, slices_in_words

MOST_CHARACTERS = 65_535
"""GitHub refuses a longer comment."""

_NAME = re.compile(r"[A-Za-z0-9](?:[ ./_]?-?[A-Za-z0-9])*")
_LONGEST_NAME = 80
_MARKS = {
    VerdictKind.ERROR: "⚠️",
    VerdictKind.FAILED: "❌",
    VerdictKind.REGRESSED: "❌",
    VerdictKind.INCONCLUSIVE: "❔",
    VerdictKind.PASSED: "✅",
}
_MOST_NOTES = 6
_NOTE_CELLS = 400
_NAME_CELLS = 80
_GREENS_CELLS = 320
_REASON_CELLS = 200
_ANSWER_CELLS = 240
_FINGERPRINT_DIGITS = 12


_LIMITS = ((20, 3), (5, 1), (1, 0))
"""The room that a report has: rows of a table, and cases."""


def marker(name: str) -> str:
    """The first line of a comment, by which the next run finds it: an HTML comment, which nobody sees.

    Raises:
        SettingsError: the name can't stand in one.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise SettingsError(
            f"--name {name!r} can't name a comment. Write letters and digits, with single spaces, dots, slashes, "
            f"dashes or underscores between them, {_LONGEST_NAME} characters at most."
        )
    return f"<!-- steelyard: {name} -->"


def markdown(report: Report, name: str = COMMENT_NAME, link: str | None = None) -> str:
    """The report as GitHub's and GitLab's Markdown, shorter than a comment may be.

    Args:
        name: of the comment; one pull request may have several, each kept up to date by itself.
        link: the address of the whole report.

    Raises:
        SettingsError: the name or the address can't be.
    """
    first, address = marker(name), None if link is None else checked_link(link)
    for n_rows, n_changes in _LIMITS:
        text = "\n".join([first, *_lines(report, name, address, n_rows, n_changes)]) + "\n"
        if len(text) <= MOST_CHARACTERS:
            break
    return text


def without_report(name: str = COMMENT_NAME, link: str | None = None) -> str:
    """The comment for a gate that came to no report, so that the one of the run before does not stand.

    Raises:
        SettingsError: the name or the address can't be.
    """
    title = "no report" if name == COMMENT_NAME else f"{escaped(name)}: no report"
    lines = [marker(name), f"### {_MARKS[VerdictKind.INCONCLUSIVE]} {title}", ""]
    lines.append("The gate wrote no report: it ran no evaluation, or ended before its own end; its output says why.")
    lines += ["", f"[Output](<{checked_link(link)}>)"] if link else []
    return "\n".join(lines) + "\n"


def checked_link(link: str) -> str:
    """An address as Markdown takes it between angle brackets.

    Raises:
        SettingsError: it is none of the web.
    """
    try:
        parts = urlsplit(link)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError(f"--link {link!r} is no address of the web; write one that begins with https://.")
    return quote(link, safe="%/:=&?~#+!$,;'@()*[]", errors="replace")


def _lines(report: Report, name: str, link: str | None, n_rows: int, n_changes: int) -> list[str]:
    every = rows(report, "utf-8")
    worse = [row for row in every if row.verdict.verdict is not VerdictKind.PASSED]
    title = headline(report) if name == COMMENT_NAME else f"{escaped(name)}: {headline(report)}"
    is_green = report.verdict is VerdictKind.PASSED and is_kept(report) and report.evaluations
    mark = _MARKS[report.verdict if is_green or report.verdict.is_red else VerdictKind.INCONCLUSIVE]
    lines = [f"### {mark} {title}", "", *_versions(report)]
    if worse:
        lines += ["", *_table(worse[:n_rows])]
        hidden = len(worse) - n_rows
        lines += ["", f"and {count(hidden)} more that did not pass"] if hidden > 0 else []
    if passed := every[len(worse) :]:
        told = prose(greens_in_words(report, passed), _GREENS_CELLS)
        lines += ["", f"{_MARKS[VerdictKind.PASSED]} passed: {told}"]
    slices = [f"{code(name, _NAME_CELLS, 'middle')}: {prose(slices_in_words(each))}" for each, name in sliced(report)]
    lines += _list("Slices", slices[:n_rows])
    lines += _changes(report, shown_changes(report)[:n_changes])
    lines += _list("Note", [prose(text, _NOTE_CELLS) for text in notes(report, "utf-8")[:_MOST_NOTES]])
    lines += _list("Next", _steps(report))
    if link:
        lines += ["", f"[Full report](<{link}>)"]
    return [*lines, "", *_origin(report, every)]


def _versions(report: Report) -> list[str]:
    """The versions that were weighed, and on how much."""
    told = [f"candidate {code(report.candidate.name, 60)}{kind_in_words(report.candidate)}"]
    told += [f"({chosen(report.best_of)})"] if report.best_of > 1 else []
    if report.baseline:
        told.append(f"against {code(report.baseline.name, 60)}{kind_in_words(report.baseline)}")
    if report.judges:
        told.append(f"judged by {', '.join(code(judge.name, 60) for judge in report.judges[:5])}")
    facts = [" ".join(told), plural(len(report.evaluations), "evaluation"), *samples_in_words(report)]
    facts += [duration(report.usage.wall_s), f"confidence {report.confidence_level:g}"]
    facts += [cost(report.usage.cost)] if report.usage.cost is not None else []
    return [" · ".join([*facts, *flops_in_words(report.usage)])]


def _table(shown: Sequence[TableRow]) -> list[str]:
    """The rows as a table, with columns for the figures that any of them has."""
    columns = {
        "candidate": [_figures(row.candidate) for row in shown],
        "baseline": [_figures(row.baseline) for row in shown],
        "difference": [_figures(row.difference) for row in shown],
    }
    columns = {title: cells for title, cells in columns.items() if any(cells)}
    lines = [f"| {' | '.join(('verdict', 'evaluation', *columns))} |", "|---" * (2 + len(columns)) + "|"]
    for position, row in enumerate(shown):
        mark, verdict = _MARKS[row.verdict.verdict], row.verdict.verdict
        cells = [f"{mark}&nbsp;{verdict}", _name_and_reason(row), *(each[position] for each in columns.values())]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _figures(text: str) -> str:
    """Figures that break between a value and its bounds, and not within them."""
    value, bracket, bounds = prose(text).partition(" [")
    return f"{value}{bracket}{bounds.replace(', ', ',&nbsp;')}"


def _name_and_reason(row: TableRow) -> str:
    """The name of an evaluation, and below it what is required, the reason of its verdict, and its first error."""
    texts = [prose(text, _REASON_CELLS) for text in (row.told, *row.errors[:1]) if text]
    more = len(row.verdict.errors) - 1 if row.errors else 0
    if more > 0:
        texts[-1] += f" (and {plural(more, 'more message')})"
    return "<br>".join([code(row.name, _NAME_CELLS, "middle"), *texts])


def _changes(report: Report, changes: Sequence[Change]) -> list[str]:
    """The cases to look at with both answers, folded."""
    if not changes:
        return []
    verdicts = {(verdict.id, verdict.metric): verdict for verdict in report.evaluations}
    lines: list[str] = []
    for change, name in zip(changes, change_names(report, changes, "utf-8"), strict=True):
        score = score_in_words(change, verdicts.get((change.evaluation_id, change.metric)))
        lines += [""] if lines else []
        lines += [f"{code(name, _NAME_CELLS, 'middle')} {prose(score.replace(' -> ', ' → '))}", ""]
        lines += [f"- {label}: {code(text)}" for label, text in answer_facts(change, _ANSWER_CELLS)]
    title = changes_title(changes).capitalize()
    names = ", ".join(code(change.case_id, 40) for change in changes)
    return ["", f"<details><summary>{title}: {names}</summary>", "", *lines, "", "</details>"]


def _steps(report: Report) -> list[str]:
    """The things to do, without those that only work where the run was made: who reads a comment is elsewhere."""
    steps = [step for step in report.steps if not step.is_local]
    return [f"{code(each.command)} ({prose(each.why)})" if each.command else prose(each.why) for each in steps]


def _list(title: str, items: Iterable[str]) -> list[str]:
    lines = [f"- {item}" for item in items]
    return ["", f"**{title}**", "", *lines] if lines else []


def _origin(report: Report, every: Sequence[TableRow]) -> list[str]:
    """Name the run and its versions' fingerprints, and say how its figures are to be read; small."""
    facts = [f"run {code(report.run_id, 60)} of {prose(report.created, 40)}"]
    for role, version in (("candidate", report.candidate), ("baseline", report.baseline)):
        if version is not None:
            facts.append(f"{role} {code(version.fingerprint.removeprefix('sha256:')[:_FINGERPRINT_DIGITS], 20)}")
    facts += [prose(text) for text in ranges(every, report.confidence_level)]
    return [f"<sub>{'; '.join(facts)}</sub>"]


_EMPHASIS = r"(?<![^\W_])_|_(?![^\W_])"  # an underscore within a word is one
_MARKUP = re.compile(rf"[\\`*\[\]{{}}<>&|~@#$!^]|{_EMPHASIS}|:(?=//)|(?<=www)\.", re.IGNORECASE)
_WORDS = re.compile(r"[\w(+\-][\w ,.;:()\[\]%+\-/='’\"…→×·?]*")
_READ_AS_MORE = re.compile(rf"{_EMPHASIS}|\]\s*[(\[:]|\bGH-\d|www\.|:/|:\w+:|^(?:[-+]|\d+[.)])\s", re.IGNORECASE)


def code(text: str, width: int | None = None, cut: Literal["end", "middle"] = "end") -> str:
    """A text of somebody else's, on one line, harmless wherever it stands within a line: in a table's cell, too.

    Args:
        width: characters that are shown; how many more there are is said. None for no limit.
        cut: where to leave out what does not fit.

    >>> code("a|b @ann #12 `x` <b>")
    '<code>a&#124;b &#64;ann &#35;12 &#96;x&#96; &#60;b&#62;</code>'
    """
    return f"<code>{escaped(printable(text, width, cut=cut))}</code>"


def escaped(line: str) -> str:
    """A printable line with all that Markdown or HTML would read written as entities."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", line)


def prose(text: str, width: int | None = None) -> str:
    """A sentence of ours, which may hold a name of somebody else's: as it is where nothing in it is read as more than
    words, else as `code`.

    >>> prose("lower by more than 0.05"), prose("lower by 3 @ann")
    ('lower by more than 0.05', '<code>lower by 3 &#64;ann</code>')
    """
    shown = printable(text, width)
    if _WORDS.fullmatch(shown) and not _READ_AS_MORE.search(shown):
        return shown
    return f"<code>{escaped(shown)}</code>" if shown else ""
