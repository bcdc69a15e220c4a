"""A system text and a template may stand in a file; what they say counts, not where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.config import VersionSettings
from harness.errors import SettingsError
from harness.models.prompts.texts import read_texts
from harness.models.version import Version, load_version


def loaded(folder: Path, **texts: Any) -> Version:
    return load_version(VersionSettings("it", "scripted", engine_options={"default": "yes"}, **texts), folder)


def refused(folder: Path, **texts: Any) -> str:
    settings = VersionSettings("it", "scripted", engine_options={"default": "yes"}, **texts)
    with pytest.raises(SettingsError) as caught:
        read_texts(settings, folder)
    return str(caught.value)


def test_a_file_says_what_the_setting_would(tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text("You are terse.\n", encoding="utf-8")
    (tmp_path / "ask.md").write_text("Q: {{ prompt }}\nA:\n", encoding="utf-8")
    found = loaded(tmp_path, system="file:system.md", template="file:ask.md")
    written = loaded(tmp_path, system="You are terse.", template="Q: {prompt}\nA:")
    assert written.fingerprint == found.fingerprint
    assert dict(found.places) == {"system": "file:system.md", "template": "file:ask.md"}
    assert [message["content"] for message in found.chat("2 + 2?").messages] == ["You are terse.", "Q: 2 + 2?\nA:"]


def test_another_content_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text("You are terse.")
    before = loaded(tmp_path, system="file:system.md")
    (tmp_path / "system.md").write_text("You are verbose.")
    assert before.fingerprint != loaded(tmp_path, system="file:system.md").fingerprint


def test_braces_of_one_kind_or_the_other_are_the_place_of_the_question(tmp_path: Path) -> None:
    for text in ("Say {prompt}", "Say {{prompt}}", 'Say {prompt}, as {"a": {"b": 1}}'):
        (tmp_path / "ask.md").write_text(text)
        message = loaded(tmp_path, template="file:ask.md").chat("it").messages[0]["content"]
        assert message == text.replace("{{prompt}}", "it").replace("{prompt}", "it")


@pytest.mark.parametrize(
    ("content", "setting", "said"),
    [
        ("Answer.", "template", "does not hold {{prompt}}, where the question goes"),
        ("Answer {{question}}", "template", "has the variable {{question}}, which nothing fills in: {{prompt}}, the"),
        ("You help {{ user.name }}.", "system", "has the variable {{user.name}}, which nothing fills in: a system"),
        (" \n", "system", "the text is empty"),
        ("file:other.md", "system", "only names another place"),
    ],
)
def test_what_a_text_can_not_be_is_said(tmp_path: Path, content: str, setting: str, said: str) -> None:
    (tmp_path / "text.md").write_text(content)
    assert said in refused(tmp_path, **{setting: "file:text.md"})


def test_a_file_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text("You are terse.")
    told = "Version 'it', system = 'file:sytem.md': There is no prompt 'sytem.md'."
    assert refused(tmp_path, system="file:sytem.md").startswith(told)
    assert "system.md" in refused(tmp_path, system="file:sytem.md")
    (tmp_path / "latin.md").write_bytes(b"\xe9")
    assert "is not UTF-8" in refused(tmp_path, system="file:latin.md")
