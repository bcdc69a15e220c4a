"""What a model wrote, made readable: every character is kept and escaped, and none is ever read as HTML.

Markdown is not rendered but marked up: fenced blocks and tables in monospace, `code`, **strong** and headings in their
own look, with the signs that make them still there. So a reviewer sees what the model wrote, and can read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal
from unicodedata import category

from markupsafe import Markup, escape

SHOWN_AT_FIRST = 20_000
SHOWN_MORE = 200_000
_LONGEST_BLOCK = 4_000
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"#{1,6} \S")
_INLINE = re.compile(r"(`[^`\n]+`)|(\*\*[^*\n]+\*\*)")


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines that look alike.

    Attributes:
        joined: whether it goes on with the block before it, of which it was cut off for its length.
    """

    kind: Literal["prose", "heading", "code"]
    text: str
    joined: bool = False


def readable(text: str) -> Markup:
    """HTML that shows a text, escaped.

    >>> str(readable("Use `a<b`"))
    '<p dir="auto">Use <code>`a&lt;b`</code></p>'
    """
    return Markup("\n").join(_markup(block) for block in blocks(text))


def further(text: str, start: int) -> tuple[Markup, int]:
    """HTML that shows what comes after the first `start` characters of a text, and up to which character it goes.

    A browser that laid out all of a long text at once would stand still for as long.
    """
    end = _end_of_piece(text, start, SHOWN_MORE)
    found = list(blocks(text[start:end], _open_fence(text[:start])))
    if found and start and text[start - 1] != "\n":
        found[0] = replace(found[0], joined=True)
    return Markup("\n").join(map(_markup, found)), end


def blocks(text: str, fence: str = "") -> Iterator[Block]:
    """The blocks of a text, none longer than a browser lays out at once; empty lines are left out.

    Args:
        fence: the one that is open where the text begins.
    """
    # A lone surrogate, which a model can write in JSON, is no character that a browser could be sent.
    for block in _whole_blocks(text.encode("utf-8", "replace").decode(), fence):
        if len(block.text) <= _LONGEST_BLOCK:
            yield block
            continue
        for start, piece in _pieces(block.text):
            yield Block(block.kind, piece, joined=start > 0)


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: white space, control and format characters.

    >>> is_blank(" \\n\\u200b"), is_blank(".")
    (True, False)
    """
    return all(category(char) in _UNSEEN for char in text)


def beginning(text: str) -> str:
    """As much of a text as is shown until all of it is asked for."""
    return text if len(text) <= SHOWN_AT_FIRST else text[:SHOWN_AT_FIRST]


def _open_fence(text: str) -> str:
    """The fence that is open at the end of a text, or nothing."""
    fence = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and _closes(fence, mark[1], line):
            fence = ""
    return fence


def _closes(fence: str, mark: str, line: str) -> bool:
    return mark.startswith(fence) and not line.strip(" `~\r")


def _whole_blocks(text: str, fence: str) -> Iterator[Block]:
    lines: list[str] = []
    kind: Literal["prose", "code"] = "prose"
    for line in text.replace("\r\n", "\n").split("\n"):
        mark = _FENCE.match(line)
        if fence:
            lines.append(line)
            if mark and _closes(fence, mark[1], line):
                yield Block("code", "\n".join(lines))
                lines, fence = [], ""
            continue
        own: Literal["prose", "code"] = "code" if line.lstrip().startswith("|") else "prose"
        if lines and (mark or own != kind or not line.strip() or _HEADING.match(line)):
            yield Block(kind, "\n".join(lines))
            lines = []
        if mark:
            fence, kind = mark[1], "prose"
            lines = [line]
        elif _HEADING.match(line):
            yield Block("heading", line)
        elif line.strip():
            lines.append(line)
            kind = own
    if lines:
        yield Block("code" if fence else kind, "\n".join(lines))


def _end_of_piece(text: str, start: int, longest: int) -> int:
    """Where a piece of a text ends: with a line or a word, if one does."""
    end = start + longest
    if end >= len(text):
        return len(text)
    place = max(text.rfind("\n", start, end), text.rfind(" ", start, end))
    return place + 1 if place > start else end


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """A long block in pieces that end where a line or a word does, if one does."""
    start = 0
    while start < len(text):
        end = _end_of_piece(text, start, _LONGEST_BLOCK)
        yield start, text[start:end].removesuffix("\n")
        start = end


def _markup(block: Block) -> Markup:
    joined = Markup(' class="joined"') if block.joined else Markup("")
    if block.kind == "code":
        return Markup('<pre dir="ltr"{}><code>{}</code></pre>').format(joined, block.text)
    if block.kind == "heading":
        return Markup('<p dir="auto" class="heading">{}</p>').format(block.text)
    return Markup('<p dir="auto"{}>{}</p>').format(joined, _inline(block.text))


def _inline(text: str) -> Markup:
    parts: list[Markup] = []
    place = 0
    for match in _INLINE.finditer(text):
        parts.append(escape(text[place : match.start()]))
        tag = "code" if match[1] else "strong"
        parts.append(Markup(f"<{tag}>{{}}</{tag}>").format(match[0]))
        place = match.end()
    parts.append(escape(text[place:]))
    return Markup("").join(parts)
