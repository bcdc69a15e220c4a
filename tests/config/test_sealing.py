"""The key that opens what is sealed."""

from __future__ import annotations

import pytest

from harness.config.environment import SEAL_KEY, is_open, seal_of
from harness.errors import SettingsError


def test_the_key_opens_its_seal_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = seal_of("the lead's")
    assert not is_open(seal), "nobody has a key"
    monkeypatch.setenv(SEAL_KEY, "the lead's")
    assert is_open(seal)
    with pytest.raises(SettingsError, match="does not open this seal"):
        is_open(seal_of("another's"))


def test_the_setting_is_salted_and_does_not_hold_the_key() -> None:
    one, other = seal_of("secret"), seal_of("secret")
    assert one != other
    assert "secret" not in one
    assert seal_of("secret", one.partition(".")[0]) == one


@pytest.mark.parametrize("seal", [None, "", "no hash"])
def test_a_key_without_a_seal_gets_the_line_to_add(monkeypatch: pytest.MonkeyPatch, seal: str | None) -> None:
    monkeypatch.setenv(SEAL_KEY, "mine")
    with pytest.raises(SettingsError, match=SEAL_KEY) as error:
        is_open(seal)
    assert is_open(str(error.value).rpartition('seal = "')[2].strip('"'))
