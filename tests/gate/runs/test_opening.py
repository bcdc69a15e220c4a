from __future__ import annotations

import pytest

from harness.errors import SettingsError
from harness.gate.runs.opening import check_judges
from harness.models.engine import Capability
from tests.requests.engines import NotingEngine


def test_a_judge_whose_engine_can_be_held_to_no_form_is_refused() -> None:
    able, unable = NotingEngine("able (large)"), NotingEngine("noting (small)")
    able.capabilities |= {Capability.SCHEMA}
    check_judges(("large",), {"large": able, "small": unable})
    with pytest.raises(
        SettingsError, match=r"noting \(small\) can't judge: .* structured output \(it has: seed\)\. Name"
    ):
        check_judges(("large", "small"), {"large": able, "small": unable})


def test_offline_there_is_no_engine_to_ask() -> None:
    check_judges(("small",), {})
