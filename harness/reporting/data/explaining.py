"""Documents of a corpus, kept or removed and why: a line each, or with the changes in the text."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import cells, pad, printable, symbol, wrap
from harness.reporting.terminal.report import Layout

if TYPE_CHECKING:
    from harness.stages.data.outcomes import Explanation

_AROUND = 60
"""Characters of unchanged text that are shown on either side of a change."""
_MOST_WORDS = 4_000
"""Texts that differ over more words than this are not compared word by word, which would take too long."""
_EXCERPT = 400
_ID_CELLS = 24


def explanation_row(explanation: Explanation, layout: Layout) -> str:
    """Say in one line whether a document was kept or removed, with the beginning of its text."""
    name = pad(printable(explanation.id, _ID_CELLS, cut="middle", encoding=layout.encoding), _ID_CELLS)
    start = f"{name}  {_fate(explanation, layout)}  "
    room = layout.width - cells(start)
    text = explanation.before if explanation.after is None else explanation.after
    return (start + (printable(text or "", room, encoding=layout.encoding) if room >= 10 else "")).rstrip()


def explanation_lines(explanation: Explanation, layout: Layout) -> list[str]:
    """Say whether a document was kept or removed, with its text, or the changes in it where there are some."""
    name = printable(explanation.id, 60, cut="middle", encoding=layout.encoding)
    lines = [f"{name}  {_fate(explanation, layout)}"]
    before, after = explanation.before, explanation.after
    if after is not None and before != after:
        return [*lines, "  changed: [-taken out-] {+put in+}", *_shown(_changes(before, after), layout)]
    text = before if after is None else after
    cut = len(text) > _EXCERPT
    size = plural(len(text), "character") + (f", the first {_EXCERPT}" if cut else "")
    shown = text[:_EXCERPT] + (symbol("…", layout.encoding) if cut else "")
    return [*lines, f"  {'text' if explanation.kept else 'text that came in'}, {size}", *_shown(shown, layout)]


def _fate(explanation: Explanation, layout: Layout) -> str:
    """Say whether a document was kept, or which step removed it and why."""
    encoding = layout.encoding
    if explanation.kept:
        return "kept" if explanation.before == explanation.after else "kept, changed"
    told = f"removed by {printable(explanation.step or 'a step', 40, encoding=encoding)}"
    told += f": {printable(explanation.reason, 60, encoding=encoding)}" if explanation.reason else ""
    if explanation.duplicate_of is not None:
        told += f", {printable(explanation.duplicate_of, 60, cut='middle', encoding=encoding)} stays in its place"
    return told


def _changes(before: str, after: str) -> str:
    """Both texts as one, with signs around what is in one of them; what is far from a change is left out."""
    ours, theirs = (re.findall(r"\s+|\S+", text) for text in (before, after))
    if max(len(ours), len(theirs)) > _MOST_WORDS:
        return f"[-{before[:_EXCERPT]}…-]{{+{after[:_EXCERPT]}…+}}"
    parts = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        lost, added = "".join(ours[a:b]), "".join(theirs[c:d])
        if tag == "equal" and len(lost) > 2 * _AROUND:
            parts.append(f"{lost[:_AROUND] if a else ''} … {lost[-_AROUND:] if b < len(ours) else ''}")
        elif tag == "equal":
            parts.append(lost)
        else:
            parts.append((f"[-{lost}-]" if lost else "") + (f"{{+{added}+}}" if added else ""))
    return "".join(parts)


def _shown(text: str, layout: Layout) -> list[str]:
    lines = (printable(line, encoding=layout.encoding) for line in text.split("\n"))
    return [f"    {part}" for line in lines for part in wrap(line, max(20, layout.width - 4))]
