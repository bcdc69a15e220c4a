from __future__ import annotations

import pytest

from harness.config.environment import colours_wanted


@pytest.mark.parametrize(("value", "wanted"), [(None, True), ("", True), ("1", False), ("0", False)])
def test_colours_are_wanted_unless_no_color_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, value: str | None, wanted: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if value is not None:
        monkeypatch.setenv("NO_COLOR", value)
    assert colours_wanted() is wanted
