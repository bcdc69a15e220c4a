"""Addresses of MLflow: which are taken, and that none shows a password."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config.addresses import (
    HookAddress,
    TrackingAddress,
    WebAddresses,
    absolute,
    secrets_of,
    split_credentials,
    without_credentials,
)
from harness.config.environment import model_registry
from harness.config.settings import Settings, load_settings
from harness.config.typed import VariableName, check
from harness.errors import SettingsError


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:5000",
        "https://ann:secret@mlflow.example/team",
        "sqlite:///mlflow.db",
        "sqlite:////data/mlflow.db",
        "postgresql+psycopg://ann:secret@db/mlflow",
        "postgresql://ann:s3/cret@db:5432/mlflow",
        "postgresql://ann:secret@first:5432,second:5432/mlflow",
        "mysql+pymysql://db/mlflow",
        "none",
    ],
)
def test_servers_files_and_databases_are_taken_as_they_are(address: str) -> None:
    assert check(TrackingAddress, address, "mlflow", where="here") == address


def test_a_server_needs_no_slash_at_its_end() -> None:
    assert check(TrackingAddress, "http://host:5000/", "mlflow", where="here") == "http://host:5000"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mlruns", "write http://HOST:PORT for a server, sqlite:///mlflow.db for a file, or none"),
        ("file:///data/mlruns", "A folder of files is not logged to"),
        ("htp://host", "is no address of MLflow"),
        ("http://", "names no host and port"),
        ("http://host:0", "names no host and port"),
        ("http://host:port", "is not an address: it has no host, or a port that is none."),
        ("http://[::1", "is not an address: it has no host, or a port that is none."),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("http://host name", "holds a space or a control character"),
        ("", "is not a text"),
        (5000, "is not a text"),
    ],
)
def test_what_is_no_address_is_refused_with_the_forms(address: object, said: str) -> None:
    with pytest.raises(SettingsError, match=r"^--mlflow: mlflow = ") as caught:
        check(TrackingAddress, address, "mlflow", where="--mlflow")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        *("htp://ann:s3cret@host", "http://ann:s3cret@ho st", "http://ann:s3cret@host:port", "http://ann:s3/cret@[::1"),
        *("http://ann:cret/3@host", "http://ann:cret\u2100@host"),
    ],
)
def test_a_refusal_shows_neither_user_nor_password(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check(TrackingAddress, address, "mlflow", where="here")
    assert "cret" not in str(caught.value)
    assert "ann" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://ann:s3cret@host:5000/a", "http://***@host:5000/a"),
        ("http://token@host", "http://***@host"),
        ("postgresql://ann:p@ss@db/mlflow?sslmode=require", "postgresql://***@db/mlflow?***"),
        ("postgresql://db/mlflow?password=s3cret", "postgresql://db/mlflow?***"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(address: str, shown: str) -> None:
    assert without_credentials(address) == shown


def test_the_password_of_a_database_stays_in_its_address_and_is_known_as_a_secret() -> None:
    address = "postgresql://ann:s%2Fcret@db/mlflow"
    assert split_credentials(address) == (address, "", "")
    assert split_credentials("http://ann:s%2Fcret@host:5000/a") == ("http://host:5000/a", "ann", "s/cret")
    assert secrets_of(address) == ("ann:s%2Fcret", "s%2Fcret", "s/cret")
    assert secrets_of("http://token@host") == ("token",)
    assert secrets_of("http://host") == ()


def test_the_path_of_a_file_starts_from_the_project() -> None:
    assert absolute("sqlite:///data/mlflow.db", Path("/project")) == "sqlite:////project/data/mlflow.db"
    assert absolute("sqlite:////data/mlflow.db", Path("/project")) == "sqlite:////data/mlflow.db"
    assert absolute("http://host", Path("/project")) == "http://host"


def test_settings_name_the_address_and_none_is_nowhere(tmp_path: Path) -> None:
    assert load_settings(tmp_path).tracking is None
    (tmp_path / "steelyard.toml").write_text('mlflow = "sqlite:///mlflow.db"\nmlflow_experiment = "mine"\n')
    settings = load_settings(tmp_path)
    assert settings.tracking == f"sqlite:///{tmp_path}/mlflow.db"
    assert settings.mlflow_experiment == "mine"
    assert Settings(tmp_path, mlflow="none").tracking is None


def test_settings_do_not_show_the_address(tmp_path: Path) -> None:
    assert "s3cret" not in repr(Settings(tmp_path, mlflow="http://ann:s3cret@host"))


def test_the_registry_is_the_variables_else_the_settings_else_where_mlflow_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    assert model_registry(None) is None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking")
    assert model_registry(None) == "http://tracking"
    assert model_registry("http://settings") == "http://settings"
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///registry.db")
    monkeypatch.chdir(tmp_path)
    assert model_registry("http://settings") == f"sqlite:///{tmp_path}/registry.db"


def test_a_version_of_the_registry_knows_where_it_is_and_does_not_show_it(tmp_path: Path) -> None:
    (tmp_path / "steelyard.toml").write_text(
        'mlflow = "http://ann:s3cret@host"\n'
        '[models.theirs]\nengine = "transformers"\nweights = "models:/tiny/1"\n'
        '[models.ours]\nengine = "transformers"\nweights = "tiny"\n'
    )
    settings = load_settings(tmp_path)
    assert settings.version("theirs").registry == "http://ann:s3cret@host"
    assert settings.version("ours").registry is None
    assert "s3cret" not in repr(settings.version("theirs"))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        *((url, "is not an http:// or https:// address") for url in ("127.0.0.1:8000", "ftp://host/v1")),
        *((url, "names no host") for url in ("http://", "http:///v1", "http://:8000/v1")),
        *((url, "is not an address") for url in ("http://host:99999/v1", "http://host:port/v1", "http://[::1/v1")),
        *((f"http://host/v1{end}", "goes on after its path") for end in ("?api-version=1", "#chat", "?")),
        *((url, "a space or a control") for url in ("http://ho st/v1", "http://host/v1\n", "http://host/\0v1")),
        ("http://me:pw@host/v1", "holds a user or a password"),
        ("http://host:0/", "has port 0"),
    ],
)
def test_what_is_no_address_of_a_server_is_refused(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=r"^file: base_url = ") as raised:
        check(WebAddresses, url, "base_url", where="file")
    assert said in str(raised.value)
    assert check(WebAddresses, "http://[::1]:8000/v1", "base_url", where="file") == "http://[::1]:8000/v1"


@pytest.mark.parametrize("several", [["http://a:8000/v1", "http://b:8000/v1"], ["http://a:8000/v1"]])
def test_addresses_may_be_a_list(several: list[str]) -> None:
    assert check(WebAddresses, several, "base_url", where="file") == several


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "base_url = [] is empty; write the address of each server."),
        (["http://a/v1", "http://b/v1", "http://a/v1/"], "'http://a/v1/'] names a server twice."),
        (["http://a/v1", 5], "base_url = 5 is not a text; write it in quotes."),
        (["http://a/v1", ""], "base_url = '' is not a text; write it in quotes."),
        (["http://a/v1", "ftp://b/v1"], "base_url = 'ftp://b/v1' is not an http:// or https:// address."),
        ([3, "http://me:sk-secret@b/v1"], "base_url = 3 is not a text; write it in quotes."),
        (["http://a/v1", "http://me:sk-secret@b/v1"], "base_url = 'http://***@b/v1' holds a user or a password"),
    ],
)
def test_what_is_no_list_of_servers_is_refused(value: list[object], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check(WebAddresses, value, "base_url", where="file")
    assert said in str(raised.value)
    assert "sk-secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:sk-secret@host/v1?key=sk-secret",
        "ftp://host/v1?key=sk-secret",
        "http://host/#a\nsk-secret",
        "http://me:sk-secret@host:port/v1",
    ],
)
def test_what_may_be_a_secret_in_it_is_not_shown(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check(WebAddresses, url, "base_url", where="file")
    assert "sk-secret" not in str(raised.value)
    assert "***" in str(raised.value)


@pytest.mark.parametrize("kind", [HookAddress, TrackingAddress, VariableName])
@pytest.mark.parametrize("wrap", [list, dict.fromkeys])
def test_a_secret_in_a_list_or_a_table_is_not_shown(kind: object, wrap: Callable[[list[str]], object]) -> None:
    with pytest.raises(SettingsError, match=r"^file: key = \*\*\* is not a text; write it in quotes\.$"):
        check(kind, wrap(["https://me:sk-secret@host"]), "key", where="file")
