"""How a command comes by its corpus."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from harness.cli.console import build_line
from harness.cli.corpus import open_corpus
from harness.errors import SettingsError
from harness.stages.build_state import BuildState


@pytest.mark.service
def test_a_corpus_is_opened_under_the_name_that_it_is_asked_for(corpora: Path) -> None:
    text = (corpora / "steelyard.toml").read_text(encoding="utf-8")
    (corpora / "steelyard.toml").write_text(text + '[corpora.same]\nbase = "clean"\n', encoding="utf-8")
    assert (open_corpus("clean").name, open_corpus("same").name) == ("clean", "same")
    assert open_corpus("clean").folder == open_corpus("same").folder


def test_without_its_packages_it_says_what_installs_them(corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"The corpus 'clean' needs datatrove, not .*pip install .*\[data\]"):
        open_corpus("clean")


def test_progress_goes_to_the_standard_error_and_not_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with build_line() as line:
        line.show(BuildState("clean", "c4", 1, 2))
    assert capsys.readouterr() == ("", "")


def test_an_interrupted_build_says_that_its_work_is_kept() -> None:
    with pytest.raises(click.ClickException, match="is kept: run again to go on") as caught, build_line():
        raise KeyboardInterrupt
    assert caught.value.exit_code == 2
