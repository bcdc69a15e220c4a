"""How long a watch of production goes without a false alarm, and how soon it shows a fall: simulated streams."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from harness.statistics.betting.detection import detect_fall, evidence_of_fall
from tests.bench.sampling import Figure

STREAMS, AT_ONCE, LIMIT, LEVEL, RATE = 200, 10, 90.0, 0.85, 40
"""Streams of each setting; days between false alarms; the level; sessions a day, where nothing else is said."""
_HORIZON = 360
_SESSION, _SPREAD = 5, 8.0
Stream = Callable[[np.random.Generator, np.ndarray, int], np.ndarray]
"""Scores, (streams, n), at times in days, (n,)."""


def at_level(rng: np.random.Generator, times: np.ndarray, streams: int, mean: float = LEVEL) -> np.ndarray:
    """Scores of 0 and 1 whose mean is the level itself, which is the hardest case."""
    return (rng.random((streams, len(times))) < mean).astype(float)


def in_sessions(rng: np.random.Generator, times: np.ndarray, streams: int) -> np.ndarray:
    """The means of sessions of five samples, each with a rate of its own: samples depend on each other within them."""
    rates = rng.beta(_SPREAD * LEVEL, _SPREAD * (1 - LEVEL), (streams, len(times)))
    return rng.binomial(_SESSION, rates) / _SESSION


def ungrouped(rng: np.random.Generator, times: np.ndarray, streams: int) -> np.ndarray:
    """The same samples, each for itself."""
    rates = rng.beta(_SPREAD * LEVEL, _SPREAD * (1 - LEVEL), (streams, len(times) // _SESSION + 1)).repeat(_SESSION, 1)
    return (rng.random((streams, len(times))) < rates[:, : len(times)]).astype(float)


def weekends(rng: np.random.Generator, times: np.ndarray, streams: int) -> np.ndarray:
    """At the level at weekends and above it on other days."""
    return (rng.random((streams, len(times))) < np.where(times % 7 < 5, LEVEL + 0.03, LEVEL)).astype(float)


def weekends_below(rng: np.random.Generator, times: np.ndarray, streams: int) -> np.ndarray:
    """At the level over each week, and 0.05 below it at weekends."""
    return (rng.random((streams, len(times))) < np.where(times % 7 < 5, LEVEL + 0.02, LEVEL - 0.05)).astype(float)


def graded(rng: np.random.Generator, times: np.ndarray, streams: int) -> np.ndarray:
    """Scores of a judge, anywhere between 0 and 1."""
    return rng.beta(4 * LEVEL, 4 * (1 - LEVEL), (streams, len(times)))


def steady(days: int, rate: float = RATE) -> np.ndarray:
    """Times at an even rate."""
    return np.arange(0, days, 1 / rate)


def varying(days: int) -> np.ndarray:
    """Times at rates from 1 to 150 a day: of day and night, of weekends, and four times as many in the second half."""
    hours = np.arange(0, days, 1 / 24)
    rates = (
        20 * (1 + 0.9 * np.sin(2 * np.pi * hours)) * np.where(hours % 7 < 5, 1, 0.3) * np.where(hours < days / 2, 1, 4)
    )
    return np.concatenate(
        [hour + np.linspace(0, 1 / 24, round(rate / 24) + 1)[:-1] for hour, rate in zip(hours, rates, strict=True)]
    )


def alarms(scores: np.ndarray, times: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """The day of the first alarm of each stream; infinite for none."""
    stakes = np.broadcast_to(np.minimum(np.diff(times, prepend=times[0]), 1.0), scores.shape)
    over = evidence_of_fall(scores, stakes, level) >= np.log(LIMIT)
    return np.where(over.any(-1), times[over.argmax(-1)], np.inf)


def many(stream: Stream, times: np.ndarray, seed: int, streams: int = STREAMS, level: float = LEVEL) -> np.ndarray:
    """The days of the first alarms of many streams."""
    rng = np.random.default_rng(seed)
    return np.concatenate([alarms(stream(rng, times, AT_ONCE), times, level) for _ in range(streams // AT_ONCE)])


def watch(_folder: Path) -> list[Figure]:
    """All figures."""
    return [*false_alarms(), *delays()]


def false_alarms(streams: int = STREAMS) -> Iterator[Figure]:
    """The mean time to a false alarm, cut at 360 days, of which 90 are promised."""

    def high(rng: np.random.Generator, times: np.ndarray, n: int) -> np.ndarray:
        return at_level(rng, times, n, 0.99)

    even = steady(_HORIZON)
    settings: list[tuple[str, Stream, np.ndarray, float, bool]] = [
        ("scores of 0 and 1", at_level, even, LEVEL, True),
        ("scores of 0 and 1, mean 0.99", high, even, 0.99, True),
        ("graded scores", graded, even, LEVEL, True),
        ("sessions of 5 dependent samples", in_sessions, even, LEVEL, True),
        ("at the level at weekends, above it else", weekends, even, LEVEL, True),
        ("rates of 1 to 150 a day", at_level, varying(_HORIZON), LEVEL, True),
        ("below the level at weekends alone", weekends_below, even, LEVEL, False),
        ("dependent samples, not grouped", ungrouped, even, LEVEL, False),
    ]
    for seed, (name, stream, times, level, is_promised) in enumerate(settings):
        days = np.minimum(many(stream, times, seed, streams, level), _HORIZON)
        mean, error = float(days.mean()), float(days.std() / np.sqrt(len(days)))
        goal = f"≥ {LIMIT:g} within twice its error" if is_promised else ""
        beside = f"standard error {error:.0f}; {len(days)} streams, {np.mean(days < LIMIT):.2f} had one within 90 days"
        yield Figure(
            f"watch, days to a false alarm: {name}", mean, "days", goal, not goal or mean + 2 * error >= LIMIT, beside
        )


def delays(streams: int = STREAMS) -> Iterator[Figure]:
    """The days until a fall is shown that comes after 30 days at 0.05 above the level."""
    for rate, goals in ((40, {0.05: 30, 0.1: 8, 0.2: 3}), (200, {0.05: 8, 0.1: 2, 0.2: 1})):
        times = steady(90, rate)
        for seed, (drop, most) in enumerate(goals.items()):
            means, rng = np.where(times < 30, LEVEL + 0.05, LEVEL - drop), np.random.default_rng(seed)
            scores = (rng.random((streams, len(times))) < means).astype(float)
            stakes = np.minimum(np.diff(times, prepend=0.0), 1.0)
            ends = [detect_fall(own, stakes, LEVEL, LIMIT)[1:] for own in scores]
            late = np.array([90.0 if alarm is None else times[alarm] - 30 for alarm, _ in ends])
            early, starts = (
                late < 0,
                [times[began] - 30 for alarm, began in ends if began is not None and times[alarm] >= 30],
            )
            mean, far = float(late[~early].mean()), float(np.quantile(np.abs(starts), 0.9))
            near = f"its day is right to {far:.1f} days in 9 of 10; {early.sum()} of {streams} alarms before"
            beside = f"9 in 10 after {np.quantile(late[~early], 0.9):.1f}; {near}"
            name = f"watch, days until a mean {drop:g} below the level is shown, {rate} sessions a day"
            yield Figure(name, mean, "days", f"≤ {most}", mean <= most, beside)
