"""What an engine declares of itself, and what follows where it declares nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config.versions import VersionSettings
from harness.errors import EntryPointError, SettingsError
from harness.models.engines import SCRIPTED
from harness.models.spec import EngineSpec, engine_spec


def declared(**fields: object) -> EngineSpec:
    return EngineSpec(**{"summary": "a table", "create": SCRIPTED.create, **fields})


def version(**options: object) -> VersionSettings:
    return VersionSettings("v", "mine", engine_options=options)


def test_without_an_identity_it_is_the_options_that_matter() -> None:
    spec = declared(insignificant=frozenset({"latency_s"}))
    assert spec.identity_of(version(seed=1, latency_s=9), Path()) == {"options": {"seed": 1}}


def test_an_identity_of_its_own_takes_that_place() -> None:
    spec = declared(identity=lambda settings, root: {"name": settings.name})
    assert spec.identity_of(version(seed=1), Path()) == {"name": "v"}


def test_answers_come_from_what_the_engine_says_or_is() -> None:
    assert declared().source_of({"url": "u"}) == "a table"
    assert declared(source=lambda options: f"at {options['url']}").source_of({"url": "u"}) == "at u"


def test_a_package_that_is_not_installed_is_named_with_what_installs_it() -> None:
    spec = declared(packages=("json", "absent_a", "absent_b"), install="pip install 'mine[all]'")
    with pytest.raises(SettingsError) as raised:
        spec.require_packages(version())
    assert str(raised.value) == (
        "Version 'v' has the engine 'mine', which needs absent_a and absent_b, not installed here. "
        "Install it with: pip install 'mine[all]'"
    )
    declared(packages=("json",)).require_packages(version())
    declared(packages=("absent_a",), is_endpoint=lambda options: True).require_packages(version())


def test_an_engine_is_found_by_its_name() -> None:
    assert engine_spec("scripted") is SCRIPTED
    with pytest.raises(EntryPointError, match="scripted"):
        engine_spec("scriptd")
