"""A baseline has draws of its own, but for looks that were begun when both roles shared theirs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import Settings
from harness.gate.baselines.draws import (
    BASELINE_FIRST_INDEX,
    baseline_first_index,
    candidate_first_index,
    known_draws,
    oldest,
)
from harness.models.version import Version
from harness.requests import SampleSource
from harness.store import Store
from harness.store.ledger import LookRow
from tests.config.settings_files import load
from tests.gate.baselines.recordings import recording

TEXT = '[models.new]\nengine = "scripted"\ndefault = "a"\nmax_age = "7d"\n'
AGE_S = 7 * 24 * 3600.0


def sources(tmp_path: Path) -> tuple[SampleSource, SampleSource]:
    """Those of two versions whose samples are good for a week."""
    settings: Settings = load(tmp_path, TEXT)
    version = Version("new", settings.version("new"), "c")
    return SampleSource(version, None, 1, older=(0,)), SampleSource(replace(version, fingerprint="b"), None)


@pytest.mark.parametrize(
    ("draws", "age_s", "expected"),
    [
        ("candidate=0;baseline=0", 0.0, 0),
        ("candidate=0;baseline=0", 2 * AGE_S, BASELINE_FIRST_INDEX),
        ("candidate=0;baseline@1000000=0", 0.0, BASELINE_FIRST_INDEX),
        (None, 0.0, BASELINE_FIRST_INDEX),
    ],
    ids=["shared", "shared, too old", "apart", "ended"],
)
def test_a_look_that_was_begun_with_shared_draws_goes_on_with_them(
    tmp_path: Path, draws: str | None, age_s: float, expected: int
) -> None:
    candidate, baseline = sources(tmp_path)
    row = LookRow("c", "b", "t", 1, 0.9, 1, 1, "run", {"draws": draws} if draws else {"ended": "pruned"})
    with Store.open(str(tmp_path / "store.db")) as store:
        store.looks.settle("c", "b", lambda known: [replace(row, begun=row.begun - age_s)])
        assert baseline_first_index(store, candidate, baseline) == expected
        assert baseline_first_index(store, candidate, candidate) == BASELINE_FIRST_INDEX


def test_a_candidate_has_no_draws_that_were_recorded_of_it() -> None:
    assert candidate_first_index("c", None, as_baseline=False) == 0
    assert candidate_first_index("c", None, as_baseline=True) == BASELINE_FIRST_INDEX
    known = recording()
    own = known.version.fingerprint
    assert candidate_first_index(own, known, as_baseline=False) == BASELINE_FIRST_INDEX
    assert candidate_first_index(own, replace(known, first_index=1_000_000), as_baseline=False) == 0
    assert candidate_first_index("c", known, as_baseline=False) == 0


def test_bets_tell_the_draws_of_a_baseline_from_those_of_a_candidate(tmp_path: Path) -> None:
    candidate, baseline = sources(tmp_path)
    apart = replace(baseline, first_index=1_000_000)
    with Store.open(str(tmp_path / "store.db")) as store:
        assert known_draws(store, candidate, baseline) == {"candidate": (0, 1), "baseline": (0,)}
        assert known_draws(store, candidate, apart) == {
            "candidate": (0, 1),
            "baseline@1000000": (0,),
        }
        itself = replace(candidate, first_index=1_000_000)
        assert known_draws(store, candidate, itself) == {"candidate": (0, 1), "baseline": (0, 1)}
        assert known_draws(store, itself, None) == {"candidate@1000000": (0, 1)}
    assert oldest(candidate, None) == oldest(candidate, baseline) == AGE_S
