"""Answers and the reasons of their scores, shortened to what a reader can compare."""

from __future__ import annotations

from harness.reporting.shared.text import printable, symbol

_CONTEXT_CHARACTERS = 12
COMPARED_CHARACTERS = 20_000


def excerpts(baseline: str, candidate: str, width: int, encoding: str) -> tuple[str, str]:
    """Both answers in quotes within `width` cells each; what they have in common at the start is shortened to fit.

    >>> excerpts("The capital of the country is Lima", "The capital of the country is Quito", 26, "utf-8")
    ('"…country is Lima"', '"…country is Quito"')
    """
    shared = _shared_start(baseline, candidate)
    room = width - 2
    if max(len(baseline), len(candidate)) > room and shared > _CONTEXT_CHARACTERS:
        start = shared - _CONTEXT_CHARACTERS
        start = max(start - _CONTEXT_CHARACTERS, baseline.rfind(" ", 0, start + 1) + 1)
        dots = symbol("…", encoding)
        texts = [dots + printable(text[start:], room - len(dots), encoding=encoding) for text in (baseline, candidate)]
    else:
        texts = [printable(text, room, encoding=encoding) for text in (baseline, candidate)]
    return f'"{texts[0]}"', f'"{texts[1]}"'


def _shared_start(one: str, other: str) -> int:
    for position, (left, right) in enumerate(zip(one[:COMPARED_CHARACTERS], other, strict=False)):
        if left != right:
            return position
    return min(len(one), len(other), COMPARED_CHARACTERS)


def quoted(answer: str | None, width: int, encoding: str) -> str:
    """One answer in quotes within `width` cells; "no answer" for none."""
    return "no answer" if answer is None else f'"{printable(answer, width - 2, encoding=encoding)}"'


def shown_reason(reason: str | None, width: int, encoding: str) -> str:
    r"""Say on one line why an answer has its score; "" where nothing was said.

    Of an assertion with a message that is the message, without pytest's account of the values. Where their values come
    from is told only where the assertion alone says nothing.

    >>> shown_reason("no capital\nassert 'Lima' in 'Quito'", 60, "utf-8")
    'no capital'
    >>> shown_reason("assert 'Lima' in 'Quito'\n +  where 'Lima' = Case(…).expected", 60, "utf-8")
    "assert 'Lima' in 'Quito'"
    >>> shown_reason("assert False\n +  where False = is_capital('Quito')", 60, "utf-8")
    "assert False + where False = is_capital('Quito')"
    """
    if not reason:
        return ""
    message = reason.partition("\nassert ")[0]
    assertion, _, _ = message.partition("\n +")
    message = assertion if len(assertion.split()) > 2 else message
    return printable(" ".join(message.split()), width, encoding=encoding)
