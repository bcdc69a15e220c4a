"""What an endpoint declares: its identity, its key, and where its answers come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.versions import VersionSettings
from harness.errors import SettingsError
from harness.models.engines import OPENAI


def version(**options: Any) -> VersionSettings:
    return VersionSettings("v", "openai", engine_options={"base_url": "http://h/v1", "model": "m", **options})


def test_the_same_endpoint_has_one_identity_however_its_address_ends_and_it_is_asked() -> None:
    plain = OPENAI.identity_of(version(), Path())
    assert plain == {"options": {"base_url": "http://h/v1", "model": "m"}}
    assert OPENAI.identity_of(version(base_url="http://h/v1/", timeout_s=5, api_key_env="KEY"), Path()) == plain
    assert OPENAI.identity_of(version(model="n"), Path()) != plain


def test_a_replica_more_or_less_is_no_other_version() -> None:
    alone = OPENAI.identity_of(version(), Path())
    for addresses in (["http://h/v1"], ["http://h/v1", "http://i/v1"], ["http://h/v1/", "http://j/v1", "http://i/v1"]):
        assert OPENAI.identity_of(version(base_url=addresses), Path()) == alone
    assert OPENAI.identity_of(version(base_url=["http://i/v1", "http://h/v1"]), Path()) != alone
    assert OPENAI.source_of(version(base_url=["http://h/v1", "http://i/v1"]).engine_options).endswith(
        "h/v1, http://i/v1"
    )


def test_a_key_that_is_not_in_the_environment_is_asked_for_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THE_KEY", raising=False)
    with pytest.raises(SettingsError, match=r"THE_KEY.*version 'v'|version 'v'.*THE_KEY"):
        OPENAI.check(version(api_key_env="THE_KEY"), Path())
    monkeypatch.setenv("THE_KEY", "k")
    OPENAI.check(version(api_key_env="THE_KEY"), Path())
    OPENAI.check(version(), Path())


def test_answers_come_from_a_model_at_an_address() -> None:
    assert OPENAI.source_of(version().engine_options) == "m at http://h/v1"
    assert OPENAI.is_endpoint({})
