"""A version has an address, or weights to be served, or neither, which is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config.versions import VersionSettings
from harness.errors import SettingsError, UsageError
from harness.models.version import Version
from harness.stages.inference.serving import ServerAddress, check_load, has_address, serve, takes_load


def version(engine: str, **options: Any) -> Version:
    return Version("v", VersionSettings("v", engine, engine_options=options), "0" * 32)


def test_an_endpoint_is_its_own_address() -> None:
    served = version("openai", base_url="http://127.0.0.1:8000/v1/", model="m")
    address = address_of(served)
    assert (address.base_url, address.model, address.root_url) == (
        "http://127.0.0.1:8000/v1",
        "m",
        "http://127.0.0.1:8000",
    )
    assert has_address(served.settings)
    assert takes_load(served.settings)
    assert has_address(version("vllm", base_url="http://h/v1", model="m").settings)
    weights = version("vllm", weights="package:x").settings
    assert takes_load(weights)
    assert not has_address(weights)


def address_of(served: Version) -> ServerAddress:
    with serve(served, Path.cwd()) as address:
        return address


@pytest.mark.parametrize(
    ("engine", "options"), [("scripted", {"answers": {}}), ("transformers", {"weights": "package:x"})]
)
def test_a_version_without_an_address_says_what_to_give_it(engine: str, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=rf"'v' has the engine {engine!r} and no address.* Give it base_url and model"):
        check_load(version(engine, **options).settings)


def test_a_key_comes_from_the_environment_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    served = version("openai", base_url="http://h/v1", model="m", api_key_env="STEELYARD_TEST_KEY")
    with pytest.raises(SettingsError, match="STEELYARD_TEST_KEY is not set"):
        address_of(served)
    monkeypatch.setenv("STEELYARD_TEST_KEY", "secret")
    address = address_of(served)
    assert address.api_key == "secret"
    assert "secret" not in repr(address)
