"""Stores with samples of known ages."""

import pytest

from harness.store import Store
from tests.store.rows import draw, score

NOW = 1_800_000_000.0

DAY_S = 86400.0


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> "type[Clock]":
    monkeypatch.setattr("time.time", lambda: Clock.now)
    Clock.now = NOW
    return Clock


class Clock:
    """What time it is in the store."""

    now = NOW


@pytest.fixture
def filled(store: Store, at: type[Clock]) -> Store:
    """Two versions: "small" with an old and a new generation and an old run, "large" with one sample."""
    at.now = NOW - 40 * DAY_S
    store.generations("f0")
    store.add([draw("a", "old", index) for index in range(3)])
    store.begin_run("old", "2026", {"candidate": {"name": "small", "fingerprint": "f0"}})
    store.add_scores("old", [score(index=index) for index in range(3)])
    store.finish_run("old", {"verdict": "passed"})
    at.now = NOW - DAY_S
    store.generations("f0", fresh=True)
    store.generations("f1")
    store.add([draw("a", "new", index, generation=1) for index in range(2)])
    store.add([draw("a large", fingerprint="f1")])
    spec = {"candidate": {"name": "large", "fingerprint": "f1"}, "baseline": {"name": "small", "fingerprint": "f0"}}
    store.begin_run("new", "2026", spec)
    store.add_scores("new", [score()])
    at.now = NOW
    return store
