"""Texts that end an answer, for engines that look for them themselves."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import Request


def stops(request: Request) -> list[str]:
    """The texts that end the request's answers."""
    stop = request.sampling.get("stop") or []
    return [stop] if isinstance(stop, str) else list(stop)


def before_stop(text: str, stops: Sequence[str]) -> str | None:
    """Give the text before the first of the stops; None where there is none."""
    return min((text.partition(stop)[0] for stop in stops if stop in text), key=len, default=None)
