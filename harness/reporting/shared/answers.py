"""Answers and the reasons of their scores, shortened to what a reader can compare, and where two of them differ."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from harness.reporting.shared.text import printable, symbol

Piece = tuple[str, bool]
"""A part of an answer, and whether the other one lacks it."""
_CONTEXT_CHARACTERS = 12
_COMPARED_CHARACTERS = 20_000
_LEAST_ALIKE = 0.4
_TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+$")


def excerpts(baseline: str, candidate: str, width: int, encoding: str) -> tuple[str, str]:
    """Both answers within `width` cells each; what they have in common at the start is shortened to fit.

    >>> excerpts("The capital of the country is Lima", "The capital of the country is Quito", 24, "utf-8")
    ('…country is Lima', '…country is Quito')
    """
    if max(len(baseline), len(candidate)) > width and (start := _shared_start(baseline, candidate)) > 0:
        start = max(start - _CONTEXT_CHARACTERS, baseline.rfind(" ", 0, start + 1) + 1)
        dots = symbol("…", encoding)
        texts = [dots + printable(text[start:], width - len(dots), encoding=encoding) for text in (baseline, candidate)]
        return texts[0], texts[1]
    return printable(baseline, width, encoding=encoding), printable(candidate, width, encoding=encoding)


def _shared_start(one: str, other: str) -> int:
    """Where both may begin: some characters before the first that differs; 0 where they differ early."""
    pairs = enumerate(zip(one[:_COMPARED_CHARACTERS], other, strict=False))
    shared = next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))
    return max(0, min(shared, _COMPARED_CHARACTERS) - _CONTEXT_CHARACTERS)


def differing(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces that the other has or lacks; whole where they have little in common.

    >>> differing("is 9", "is 10")
    ([('is', False), (' ', False), ('9', True)], [('is', False), (' ', False), ('10', True)])
    """
    ours, theirs = _TOKEN.findall(one), _TOKEN.findall(other)
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    if matcher.ratio() < _LEAST_ALIKE:
        return [(one, False)], [(other, False)]
    left, right = list[Piece](), list[Piece]()
    for kind, start, end, begin, stop in matcher.get_opcodes():
        for side, tokens in ((left, ours[start:end]), (right, theirs[begin:stop])):
            text = "".join(tokens)
            bare = text.lstrip() if kind != "equal" else text
            side += [(text[: len(text) - len(bare)], False), (bare, kind != "equal")]
    return [piece for piece in left if piece[0]], [piece for piece in right if piece[0]]


def quoted(answer: str | None, width: int, encoding: str) -> str:
    """One answer in quotes within `width` cells; "no answer" for none."""
    return "no answer" if answer is None else f'"{printable(answer, width - 2, encoding=encoding)}"'


def on_one_line(reason: str | None, width: int, encoding: str) -> str:
    """Write the reason of a score on one line; "" for none."""
    return printable(" ".join((reason or "").split()), width, encoding=encoding)
