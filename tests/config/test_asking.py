"""Tables that are read when they are asked for."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from harness.config.asking import WhenAsked, understood
from harness.errors import SettingsError
from tests.config.settings_files import load


def read(name: str) -> str:
    if name == "wrong":
        raise SettingsError("it is wrong")
    return name.upper()


def test_one_is_read_once_and_when_it_is_asked_for() -> None:
    asked = []
    tables = WhenAsked(["a", "wrong", "b"], lambda name: asked.append(name) or read(name))
    assert (list(tables), len(tables), "wrong" in tables, "c" in tables) == (["a", "wrong", "b"], 3, True, False)
    assert asked == []
    assert (tables["a"], tables["a"], asked) == ("A", "A", ["a"])
    assert repr(tables) == "WhenAsked(a, wrong, b)"


def test_it_can_be_handed_to_another_process() -> None:
    tables = pickle.loads(pickle.dumps(WhenAsked(["a", "wrong"], read)))
    assert (tables["a"], list(tables)) == ("A", ["a", "wrong"])


def test_settings_can_be_handed_to_another_process(tmp_path: Path) -> None:
    text = 'models.a = { engine = "scripted", default = "x" }\ncorpora.c = { documents = "d" }'
    settings = load(tmp_path, text)
    assert pickle.loads(pickle.dumps(settings)).version("c") == settings.version("c")


def test_what_is_wrong_is_told_to_who_asks_for_it() -> None:
    tables = WhenAsked(["a", "wrong"], read)
    with pytest.raises(SettingsError, match="it is wrong"):
        tables["wrong"]
    with pytest.raises(KeyError):
        tables["c"]
    assert understood(tables) == {"a": "A"}
