"""Text made safe and measured for a terminal: what a model wrote can't move the cursor, hide or reorder anything."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

LINE_END = "⏎"
"""The sign for a line end in a text that is put on one line."""
_VISIBLE = {"\n": LINE_END, "\r": "\\r", "\u2028": LINE_END, "\u2029": LINE_END, "\t": "⇥"}
ASCII_SIGNS = {"⏎": "\\n", "⇥": "\\t", "…": "...", "·": "-", "×": "x"}
Block = str | tuple[str, ...] | list[tuple[str, ...]]
"""A piece of what a command shows: a line, never folded; cells beside each other, of which the columns of consecutive
rows are aligned and folded; or a table of figures, its first column to the left and the others to the right.
"""
_JOINERS = "\u200c\u200d"  # Persian, Indic scripts and emoji need them; they show nothing by themselves
_MOST_CHARACTERS_PER_CELL = 4
_MOST_MARKS = 4
_LABEL = 8
_SHELL_WORD = re.compile(r"""(?:[^\s'"\\]|'[^']*'|"(?:\\.|[^"\\])*"|\\.)+""")
_COMMAND = re.compile(r"(?<!\w)::(?=[A-Za-z])|##(?=vso\[|teamcity\[|\[)")


def printable(
    text: str, width: int | None = None, *, cut: Literal["end", "middle"] = "end", encoding: str = "utf-8"
) -> str:
    r"""Make what someone else wrote harmless, and put it on one line.

    Control characters, ANSI escapes, lone surrogates, invisible and direction-changing characters are written out, line
    ends become ⏎. What a CI system would take for a command where it reads the log (`::error::` at the start of a line,
    which any word may come to stand at, `##[error]` anywhere) has its first sign written out.

    Args:
        text: of any length; what can't be shown is never looked at.
        width: cells that it may take; None for no limit.
        cut: where to leave out what does not fit; how many characters are missing is said in its place.
        encoding: of the stream; a character that it can't hold is written out.

    >>> printable("red \x1b[31m, NUL \0, two\nlines")
    'red \\x1b[31m, NUL \\x00, two⏎lines'
    >>> printable("The capital of the country is Lima.", 24)
    'The capital of the…(+17)'
    >>> printable("The capital of the country is Lima.", 24, cut="middle")
    'The capital…(+18)… Lima.'
    >>> printable("::error::no, std::error::Error, ##[error]no")
    '\\x3a:error::no, std::error::Error, \\x23#[error]no'
    """
    if "::" in text or "##" in text:
        text = _COMMAND.sub(lambda match: _written_out(match[0][0]) + match[0][1:], text)
    if (width is None or len(text) <= width) and text.isascii() and text.isprintable():
        return text
    if width is None:
        return "".join(_shown(text, encoding))
    most = max(1, width) * _MOST_CHARACTERS_PER_CELL
    if len(text) <= most:
        whole = "".join(_shown(text, encoding))
        if cells(whole) <= width:
            return whole
    return _cut(text, width, "end" if width < 24 else cut, encoding)


def symbol(character: str, encoding: str) -> str:
    """One of our own signs, or what stands for it where the stream's encoding lacks it."""
    return character if _encodable(character, encoding) else ASCII_SIGNS[character]


def cells(text: str) -> int:
    """Count the columns of a terminal that a text takes.

    >>> cells("Lima"), cells("東京")
    (4, 4)
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def pad(text: str, width: int) -> str:
    """The text, filled up with spaces to a number of cells."""
    return text + " " * (width - cells(text))


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells, broken at spaces, and within a word only where it is longer than a line.

    >>> wrap("lower than the baseline by more than 0.05", 20)
    ['lower than the', 'baseline by more', 'than 0.05']
    """
    first, *others = flow(text.split(" "), width, " ")
    return [first.rstrip(), *(line.strip() for line in others)]


def labelled(label: str, text: str, width: int) -> list[str]:
    """A text beside its label, with all of its lines in one column.

    >>> labelled("note", "4 cases skipped", 20)
    ['note    4 cases', '        skipped']
    """
    start = f"{label:<{_LABEL}}"
    return hang(start, wrap(text, width - len(start)))


def command_lines(command: str, why: str, width: int) -> list[str]:
    r"""A command as a shell takes it when it is copied: broken between its words alone, each line but the last with a
    backslash at its end, and the reason as a comment. A word that is longer than a line stays whole.

    >>> command_lines("pytest suites --candidate new --lf", "the red ones", 24)
    ['pytest suites \\', '  --candidate new --lf', '# the red ones']
    """
    words = _SHELL_WORD.findall(command)
    first, *rest = words if " ".join(words) == command else [command]
    lines = [first]
    for word in rest:
        if cells(f"{lines[-1]} {word}") + (2 if word is not rest[-1] else 0) <= width:
            lines[-1] += f" {word}"
        else:
            lines[-1] += " \\"
            lines.append(f"  {word}")
    if why and cells(f"{lines[-1]}   # {why}") <= width:
        lines[-1] += f"   # {why}"
    elif why:
        lines += [f"# {line}" for line in wrap(why, width - 2)]
    return lines


def hang(start: str, lines: Sequence[str], indent: int | None = None) -> list[str]:
    """Lines of which the first stands beside a start, and the others below each other.

    Args:
        indent: of the others; None for as far as the start goes.

    >>> hang("- ", ["4 cases", "skipped"])
    ['- 4 cases', '  skipped']
    """
    first, *rest = lines
    margin = " " * (len(start) if indent is None else indent)
    return [start + first, *(margin + line for line in rest)]


def flow(pieces: Iterable[str], width: int, gap: str = "   ") -> list[str]:
    """Pieces put beside each other while they fit, and on a new line where not; never cut.

    A piece that is wider than a line is wrapped at its spaces, or anywhere where it has none.
    """
    lines: list[str] = []
    for piece in pieces:
        joined = f"{lines[-1]}{gap}{piece}" if lines else piece
        if lines and cells(joined) <= width:
            lines[-1] = joined
        elif cells(piece) <= width:
            lines.append(piece)
        else:
            lines += wrap(piece, width) if " " in piece else _chop(piece, width)
    return lines or [""]


def _shown(text: str, encoding: str) -> Iterator[str]:
    """Each character as it is shown; a mark that stands on nothing, or on a heap of others, is written out."""
    marks = _MOST_MARKS
    for character in text:
        if " " <= character <= "~":
            marks = 0
            yield character
            continue
        is_mark = character in _JOINERS or unicodedata.category(character) in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        yield _written_out(character) if marks > _MOST_MARKS else _shown_character(character, encoding)


def _shown_character(character: str, encoding: str) -> str:
    shown = _VISIBLE.get(character, character)
    harmless = shown.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
    if harmless and _encodable(shown, encoding):
        return shown
    return symbol(shown, encoding) if character in _VISIBLE else _written_out(character)


def _written_out(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _cut(text: str, width: int, where: Literal["end", "middle"], encoding: str) -> str:
    """The first part of a text, and the last where cut in the middle, around the number of characters left out."""
    ellipsis = symbol("…", encoding)
    notice = f"{ellipsis}(+{len(text):,})" + (ellipsis if where == "middle" else "")
    room = width - cells(notice)
    if room < 4:
        first = _fitting(_shown(text[: max(0, width) * _MOST_CHARACTERS_PER_CELL], encoding), width - cells(ellipsis))
        return "".join(first) + ellipsis[: max(0, width)]
    end = list(_shown(text[-room * _MOST_CHARACTERS_PER_CELL :], encoding)) if where == "middle" else []
    last = _fitting(reversed(end), room * 2 // 5)[::-1]
    first = _fitting(_shown(text[: room * _MOST_CHARACTERS_PER_CELL], encoding), room - sum(map(cells, last)))
    shown = f"{''.join(first)}{ellipsis}(+{len(text) - len(first) - len(last):,})"
    return f"{shown}{ellipsis}{''.join(last)}" if where == "middle" else shown


def _fitting(pieces: Iterable[str], width: int) -> list[str]:
    """As many of the pieces as fit into `width` cells."""
    kept, used = list[str](), 0
    for piece in pieces:
        used += cells(piece)
        if used > width:
            break
        kept.append(piece)
    return kept


def _chop(text: str, width: int) -> list[str]:
    lines = [""]
    used = 0
    for character in text:
        size = cells(character)
        if used + size > width and lines[-1]:
            is_first = character == ":" and lines[-1][-1] != ":" and len(lines[-1]) > 1
            before = lines[-1][-1] if is_first else ""  # for no line may begin with the two colons of a command
            lines[-1] = lines[-1].removesuffix(before)
            lines.append(before)
            used = cells(before)
        lines[-1] += character
        used += size
    return lines
