"""Addresses of prompts are checked before any registry is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import VersionSettings
from harness.errors import SettingsError
from harness.models.prompts.registered import check_prompts, look_up_prompts


def settings(template: str, registry: str | None = "sqlite:///none.db") -> VersionSettings:
    return VersionSettings("it", "scripted", template=template, registry=registry)


def test_an_address_is_a_name_with_a_version_or_an_alias() -> None:
    assert check_prompts(settings("prompts:/qa/3")) == {"template": {"name": "qa", "version": "3", "alias": None}}
    assert check_prompts(settings("prompts:/qa@best")) == {"template": {"name": "qa", "version": None, "alias": "best"}}
    assert check_prompts(settings("{prompt}")) == {}


@pytest.mark.parametrize("address", ["prompts:/qa", "prompts:/qa/0", "prompts:/qa/latest", "prompts:/a b/1"])
def test_what_names_no_prompt_is_refused_with_the_two_forms(address: str) -> None:
    with pytest.raises(SettingsError, match=r"write prompts:/NAME/3 for a version, or prompts:/NAME@champion"):
        check_prompts(settings(address))


def test_a_registry_must_be_known() -> None:
    with pytest.raises(SettingsError, match=r"template = 'prompts:/qa/3': which registry has it\?"):
        check_prompts(settings("prompts:/qa/3", registry=None))


@pytest.mark.nightly
def test_offline_a_prompt_that_was_never_looked_up_says_why_the_registry_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path))
    nobody = f"http://127.0.0.1:{free_port}"
    with pytest.raises(SettingsError, match=f"Nothing listens at {nobody}. Offline, a prompt is known by its number"):
        look_up_prompts(settings("prompts:/qa/3", nobody), tmp_path, offline=True)
