"""A baseline has draws of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.config import Settings
from harness.gate.runs.opening import (
    BASELINE_FIRST_INDEX,
    candidate_first_index,
    known_draws,
    oldest,
)
from harness.models.version import Version
from harness.requests import SampleSource
from harness.store import Store
from tests.config.settings_files import load
from tests.gate.baselines.recordings import recording

TEXT = '[models.new]\nengine = "scripted"\ndefault = "a"\nmax_age = "7d"\n'
AGE_S = 7 * 24 * 3600.0


def sources(tmp_path: Path) -> tuple[SampleSource, SampleSource]:
    """Those of two versions."""
    settings: Settings = load(tmp_path, TEXT)
    version = Version("new", settings.version("new"), "c")
    return SampleSource(version, None, 1, older=(0,)), SampleSource(replace(version, fingerprint="b"), None)


def test_a_candidate_has_no_draws_that_were_recorded_of_it() -> None:
    assert candidate_first_index("c", [], as_baseline=False) == 0
    assert candidate_first_index("c", [], as_baseline=True) == BASELINE_FIRST_INDEX
    known = recording()
    own = known.version.fingerprint
    assert candidate_first_index(own, [known], as_baseline=False) == BASELINE_FIRST_INDEX
    assert candidate_first_index(own, [replace(known, first_index=1_000_000)], as_baseline=False) == 0
    assert candidate_first_index("c", [known], as_baseline=False) == 0


def test_bets_tell_the_draws_of_a_baseline_from_those_of_a_candidate(tmp_path: Path) -> None:
    candidate, baseline = sources(tmp_path)
    apart = replace(baseline, first_index=1_000_000)
    with Store.open(str(tmp_path / "store.db")) as store:
        assert known_draws(store, candidate, {"baseline": baseline}) == {"candidate": (0, 1), "baseline": (0,)}
        assert known_draws(store, candidate, {"baseline": apart, "anchor": apart}) == {
            "candidate": (0, 1),
            "baseline@1000000": (0,),
            "anchor@1000000": (0,),
        }
        itself = replace(candidate, first_index=1_000_000)
        assert known_draws(store, candidate, {"baseline": itself}) == {"candidate": (0, 1), "baseline": (0, 1)}
        assert known_draws(store, itself, {}) == {"candidate@1000000": (0, 1)}
    assert oldest(candidate, None) == oldest(candidate, baseline) == AGE_S
