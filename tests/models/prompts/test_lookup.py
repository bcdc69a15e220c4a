"""Prompts of MLflow's registry are texts like any other, found by version or alias."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.config import VersionSettings
from harness.models.version import Version, fingerprint_here, load_version
from tests.tracking.forks import in_a_fork

pytestmark = pytest.mark.nightly

CHAT = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Q: {{prompt}}"}]


def main(address: str) -> None:
    """Register prompts, and print what is found where something else is asked for."""
    import mlflow

    from harness.models.mlflow.child import Login
    from harness.models.prompts import lookup

    mlflow.set_tracking_uri(address)
    mlflow.genai.register_prompt("qa", "Q: {{ prompt }}\nA:")
    mlflow.genai.register_prompt("qa", "Answer: {{question}}")
    mlflow.genai.register_prompt("chat", CHAT)
    mlflow.genai.set_prompt_alias("qa", "best", 1)
    asked = {"number": ("qa", "7", None), "alias": ("qa", None, "bset"), "name": ("qaa", "1", None)}
    parts = {key: dict(zip(("name", "version", "alias"), each, strict=True)) for key, each in asked.items()}
    lookup._LARGEST_PAGE = 1  # so that what is asked for stands on a later page
    print(json.dumps(lookup.find_prompts(Login(address, address, "", "", ()), {"prompts": parts})["prompts"]))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))


def settings(registry: str, **texts: Any) -> VersionSettings:
    return VersionSettings("it", "scripted", engine_options={"default": "yes"}, registry=registry, **texts)


def test_a_prompt_of_the_registry_is_its_text(database: str, tmp_path: Path) -> None:
    printed = in_a_fork(__name__, database, folder=Path(database.removeprefix("sqlite:///")).parent)
    unknown = json.loads(printed.strip().splitlines()[-1])
    assert unknown == {
        "number": {"unknown": "version", "known": ["1", "2"]},
        "alias": {"unknown": "alias", "known": ["best"]},
        "name": {"unknown": "name", "known": ["chat", "qa"]},
    }

    def loaded(*, offline: bool = False, **texts: str) -> Version:
        return load_version(settings(database, **texts), tmp_path, offline=offline)

    written = loaded(template="Q: {prompt}\nA:")
    numbered = loaded(template="prompts:/qa/1")
    assert written.fingerprint == numbered.fingerprint
    aliased = loaded(template="prompts:/qa@best", system="prompts:/chat/1")
    assert dict(aliased.places) == {"template": "prompts:/qa/1", "system": "prompts:/chat/1"}
    assert [each["content"] for each in aliased.chat("why?").messages] == ["You are terse.", "Q: why?\nA:"]
    assert fingerprint_here(settings(database, template="prompts:/qa@best"), tmp_path) is None

    shutil.rmtree(tmp_path / "tracked")
    offline = loaded(offline=True, template="prompts:/qa/1")
    assert offline.fingerprint == written.fingerprint
    assert fingerprint_here(settings(database, template="prompts:/qa/1"), tmp_path) == written.fingerprint
