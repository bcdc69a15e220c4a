"""What is told of a run's versions."""

from __future__ import annotations

from pathlib import Path

from harness.config import VersionSettings
from harness.gate.runs.versions import version_notes
from harness.models.version import Version
from tests.repositories import commit_all, write


def served(name: str, revision: str | None = None, max_age_s: float | None = None) -> Version:
    options = {"base_url": "http://127.0.0.1:8000/v1", "model": "m"}
    own = VersionSettings(name, "openai", revision=revision, max_age_s=max_age_s, engine_options=options)
    return Version(name, own, name)


def test_an_endpoint_whose_answers_nothing_tells_apart_is_told_of_once() -> None:
    first, second = served("first"), served("second")
    scripted = Version("table", VersionSettings("table", "scripted", engine_options={"default": "a"}), "t")
    assert version_notes(first, scripted, first, root=Path()) == (
        "first is an endpoint without revision or max_age: stored answers count for ever, also when something else is "
        "served there. Set one of them",
    )
    assert version_notes(first, second, root=Path())[0].startswith("first and second are endpoints without")


def test_an_endpoint_with_a_revision_or_an_age_is_not_told_of() -> None:
    assert version_notes(served("first", revision="1"), served("second", max_age_s=1.0), root=Path()) == ()


def test_a_revision_that_is_the_commit_of_other_files_is_told_of(tmp_path: Path) -> None:
    write(tmp_path, "prompt.txt", "Be brief.")
    commit = commit_all(tmp_path)
    of_commit, others = served("bot", f"app-{commit}"), (served("a", "1"), served("b", "0" * 40))
    assert version_notes(of_commit, *others, root=tmp_path) == ()
    write(tmp_path, "prompt.txt", "Be long.")
    assert version_notes(of_commit, *others, of_commit, root=tmp_path) == (
        f"the working tree differs from {commit[:12]}, which is the revision of bot, and its samples count as those of "
        f"{commit[:12]}, but for files that are part of its fingerprint. Not as committed: prompt.txt",
    )
    assert version_notes(of_commit, root=tmp_path.parent) == ()
