"""The settings of both engines are checked, and make engines and fingerprints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from harness.config import VersionSettings
from harness.config.settings import settings_of
from harness.errors import SettingsError
from harness.models.application.declarations import COMMAND, PYTHON, command_of
from harness.models.application.engine import ApplicationEngine
from harness.models.version import load_version
from tests.models.application.asking import application, version


def command(**options: Any) -> VersionSettings:
    sampling = options.pop("sampling", {})
    return VersionSettings("bot", "command", engine_options={"command": "cat", **options}, sampling=sampling)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"engine": "python"}, "needs call"),
        ({"engine": "python", "call": "shop.bot"}, "'shop.bot' names no function; write \"module:function\""),
        ({"engine": "python", "call": "shop/bot.py:answer"}, "names no function"),
        ({"engine": "python", "call": "a:b", "workers": 0}, "workers = 0 is below 1"),
        ({"engine": "python", "call": "a:b", "colour": 1}, "colour"),
        ({"engine": "command"}, "needs command"),
        ({"engine": "command", "command": []}, "is no command"),
        ({"engine": "command", "command": 'node "bot'}, "can't be split into words"),
        (
            {"engine": "command", "command": 'cat | bot "a b"'},
            r"""has '\|' in it, and no shell runs it\. Call one: command = .*"cat \| bot \\"a b\\""\]; or""",
        ),
        ({"engine": "command", "command": "bot 2>&1 > log"}, "has '2>&1' in it"),
    ],
)
def test_settings_that_can_t_be_are_refused(tmp_path: Path, table: dict[str, Any], words: str) -> None:
    settings = settings_of({"models": {"bot": table}}, tmp_path / "steelyard.toml")
    with pytest.raises(SettingsError, match=words):
        settings.version("bot")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (version(folder="shops"), "folder = '.*shops' is no folder"),
        (version(python="python9"), "python = 'python9' is no interpreter"),
        (command(command="no-such-program"), "the program 'no-such-program' is not on the PATH"),
        (command(command="./bot.sh"), r"the program './bot.sh' is not in .*, or is not executable"),
    ],
)
def test_versions_that_could_not_answer_are_refused(tmp_path: Path, settings: VersionSettings, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        (PYTHON if settings.engine == "python" else COMMAND).check(settings, tmp_path)


def test_engines_are_made_and_told_by_what_they_call(tmp_path: Path) -> None:
    made = PYTHON.create(version(python=sys.executable), tmp_path), COMMAND.create(command(), tmp_path)
    assert [type(engine) for engine in made] == [ApplicationEngine] * 2
    sources = PYTHON.source_of({"call": "bot:answer"}), COMMAND.source_of({"command": ["node", "my bot.js"]})
    assert sources == ("bot:answer", "node 'my bot.js'")


def test_the_words_of_a_command_are_as_they_are_written(tmp_path: Path) -> None:
    assert command_of(command(command="""awk -F "|" '{ print > 1 } ; a' \\; x>y"""), tmp_path)[1:] == [
        *("-F", "|", "{ print > 1 } ; a", ";", "x>y")
    ]
    assert command_of(command(command=["cat", "|"]), tmp_path)[1:] == ["|"]
    assert command_of(command(command=["awk", "/a//b/", "//c/../d"]), tmp_path)[1:] == ["/a//b/", "//c/../d"]


def test_a_fingerprint_is_of_the_content_and_not_of_how_it_is_asked(tmp_path: Path) -> None:
    for name in ("one", "two"):
        application(tmp_path / name, "def answer(prompt): return prompt")
    prints = {
        load_version(version(folder=name, workers=workers, timeout_s=9, files=files), tmp_path).fingerprint
        for name, workers, files in (("one", 1, []), ("two", 4, []), ("two", 1, ["bot.py"]))
    }
    assert len(prints) == 1
    application(tmp_path / "two", "def answer(prompt): return 'changed'")
    assert load_version(version(folder="two", files=["bot.py"]), tmp_path).fingerprint not in prints
