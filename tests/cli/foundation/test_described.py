from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.foundation.described import described_version, require_weights
from harness.config.settings import Settings, load_settings
from harness.errors import UsageError

SETTINGS = """
[models.served]
engine = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "m"
[models.table]
engine = "scripted"
answers = {{ "a" = "b" }}
[models.tiny]
engine = "transformers"
weights = "{weights}"
"""


@pytest.fixture
def settings(tiny_llama: Path, tmp_path: Path) -> Settings:
    (tmp_path / "steelyard.toml").write_text(SETTINGS.format(weights=tiny_llama), encoding="utf-8")
    return load_settings(tmp_path)


def test_a_version_has_its_fingerprint_its_weights_and_its_lineage(settings: Settings) -> None:
    from harness.models.version import load_version

    found = described_version(settings, "tiny")
    assert load_version(settings.version("tiny"), settings.root).fingerprint == found.fingerprint
    assert (found.name, found.weights.n_tensors, found.lineage[-1].made) == ("tiny", 39, "tiny")


@pytest.mark.parametrize("name", ["served", "table"])
def test_a_version_without_weights_is_refused_with_those_that_have_some(settings: Settings, name: str) -> None:
    with pytest.raises(UsageError, match=f"'{name}' has no weights: .* Versions with weights: tiny.*weights = "):
        require_weights(settings, settings.version(name))
