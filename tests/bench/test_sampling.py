"""A sample costs no more than when that was last recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench import sampling

TOLERANCE = 1.2  # medians of rounds differ by some 5 % on a busy machine, and by more between kinds of processors


@pytest.mark.nightly
def test_a_sample_drawn_or_replayed_costs_no_more_of_a_hand_written_loops_than_recorded(tmp_path: Path) -> None:
    recorded = json.loads((sampling.ROOT / "reports" / "benchmarks" / "samples.json").read_text())["figures"]
    most = {figure["name"]: TOLERANCE * figure["value"] for figure in recorded}
    measured = {figure.name: figure.value for figure in sampling.samples(tmp_path, repeats=5)}
    assert measured.keys() == most.keys()
    assert {name: value for name, value in measured.items() if value > most[name]} == {}
