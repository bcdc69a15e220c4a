"""Text that others wrote, in Markdown that shows it as it is: no markup, no link, and nobody is told of it.

GitHub and GitLab turn `@name`, `#123`, addresses and more into links, and tell whoever is named; not within `<code>`.
Markdown within `<code>` still is Markdown, so what it would read is written as an HTML entity, which it never reads.
"""

from __future__ import annotations

import re
from typing import Literal

from harness.reporting.shared.text import printable

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
