"""The report as Markdown: a screenful for a comment on a pull request, the worst first."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

import jinja2

from harness.errors import SettingsError
from harness.records import Report, VerdictKind
from harness.reporting.shared.cases import ShownAnswer, case_to_see, shown_changes
from harness.reporting.shared.figures import count
from harness.reporting.shared.names import COMMENT_NAME, kind_in_words
from harness.reporting.shared.table import TableRow, greens_in_words, rows
from harness.reporting.shared.text import printable
from harness.reporting.terminal.report import chosen, facts, headline, is_kept
from harness.reporting.wording.failure import sentence

MOST_CHARACTERS = 65_535
"""GitHub refuses a longer comment."""

_NAME = re.compile(r"[A-Za-z0-9](?:[ ./_]?-?[A-Za-z0-9])*")
_LONGEST_NAME = 80
_REQUIREMENT = re.compile(r"^\s*(?:(business|non[- ]?functional)\s*:)?\s*(.*?)\s*$", re.IGNORECASE | re.DOTALL)
_MARKS = {
    VerdictKind.ERROR: "⚠️",
    VerdictKind.FAILED: "❌",
    VerdictKind.REGRESSED: "❌",
    VerdictKind.INCONCLUSIVE: "❔",
    VerdictKind.PASSED: "✅",
}
_MOST_NOTES = 6
_ANSWER_CELLS = 160
_LIMITS = ((20, 3), (5, 1), (1, 0))
"""The room that a report has: rows of a table, and cases."""


def marker(name: str) -> str:
    """The first line of a comment, by which the next run finds it: an HTML comment, which nobody sees. Raises
    SettingsError: the name can't stand in one."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise SettingsError(
            f"--name {name!r} can't name a comment. Write letters and digits, with single spaces, dots, slashes, "
            f"dashes or underscores between them, {_LONGEST_NAME} characters at most."
        )
    return f"<!-- steelyard: {name} -->"


def markdown(
    report: Report, name: str = COMMENT_NAME, link: str | None = None, moved: Sequence[tuple[str, str]] = ()
) -> str:
    """The report as GitHub's and GitLab's Markdown, shorter than a comment may be.

    Args:
        name: of the comment; one pull request may have several, each kept up to date by itself.
        link: the address of the whole report.
        moved: evaluations that changed over the last versions, and how.

    Raises:
        SettingsError: the name or the address can't be.
    """
    address = None if link is None else checked_link(link)
    for limits in _LIMITS:
        text = _rendered(report, name, address, moved, *limits)
        if len(text) <= MOST_CHARACTERS:
            break
    return text


def without_report(name: str = COMMENT_NAME, link: str | None = None) -> str:
    """The comment for a gate that came to no report, so that the one of the run before does not stand. Raises
    SettingsError: the name or the address can't be."""
    title = "no report" if name == COMMENT_NAME else f"{escaped(name)}: no report"
    lines = [marker(name), f"### {_MARKS[VerdictKind.INCONCLUSIVE]} {title}", ""]
    lines.append("The gate wrote no report: it ran no evaluation, or ended before its own end; its output says why.")
    lines += ["", f"[Output](<{checked_link(link)}>)"] if link else []
    return "\n".join(lines) + "\n"


def checked_link(link: str) -> str:
    """An address as Markdown takes it between angle brackets. Raises SettingsError: it is none of the web."""
    try:
        parts = urlsplit(link)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError(f"--link {link!r} is no address of the web; write one that begins with https://.")
    return quote(link, safe="%/:=&?~#+!$,;'@()*[]", errors="replace")


@functools.cache
def _template() -> jinja2.Template:
    own = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(  # what others wrote is escaped for Markdown, by `code` and `prose`
        loader=own, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {"code": code, "prose": prose, "kind": kind_in_words, "count": count, "marked": _marked}
    environment.globals |= {"marks": _MARKS, "sentence": sentence}
    return environment.get_template("report.md.jinja")


def _rendered(
    report: Report, name: str, link: str | None, moved: Sequence[tuple[str, str]], n_rows: int, n_cases: int
) -> str:
    every, changes = rows(report), shown_changes(report)[:n_cases]
    worse = [row for row in every if row.verdict.verdict is not VerdictKind.PASSED]
    passed = every[len(worse) :]
    seen = {(each.evaluation_id, each.metric): each for each in changes}
    cases = [(row, seen.get((row.verdict.id, row.verdict.metric))) for row in worse]
    shown = [(row, case_to_see(change, row.verdict, _ANSWER_CELLS)) for row, change in cases if change is not None]
    others = [row for row, change in cases if change is None]
    is_green = report.verdict is VerdictKind.PASSED and is_kept(report) and report.evaluations
    notes = [note for note in report.notes if note.kind != "ranges"]
    return _template().render(
        first=marker(name),
        mark=_MARKS[report.verdict if is_green or report.verdict.is_red else VerdictKind.INCONCLUSIVE],
        title=headline(report) if name == COMMENT_NAME else f"{escaped(name)}: {headline(report)}",
        report=report,
        facts=facts(report),
        chosen=chosen(report),
        shown=shown,
        others=others[:n_rows],
        n_hidden=max(0, len(others) - n_rows),
        passed=greens_in_words(report, passed) if passed else "",
        requirements=requirements(every)[:n_rows],
        moved=moved[:n_rows],
        notes=notes[:_MOST_NOTES],
        n_more_notes=max(0, len(notes) - _MOST_NOTES),
        ranges=[note for note in report.notes if note.kind == "ranges"],
        steps=[step for step in report.steps if not step.is_local],
        link=link,
    )


def requirements(every: Sequence[TableRow]) -> list[tuple[str, str, list[TableRow]]]:
    """List requirements with their kind and the evaluations that stand for them, business before non-functional; []
    where there are not both kinds.

    Args:
        every: the worst first.
    """
    groups: dict[tuple[str, str], list[TableRow]] = {}
    for row in every:
        kind, text = _REQUIREMENT.findall(row.verdict.plan.requirement or "")[0]
        if text:
            groups.setdefault(("non-functional" if kind[:1] in "nN" and kind else "business", text), []).append(row)
    matrix = [(*key, groups[key]) for key in sorted(groups)]
    return matrix if len({kind for kind, *_ in matrix}) > 1 else []


def _marked(answer: ShownAnswer) -> str:
    """An answer as code, in which is marked what the other one lacks."""
    tag = "del" if answer.label == "was" else "ins"
    pieces = (f"<{tag}>{escaped(text)}</{tag}>" if differs else escaped(text) for text, differs in answer.pieces or ())
    return "no answer" if answer.pieces is None else f'<code>"{"".join(pieces)}"</code>'


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
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", line)


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
