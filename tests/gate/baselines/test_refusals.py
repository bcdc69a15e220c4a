"""A recording that stopped early is refused where its cases would not come in its order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import SettingsError
from harness.gate.baselines.refusals import check_recorded
from tests.gate.baselines.recordings import cases, early, evaluation, recorded, recording


def test_a_recording_that_stopped_early_goes_with_its_own_order_alone() -> None:
    check_recorded(recording(test=early()), [evaluation(cases())], seed=0)
    with pytest.raises(SettingsError, match=r"stopped after 2 of 6 in test, .* fixed design. Gate with --design seq"):
        check_recorded(recording(test=early()), [evaluation(cases(), design="fixed")], seed=0)
    with pytest.raises(SettingsError, match="in the order of seed = 0, and this run does in that of seed = 3"):
        check_recorded(recording(test=early()), [evaluation(cases())], seed=3)
    unknown = replace(recording(test=early()), seed=None)
    with pytest.raises(SettingsError, match="in an unknown order"):
        check_recorded(unknown, [evaluation(cases())], seed=0)
    check_recorded(recording(test=recorded(cases())), [evaluation(cases(), design="fixed")], seed=3)


def test_a_recording_of_other_evaluations_is_refused_with_both() -> None:
    with pytest.raises(SettingsError, match="is of other evaluations: it has 'other', and this run has test"):
        check_recorded(recording(other=recorded(cases())), [evaluation(cases())], seed=0)
