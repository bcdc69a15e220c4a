"""Documents of a corpus, kept or removed and why: a line each, or with the changes in the text."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import cells, pad, printable, symbol
from harness.reporting.terminal.report import Layout

if TYPE_CHECKING:
    from harness.stages.data.outcomes import Explanation

Part = Literal["same", "lost", "added"]
_COLOURS: dict[Part, str] = {"lost": "31", "added": "32"}
_SIGNS: dict[Part, tuple[str, str]] = {"lost": ("[-", "-]"), "added": ("{+", "+}"), "same": ("", "")}
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
    line = start + (printable(text or "", room, encoding=layout.encoding) if room >= 10 else "")
    return _painted_fate(line.rstrip(), explanation, layout)


def explanation_lines(explanation: Explanation, layout: Layout) -> list[str]:
    """Say whether a document was kept or removed, with its text, or the changes in it where there are some."""
    head = f"{printable(explanation.id, 60, cut='middle', encoding=layout.encoding)}  {_fate(explanation, layout)}"
    lines = [_painted_fate(head, explanation, layout)]
    before, after = explanation.before, explanation.after
    if before is not None and after is not None and before != after:
        lines.append(f"  changed: {_signs_in_words(layout)}")
        return [*lines, *_flowed(_changes(before, after), layout)]
    text = before if after is None else after
    if text is None:
        return lines
    shown = text[:_EXCERPT] + (symbol("…", layout.encoding) if len(text) > _EXCERPT else "")
    size = plural(len(text), "character") + (f", the first {_EXCERPT}" if len(text) > _EXCERPT else "")
    return [
        *lines,
        f"  {'text' if explanation.kept else 'text that came in'}, {size}",
        *_flowed([("same", shown)], layout),
    ]


def _fate(explanation: Explanation, layout: Layout) -> str:
    """Say whether a document was kept, or which step removed it and why."""
    encoding = layout.encoding
    if explanation.kept:
        is_new, is_changed = explanation.before is None, explanation.before != explanation.after
        return "kept, written by a step" if is_new else "kept, changed" if is_changed else "kept"
    told = f"removed by {printable(explanation.step or 'a step', 40, encoding=encoding)}"
    told += f": {printable(explanation.reason, 60, encoding=encoding)}" if explanation.reason else ""
    if explanation.duplicate_of is not None:
        told += f", {printable(explanation.duplicate_of, 60, cut='middle', encoding=encoding)} stays in its place"
    return told


def _painted_fate(line: str, explanation: Explanation, layout: Layout) -> str:
    if not layout.colour:
        return line
    fate = _fate(explanation, layout)
    return line.replace(fate, _coloured(fate, "32" if explanation.kept else "31"), 1)


def _signs_in_words(layout: Layout) -> str:
    if layout.colour:
        return f"{_coloured('taken out', '31')} {_coloured('put in', '32')}"
    return "[-taken out-] {+put in+}"


def _changes(before: str, after: str) -> Iterator[tuple[Part, str]]:
    """The parts of two texts in order: the same in both, lost, added; long same parts are cut in the middle."""
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    ours, theirs = _words(before[start : len(before) - end]), _words(after[start : len(after) - end])
    parts: list[tuple[Part, str]] = [("same", before[:start])]
    if max(len(ours), len(theirs)) > _MOST_WORDS:
        parts += [("lost", _excerpt("".join(ours))), ("added", _excerpt("".join(theirs)))]
    else:
        for tag, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
            if tag == "equal":
                parts.append(("same", "".join(ours[a:b])))
            else:
                parts += [("lost", "".join(ours[a:b])), ("added", "".join(theirs[c:d]))]
    parts.append(("same", before[len(before) - end :]))
    for number, (part, text) in enumerate(parts):
        if text:
            is_first, is_last = number == 0, number == len(parts) - 1
            yield part, _shortened(text, is_first=is_first, is_last=is_last) if part == "same" else text


def _common(one: str, other: str) -> int:
    """Count the characters that two texts begin with in common, up to the last border of a word."""
    n = 0
    for ours, theirs in zip(one, other, strict=False):
        if ours != theirs:
            break
        n += 1
    while 0 < n < max(len(one), len(other)) and not one[n - 1].isspace():
        n -= 1
    return n


def _words(text: str) -> list[str]:
    return re.findall(r"\s+|[^\s]+", text)


def _shortened(text: str, *, is_first: bool, is_last: bool) -> str:
    """Unchanged text with what is far from any change left out."""
    if len(text) <= 2 * _AROUND + 20:
        return text
    head = "" if is_first else text[:_AROUND].rpartition(" ")[0] or text[:_AROUND]
    tail = "" if is_last else text[-_AROUND:].partition(" ")[2] or text[-_AROUND:]
    return f"{head} … {tail}"


def _excerpt(text: str) -> str:
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def _flowed(parts: Sequence[tuple[Part, str]] | Iterator[tuple[Part, str]], layout: Layout) -> list[str]:
    """Parts of a text as indented lines of at most the layout's width; each word is painted, or marked by signs."""
    lines, used = [""], 0
    room = max(20, layout.width - 4)
    for part, text in parts:
        opening, closing = ("", "") if layout.colour else _SIGNS[part]
        for piece in _words(opening + text + closing):
            if piece.isspace() and "\n" in piece and part == "same":
                lines.append("")
                used = 0
                continue
            shown = " " if piece.isspace() else printable(piece, encoding=layout.encoding)
            for at in range(0, len(shown), room):
                bit = shown[at : at + room]
                if used + cells(bit) > room:
                    lines.append("")
                    used = 0
                if used or not bit.isspace():
                    lines[-1] += _coloured(bit, _COLOURS[part]) if layout.colour and part in _COLOURS else bit
                    used += cells(bit)
    return [f"    {line}".rstrip() for line in lines]


def _coloured(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"
