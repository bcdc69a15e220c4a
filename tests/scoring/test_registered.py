"""Checks are found by the name under which a distribution declares them."""

from __future__ import annotations

import pytest

from harness.errors import CheckError
from harness.scoring.checks.text import contains
from harness.scoring.registered import registered


def test_a_check_is_what_its_entry_point_names() -> None:
    assert registered("contains") is contains


def test_a_check_that_there_is_not_is_told_with_the_nearest() -> None:
    with pytest.raises(CheckError, match="contains"):
        registered("contain")
