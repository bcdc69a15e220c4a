"""What the scripted engine declares: its identity is what it answers, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.config.versions import VersionSettings
from harness.models.engines import SCRIPTED


def version(**options: Any) -> VersionSettings:
    return VersionSettings("v", "scripted", engine_options=options)


def test_its_identity_is_the_content_of_the_table_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "answers.json").write_text(json.dumps({"q": "a"}))
    inline = SCRIPTED.identity_of(version(answers={"q": "a"}), tmp_path)
    assert SCRIPTED.identity_of(version(answers="answers.json", latency_s=1.0), tmp_path) == inline
    assert SCRIPTED.identity_of(version(answers={"q": "b"}), tmp_path) != inline


def test_answers_come_from_a_file_or_the_settings() -> None:
    assert SCRIPTED.source_of({"answers": "a.json"}) == "a.json"
    assert SCRIPTED.source_of({"answers": {}}) == "answers in the settings"
