"""Single settings: what each may be, and what is said of one that is something else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest

from harness.config import setting_checks
from harness.errors import SettingsError

ADDRESSES = (
    *((url, "is not an http:// or https:// address") for url in ("127.0.0.1:8000", "ftp://host/v1")),
    *((url, "names no host") for url in ("http://", "http:///v1", "http://:8000/v1")),
    *((url, "is not an address") for url in ("http://host:99999/v1", "http://host:port/v1", "http://[::1/v1")),
    *((f"http://host/v1{end}", "goes on after its path") for end in ("?api-version=1", "#chat", "?")),
    *((url, "a space or a control") for url in ("http://ho st/v1", "http://host/v1\n", "http://host/\0v1")),
    ("http://me:pw@host/v1", "holds a user or a password"),
    ("http://host:0/", "has port 0"),
)


@pytest.mark.parametrize(
    ("check", "value", "expected"),
    [
        (setting_checks.number, 3, 3.0),
        (partial(setting_checks.number, low=0, high=1), 1, 1.0),
        (partial(setting_checks.integer, high=4), 4, 4),
        (setting_checks.layers, 2, 2),
        (setting_checks.layers, [14, 0], [14, 0]),
        (setting_checks.names, "a", ("a",)),
        (setting_checks.names, ["a", "b"], ("a", "b")),
        (setting_checks.stops, "\n\n", "\n\n"),
        (setting_checks.variable, "_KEY9", "_KEY9"),
        (setting_checks.duration_s, " 1.5 h ", 5400.0),
        (setting_checks.duration_s, "2w", 1_209_600.0),
        (setting_checks.web_address, "http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        (partial(setting_checks.one_of, known=("fail", "warn")), "warn", "warn"),
    ],
)
def test_what_may_be_comes_back_in_its_own_type(check: Callable[..., Any], value: Any, expected: Any) -> None:
    found = check(value, "name", where="file")
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("check", "value", "said"),
    [
        (setting_checks.number, True, "name = True is not a number."),
        (setting_checks.number, float("nan"), "name = nan is not a number."),
        (setting_checks.number, 10**400, "is not a number."),
        (partial(setting_checks.number, low=0), -1, "is outside the range from 0 up."),
        (partial(setting_checks.number, low=0, high=1, below=True), 1, "is outside [0, 1)."),
        (setting_checks.integer, 2.0, "is not a whole number."),
        (setting_checks.integer, 0, "is below 1."),
        (partial(setting_checks.integer, high=4), 5, "is above 4, the largest possible."),
        (setting_checks.layers, [], "neither a number of layers nor a list"),
        *((setting_checks.layers, value, "neither a number") for value in ("1", True, 1.0, [14, True], [[14]])),
        (setting_checks.layers, 0, "is below 1."),
        (setting_checks.layers, [-1], "names layer -1; layers are counted from 0."),
        (setting_checks.layers, [3, 3], "names layer 3 twice."),
        (setting_checks.boolean, 1, "is neither true nor false."),
        (setting_checks.text, " ", "is not a text; write it in quotes."),
        (setting_checks.names, [], "names nobody"),
        (setting_checks.names, ["a", "a"], "names 'a' twice"),
        (setting_checks.table, [1], 'is no table; write name = { key = "value" }.'),
        (setting_checks.table, {"on": date(2026, 1, 1)}, "holds a date or a time; write it as a text."),
        (setting_checks.tables, {"inner": 1}, "name.inner = 1 is no table"),
        (setting_checks.path, "a\0b", "holds a NUL character"),
        *((setting_checks.stops, value, "is neither a text nor a list of") for value in ("", [""], 3, [], ["a", 3])),
        (setting_checks.duration_s, "7", "is not a duration"),
        (setting_checks.duration_s, "0s", "is not a duration"),
        *((setting_checks.web_address, url, said) for url, said in ADDRESSES),
        (partial(setting_checks.one_of, known=("fail", "warn")), "wran", "Did you mean 'warn'?"),
    ],
)
def test_what_can_not_be_is_refused_with_its_name_and_file(check: Callable[..., Any], value: Any, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check(value, "name", where="file")
    assert str(raised.value).startswith("file: ")
    assert said in str(raised.value)


def test_what_may_be_a_secret_is_not_shown() -> None:
    with pytest.raises(SettingsError) as raised:
        setting_checks.variable("sk-secret", "api_key_env", where="file")
    assert "sk-secret" not in str(raised.value)
    addresses = ("ftp://host/v1?key=sk-secret", "http://host/#a\nsk-secret", "http://me:sk-secret@host:port/v1")
    for address in ("https://user:sk-secret@host/v1?key=sk-secret", *addresses):
        with pytest.raises(SettingsError) as raised:
            setting_checks.web_address(address, "base_url", where="file")
        assert "sk-secret" not in str(raised.value)
        assert "***" in str(raised.value)


def test_an_unknown_key_is_told_with_the_nearest_known_one() -> None:
    setting_checks.refuse_unknown({"samples": 1}, ["samples", "margin"], where="file")
    with pytest.raises(SettingsError, match="Did you mean 'samples'"):
        setting_checks.refuse_unknown({"sample": 1}, ["samples", "margin"], where="file")
