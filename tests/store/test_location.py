from pathlib import Path

import pytest

from harness.config import Settings
from harness.store import store_url
from harness.store.location import option_for, shown_arguments, without_password


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        (None, "/project/.steelyard/store.db"),
        ("data/samples.db", "/project/data/samples.db"),
        ("/data/samples.db", "/data/samples.db"),
        ("sqlite:////data/samples.db", "sqlite:////data/samples.db"),
        ("postgresql://ann@db/steelyard", "postgresql://ann@db/steelyard"),
    ],
)
def test_a_store_lies_where_the_settings_say(store: str | None, expected: str) -> None:
    assert store_url(Settings(root=Path("/project"), store=store)) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://ann:p@ss:w/rd@db/x", "postgresql://ann:***@db/x"),
        ("postgresql://ann@db/x", "postgresql://ann@db/x"),
        ("postgresql:///x?host=/run&password=secret&port=1", "postgresql:///x?host=/run&password=***&port=1"),
        ("postgresql:///x?sslpassword=secret", "postgresql:///x?sslpassword=***"),
        ("/plain/path@home/store.db", "/plain/path@home/store.db"),
    ],
)
def test_a_password_is_never_shown(url: str, expected: str) -> None:
    assert without_password(url) == expected


@pytest.mark.parametrize(
    ("settings", "store", "expected"),
    [
        ("", "{root}/.steelyard/store.db", ""),
        ("", "{root}/a folder/other.db", " --store '../a folder/other.db'"),
        ("", "/s.db", " --store /s.db"),
        ("store = 'other.db'", "{root}/other.db", ""),
        ("store = 'other.db'", "{root}/.steelyard/store.db", " --store ../.steelyard/store.db"),
        ("store = 'postgresql://ann:secret@db/x'", "postgresql://ann:***@db/x", ""),
        ("", "postgresql://ann:secret@db/x", " --store URL"),
        ("", "postgresql://db/x?password=***", " --store URL"),
        ("", "postgresql://db/x", " --store postgresql://db/x"),
        ("no toml", "{root}/.steelyard/store.db", " --store ../.steelyard/store.db"),
    ],
)
def test_a_command_names_the_store_that_it_would_not_find(
    tmp_path: Path, settings: str, store: str, expected: str
) -> None:
    (tmp_path / "steelyard.toml").write_text(settings)
    (tmp_path / "suites").mkdir()
    assert option_for(store.format(root=tmp_path), tmp_path / "suites") == expected


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("--store sqlite:///x?password=hunter2", "--store URL"),
        ("--store=sqlite:///x?password=hunter2", "--store=URL"),
        ("--store postgresql://ann:p@ss@db/x", "--store URL"),
        ("--store=postgresql://ann:p@ss@db/x", "--store=URL"),
        ("--store=ci.db suites", "--store=ci.db suites"),
        ("--mlflow=https://h/?token=abc", "--mlflow=URL"),
        ("--mlflow none", "--mlflow none"),
        ("--api-key=sk-1", "--api-key=***"),
        ("--api-key sk-1 suites", "--api-key *** suites"),
        ("--token YWJj=x==", "--token ***"),
        ("-o api_key=sk-1", "-o api_key=***"),
        ("--proxy=http://ann@host", "--proxy=http://***@host"),
        ("postgresql://ann:p@ss@db/x", "postgresql://***@db/x"),
        ("sqlite:///x?password=hunter2", "sqlite:///x?password=***"),
        ("suites/a.py::test_it[key=1] -k peru --samples 5", "suites/a.py::test_it[key=1] -k peru --samples 5"),
    ],
)
def test_a_command_line_is_shown_without_its_secrets(given: str, shown: str) -> None:
    assert shown_arguments(given.split()) == tuple(shown.split())
