"""What stands in the place of a corpus's engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import entry_points
from harness.config import VersionSettings
from harness.config.artifacts import Artifact
from harness.errors import CapabilityError, CorpusError, SettingsError
from harness.models.corpus.spec import CORPUS_SPEC
from harness.models.engine_creation import check_version, create_engine
from harness.models.spec import engine_spec
from harness.models.version import answers, fingerprint_here, is_built, load_version
from tests.conftest import need

HERE = Path("project")
BUILT = Artifact(Path("/cache/0f"), "0f" * 32)


def corpus(artifact: Artifact | None = None, name: str = "clean", **options: Any) -> VersionSettings:
    options = {"documents": "web.jsonl", "steps": [], **options}
    return VersionSettings(name, "corpus", engine_options=options, artifact=artifact)


def test_it_is_found_and_nobody_can_choose_it_for_a_model() -> None:
    assert engine_spec("corpus") is CORPUS_SPEC
    assert "corpus" not in entry_points.names("engines")
    assert (answers(corpus()), answers(VersionSettings("v", "scripted"))) == (False, True)


def test_the_fingerprint_is_of_the_documents_alone() -> None:
    version = load_version(corpus(BUILT), HERE)
    assert version.fingerprint == "0f" * 16
    other = corpus(Artifact(Path("/elsewhere"), "0f" * 32), "other", steps=["c4"])
    assert load_version(other, HERE).fingerprint == version.fingerprint
    assert load_version(corpus(Artifact(BUILT.path, "1f" * 32)), HERE).fingerprint != version.fingerprint


def test_what_is_not_built_has_no_fingerprint_yet() -> None:
    assert (is_built(corpus()), is_built(corpus(BUILT))) == (False, True)
    assert fingerprint_here(corpus(), HERE) is None
    with pytest.raises(CorpusError, match="clean is not built here: `steelyard build clean` does that"):
        load_version(corpus(), HERE)


def test_there_is_no_engine() -> None:
    need("datatrove")
    check_version(corpus(), HERE)
    with pytest.raises(CapabilityError, match="clean is a corpus, which answers nothing"):
        create_engine(load_version(corpus(BUILT), HERE), HERE)


def test_where_a_corpus_is_in_a_list_its_documents_are_named() -> None:
    assert CORPUS_SPEC.source_of(corpus().engine_options) == "documents of web.jsonl"


def test_the_extra_that_it_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"The corpus 'clean' needs datatrove, .*pip install .*\[data\]\""):
        check_version(corpus(), HERE)
