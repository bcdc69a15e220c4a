"""A run asks a version in one generation of draws, whoever asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.config import VersionSettings
from harness.gate.runs.generations import Generations
from harness.models.version import Version
from harness.store import Store


def test_fresh_begins_one_for_the_run_and_not_one_for_each_who_asks(tmp_path: Path) -> None:
    version = Version("it", VersionSettings("it", "scripted"), "f" * 32)
    with Store.open(str(tmp_path / "store.db")) as store:
        assert Generations(store).of(version) == (0,)
        fresh = Generations(store, is_fresh=True)
        assert fresh.of(version) == fresh.of(replace(version, name="same")) == (1,)
        assert Generations(store, is_fresh=True).of(version) == (2,)


def test_those_that_are_too_old_do_not_count(tmp_path: Path) -> None:
    version = Version("it", VersionSettings("it", "scripted", max_age_s=60.0), "f" * 32)
    with Store.open(str(tmp_path / "store.db")) as store:
        store.generations(version.fingerprint, now=0.0)
        assert Generations(store).of(version) == (1,)
