"""Tables, rows and single values: what each may be, and what is said of one that is something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest

from harness.config import typed
from harness.config.typed import (
    Between,
    Checked,
    OneOf,
    Table,
    WrongTableError,
    WrongValueError,
    check,
    read,
    read_jsonl,
)
from harness.errors import CaseError, SettingsError


@dataclass(frozen=True, slots=True)
class Sampling(Table):
    temperature: typed.NotNegative = 1.0
    greedy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Server(Table):
    hint: ClassVar[str] = "; nothing else gives it"
    model: str
    base_url: typed.WebAddress = field(metadata={"is": "its address"})
    api_key_env: typed.VariableName | None = None
    sampling: Sampling = field(default_factory=Sampling)
    notes: Mapping[str, list[int]] = field(default_factory=dict)
    kind: Literal["chat", "completion"] = "chat"

    def __post_init__(self) -> None:
        if self.kind == "completion" and self.sampling.greedy:
            raise WrongTableError(": greedy is of chats alone.")


SERVED: dict[str, Any] = {"model": "m", "base_url": "http://127.0.0.1:8000/v1"}


def test_a_table_is_read_into_its_type() -> None:
    found = read(Server, {**SERVED, "sampling": {"temperature": 0}}, where="file")
    assert found == Server(**SERVED, sampling=Sampling(0.0))
    assert type(found.sampling.temperature) is float


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (3, 'file, server = 3 is no table; write { key = "value" }.'),
        ({}, "file, server needs model; and base_url: its address; nothing else gives it."),
        ({"base_url": ""}, "file, server needs model; nothing else gives it."),
        ({"modle": "m"}, "file, server: No setting named 'modle'. "),
        ({"modle": "m"}, "Did you mean 'model'?"),
        ({**SERVED, "model": 3}, "file, server: model = 3 is not a text; write it in quotes."),
        ({**SERVED, "sampling": 3}, "file, server: sampling = 3 is no table; write "),
        ({**SERVED, "sampling": {"temprature": 1}}, "file, server, sampling: No setting named 'temprature'."),
        ({**SERVED, "sampling": {"temperature": "1"}}, "file, server, sampling: temperature = '1' is not a number."),
        ({**SERVED, "sampling": {"greedy": 1}}, "file, server, sampling: greedy = 1 is neither true nor false."),
        ({**SERVED, "notes": []}, "file, server: notes = [] is no table"),
        ({**SERVED, "notes": {"a": 1}}, "file, server, notes: a = 1 is no list"),
        ({**SERVED, "notes": {"a": [1, 2.0]}}, "file, server, notes: a[1] = 2.0 is not a whole number."),
        ({**SERVED, "kind": "chatt"}, "file, server: kind = 'chatt' is none of: chat, completion. Did you mean 'chat'"),
        ({**SERVED, "kind": "completion", "sampling": {"greedy": True}}, "file, server: greedy is of chats alone."),
        ({**SERVED, "model": "m" * 999, "kind": 3}, "file, server: kind = '3' is none of"),
    ],
)
def test_what_a_table_has_wrong_is_told_with_table_key_value_and_remedy(table: Any, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(Server, table, where="file, server")
    assert said in str(raised.value)


ADDRESSES = (
    *((url, "is not an http:// or https:// address") for url in ("127.0.0.1:8000", "ftp://host/v1")),
    *((url, "names no host") for url in ("http://", "http:///v1", "http://:8000/v1")),
    *((url, "is not an address") for url in ("http://host:99999/v1", "http://host:port/v1", "http://[::1/v1")),
    *((f"http://host/v1{end}", "goes on after its path") for end in ("?api-version=1", "#chat", "?")),
    *((url, "a space or a control") for url in ("http://ho st/v1", "http://host/v1\n", "http://host/\0v1")),
    ("http://me:pw@host/v1", "holds a user or a password"),
    ("http://host:0/", "has port 0"),
)
FAIL_OR_WARN = Annotated[str, OneOf(("fail", "warn"))]
UP_TO_4 = Annotated[int, Between(1, 4)]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (typed.Number, 3, 3.0),
        (typed.Share, 1, 1.0),
        (typed.Positive, 1e-9, 1e-9),
        (UP_TO_4, 4, 4),
        (typed.Layers, 2, 2),
        (typed.Layers, [14, 0], [14, 0]),
        (typed.Names, "a", ("a",)),
        (typed.Names, ["a", "b"], ("a", "b")),
        (typed.Stops, "\n\n", "\n\n"),
        (typed.VariableName, "_KEY9", "_KEY9"),
        (typed.Duration, " 1.5 h ", 5400.0),
        (typed.Duration, "2w", 1_209_600.0),
        (typed.WebAddress, "http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        (FAIL_OR_WARN, "warn", "warn"),
        (bool, True, True),
    ],
)
def test_what_may_be_comes_back_in_its_own_type(kind: Any, value: Any, expected: Any) -> None:
    found = check(kind, value, "name", where="file")
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        *((typed.Number, value, "is not a number.") for value in (True, float("nan"), float("inf"), 10**400, "1")),
        (typed.NotNegative, -1, "is outside the range from 0 up."),
        (Annotated[float, Between(0, 1, below=True)], 1, "is outside [0, 1)."),
        (typed.Positive, 0, "is not above 0."),
        *((typed.Count, value, "is not a whole number.") for value in (2.0, True, "2")),
        (typed.Count, 0, "is below 1."),
        (UP_TO_4, 5, "is above 4, the largest possible."),
        (typed.Layers, [], "neither a number of layers nor a list"),
        *((typed.Layers, value, "neither a number") for value in ("1", True, 1.0, [14, True], [[14]])),
        (typed.Layers, 0, "is below 1."),
        (typed.Layers, [-1], "names layer -1; layers are counted from 0."),
        (typed.Layers, [3, 3], "names layer 3 twice."),
        (bool, 1, "is neither true nor false."),
        (typed.Text, " ", "name = ' ' is not a text; write it in quotes."),
        (typed.Names, [], "names nobody"),
        (typed.Names, ["a", "a"], "names 'a' twice"),
        (typed.Names, ["a", 3], "name = 3 is not a text"),
        (typed.JsonTable, [1], 'is no table; write { key = "value" }.'),
        (typed.JsonTable, {"on": date(2026, 1, 1)}, "holds a date or a time; write it as a text."),
        (Mapping[str, typed.JsonTable], {"inner": 1}, "file, name: inner = 1 is no table"),
        (typed.PathText, "a\0b", "holds a NUL character"),
        (typed.FunctionName, "shop.bot", "names no function"),
        *((typed.Stops, value, "is neither a text nor a list of") for value in ("", [""], 3, [], ["a", 3])),
        *((typed.Duration, value, "is not a duration") for value in ("7", "0s", 7, "9" * 400 + "d")),
        *((typed.WebAddress, url, said) for url, said in ADDRESSES),
        (FAIL_OR_WARN, "wran", "name = 'wran' is none of: fail, warn. Did you mean 'warn'?"),
        (FAIL_OR_WARN, ["warn"], """name = "['warn']" is none of"""),
    ],
)
def test_what_can_not_be_is_refused_with_its_name_and_place(kind: Any, value: Any, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check(kind, value, "name", where="file")
    assert str(raised.value).startswith("file")
    assert said in str(raised.value)


def test_what_may_be_a_secret_is_not_shown() -> None:
    refused = [(typed.VariableName, "sk-secret")]
    addresses = ("ftp://host/v1?key=sk-secret", "http://host/#a\nsk-secret", "http://me:sk-secret@host:port/v1")
    refused += [(typed.WebAddress, url) for url in ("https://user:sk-secret@host/v1?key=sk-secret", *addresses)]
    for kind, value in refused:
        with pytest.raises(SettingsError) as raised:
            check(kind, value, "name", where="file")
        assert "sk-secret" not in str(raised.value)


def test_a_type_of_ones_own_is_a_check() -> None:
    def even(value: int) -> int:
        if value % 2:
            raise WrongValueError("is odd.")
        return value

    assert check(Annotated[int, Checked(even)], 2, "pairs", where="file") == 2
    with pytest.raises(SettingsError, match=r"^file: pairs = 3 is odd\.$"):
        check(Annotated[int, Checked(even)], 3, "pairs", where="file")


@dataclass(frozen=True, slots=True)
class Row(Table):
    word: ClassVar[str] = "field"
    id: str
    score: typed.Share = 0.0


def test_rows_are_read_with_their_places_and_refused_with_them(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a"}\n\n{"id": "b", "score": 1}\n')
    assert list(read_jsonl(path, Row)) == [(f"{path}, line 1", Row("a")), (f"{path}, line 3", Row("b", 1.0))]
    path.write_text('{"id": "a"}\n{"id": "b", "scor": 1}\n')
    with pytest.raises(CaseError, match=r"rows\.jsonl, line 2: No field named 'scor'\..* Did you mean 'score'\?"):
        list(read_jsonl(path, Row, CaseError))
