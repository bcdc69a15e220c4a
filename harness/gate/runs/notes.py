"""Notes that the store keeps of a run beside its scores: settings, versions and cases, for those who read it later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config import Settings, VersionSettings
from harness.config.repository.git import Repository
from harness.errors import SettingsError
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.scoring_code import scoring_digest
from harness.models.spec import engine_spec
from harness.requests import SampleSource

IN_THE_TEST = "in the test"
"""The source of cases that no file has."""
_DIGITS = 16
_SETTINGS = ("samples", "max_samples", "margin", "design", "best_of")


def settings_note(settings: Settings) -> dict[str, Any]:
    """The settings that a run was made with, where no marker said otherwise."""
    return {name: getattr(settings, name) for name in _SETTINGS}


def version_note(source: SampleSource, draws: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """A version and its draws; of the settings what tells a reader what it was, and nothing secret.

    Args:
        draws: the generations that its samples come from, by evaluation; those of the source for any other.
    """
    version = source.version
    record: dict[str, Any] = {
        "name": version.name,
        "fingerprint": version.fingerprint,
        "generation": source.generation,
        "first_index": source.first_index,
        "engine": version.settings.engine,
        "settings": _version_settings(version.settings),
    }
    if source.older:
        record["older"] = list(source.older)
    if draws:
        record["draws"] = {name: list(numbers) for name, numbers in draws.items()}
    if version.places:
        record["prompts"] = dict(version.places)
    if version.registered is not None:
        record["registered"] = {"name": version.registered.name, "version": version.registered.version}
        record["settings"]["weights"] = str(version.registered)
    return record


def _version_settings(settings: VersionSettings) -> dict[str, Any]:
    left_out = {*engine_spec(settings.engine).not_noted, "weights"}
    options = {name: value for name, value in settings.engine_options.items() if name not in left_out}
    texts = {"system": settings.system, "template": settings.template, "revision": settings.revision}
    weights = settings.engine_options.get("weights")
    known = {"weights": weights, **options, "sampling": dict(settings.sampling), **texts}
    return {name: value for name, value in known.items() if value is not None and value != {}}


def dataset_notes(evaluations: Iterable[tuple[Evaluation, Any]]) -> list[dict[str, Any]]:
    """The cases of evaluations, each set of them once: where they come from, how many, and a digest of their content.

    Args:
        evaluations: with what the marker says of the source of their cases.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for evaluation, given in evaluations:
        source, digest = _named(given), _digest(evaluation)
        record = {"source": source, "digest": digest, "n_cases": len(evaluation.cases), "evaluations": []}
        found.setdefault((source, digest), record)["evaluations"].append(evaluation.id)
    return list(found.values())


def _named(source: Any) -> str:
    """A path or name as it was written; of cases in the test's own code that they are."""
    if isinstance(source, Path):
        return source.as_posix()
    return source if isinstance(source, str) else IN_THE_TEST


def _digest(evaluation: Evaluation) -> str:
    digest = hashlib.sha256()
    for case in evaluation.cases:
        digest.update(json.dumps(case.fields, sort_keys=True, default=str).encode() + b"\n")
    return digest.hexdigest()[:_DIGITS]


def evaluation_notes(evaluations: Iterable[tuple[Evaluation, Any]]) -> dict[str, Any]:
    """Note what evaluations are made of: their cases, and the code that scores them.

    Args:
        evaluations: with what the marker says of the source of their cases.
    """
    known = list(evaluations)
    return {"datasets": dataset_notes(known), "code": _code(evaluation for evaluation, _ in known)}


def _code(evaluations: Iterable[Evaluation]) -> dict[str, str]:
    """Digests by the ids of the evaluations, as far as they are known."""
    digests = {evaluation.id: scoring_digest(evaluation.body) for evaluation in evaluations}
    return {identity: digest for identity, digest in digests.items() if digest is not None}


def commit_note(settings: Settings) -> dict[str, str]:
    """The commit that the project is at, where gates are logged; nothing where it is no clone or git is not there."""
    if settings.tracking is None:
        return {}
    try:
        return {"commit": Repository(settings.root).commit("HEAD")}
    except SettingsError:
        return {}
