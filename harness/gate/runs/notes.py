"""Notes that the store keeps of a run beside its scores, for those who read it later: versions, settings, environment,
cases and the code that scores them; and a version as the report names it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness import entry_points
from harness.config import Settings, VersionSettings
from harness.config.environment import version_of
from harness.config.repository import Repository
from harness.errors import SettingsError
from harness.gate.baselines.recording import Recording
from harness.gate.evaluations.cases import built_digest
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.evaluations.scoring_code import scoring_digest
from harness.gate.sampling.candidates import COUNTED
from harness.gate.sampling.ledger import Entry
from harness.models.spec import engine_spec
from harness.models.version import answers
from harness.records import Role, VersionRef
from harness.requests import SampleSource
from harness.stages.data.corpus import open_corpus
from harness.store import RunInfo

IN_THE_TEST = "in the test"
"""The source of cases that no file has."""
_DIGITS = 16
_SETTINGS = ("samples", "max_samples", "margin", "design", "best_of")
_ALWAYS = ("steelyard", "pytest", "numpy", "scipy")
_DRIVER = Path("/proc/driver/nvidia/gpus")


def specification(
    settings: Settings,
    candidate: SampleSource,
    against: Mapping[Role, SampleSource | Recording],
    judges: Sequence[SampleSource],
    ledger: Mapping[str, Entry],
) -> dict[str, Any]:
    """Describe a run for those who read the store later."""

    def noted(source: SampleSource, name: str) -> dict[str, Any]:
        draws = ((each, entry.draws(name)) for each, entry in ledger.items())
        return _version_note(source, {each: list(known) for each, known in draws if known is not None})

    described: dict[str, Any] = {
        "confidence_level": settings.confidence_level,
        "inconclusive": settings.inconclusive,
        "seed": settings.seed,
        "settings": {name: getattr(settings, name) for name in _SETTINGS},
        "candidate": noted(candidate, "candidate"),
    }
    for role, other in against.items():
        described[role] = _recorded_note(other) if isinstance(other, Recording) else noted(other, role)
    if counted := [name for name, entry in ledger.items() if entry.turn.number]:
        described[COUNTED] = counted
    if judges:
        described["judges"] = [noted(judge, judge.version.fingerprint) for judge in judges]
    asked = [each for each in (candidate, *against.values(), *judges) if isinstance(each, SampleSource)]
    engines = {each.version.settings.engine for each in asked}
    return described | {"environment": environment(sorted(engines))}


def _recorded_note(recording: Recording) -> dict[str, Any]:
    """A version that has no samples in the store."""
    return {
        "name": recording.reference.name,
        "fingerprint": recording.reference.fingerprint,
        "first_index": recording.first_index,
        "recorded": {"name": recording.name, "run_id": recording.run_id, "created": recording.created},
    }


def anchor_notes(described: Mapping[str, Any], recording: Recording | None, runs: Iterable[RunInfo]) -> tuple[str, ...]:
    """Tell that the anchor is another than in the last gate of a version of this name, and why it was promoted.

    Args:
        described: the run, as the store has it.
        recording: that stands for the anchor; None where it is asked, or there is none.
        runs: those before this one, the oldest first.
    """
    name, now = described["candidate"]["name"], described.get("anchor")
    own = [run for run in runs if run.finished and "baseline" in run.spec and run.spec["candidate"]["name"] == name]
    before = own[-1].spec.get("anchor") if own and "baseline" in described else None
    # Where the anchor's version is the baseline now, it is weighed against as before.
    known = {**described.get("baseline", {}), "recorded": (before or {}).get("recorded")} if now is None else now
    if before is None or all(known.get(each) == before.get(each) for each in ("fingerprint", "recorded")):
        return ()
    then, name = (
        "none" if each is None else f"{each['name']} ({each['fingerprint'].removeprefix('sha256:')[:8]})"
        for each in (before, now)
    )
    promoted = [*recording.history.values()][-1:] if recording is not None else []
    why = "".join(f"; promoted because: {each.reason}" for each in promoted)
    return (f"the anchor is {name} now: in run {own[-1].run_id} it was {then}{why}",)


def _version_note(source: SampleSource, draws: Mapping[str, list[int]]) -> dict[str, Any]:
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
    others = {"older": list(source.older), "draws": draws, "prompts": dict(version.places)}
    record |= {name: value for name, value in others.items() if value}
    if version.settings.commit is not None:
        record["commit"] = version.settings.commit
    if version.registered is not None:
        record["registered"] = {"name": version.registered.name, "version": version.registered.version}
        record["settings"]["weights"] = str(version.registered)
    return record


def _version_settings(settings: VersionSettings) -> dict[str, Any]:
    left_out = {*engine_spec(settings.engine).not_noted, "weights"}
    options = {name: value for name, value in settings.engine_options.items() if name not in left_out}
    texts = {"system": settings.system, "template": settings.template, "revision": settings.revision}
    known = {"weights": settings.engine_options.get("weights"), **options, "n_documents": _n_documents(settings)}
    known |= {"sampling": dict(settings.sampling), **texts}
    plain = json.loads(json.dumps(known, default=os.fspath))
    return {name: value for name, value in plain.items() if value is not None and value != {}}


def _n_documents(settings: VersionSettings) -> int | None:
    """Count the documents of a corpus that lies here; None of a model."""
    return None if settings.artifact is None else len(open_corpus(settings.artifact.path))


def environment(engines: Iterable[str]) -> dict[str, Any]:
    """Python, the machine's kind, and the versions of the packages that the answers depend on.

    Nothing heavy is imported, and neither the host's name nor a user's is told.

    Args:
        engines: the kinds of engine that the run asks ("vllm", "openai", …).
    """
    known = set(entry_points.names("engines"))
    asked = [engine_spec(engine) for engine in engines if engine in known]
    names = dict.fromkeys([*_ALWAYS, *(name for spec in asked for name in spec.distributions)])
    described = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "packages": {name: version for name in names if (version := version_of(name)) is not None},
    }
    gpus = _gpus()
    return {**described, "gpus": gpus} if gpus else described


def _gpus() -> list[str]:
    """The GPUs' names as NVIDIA's driver tells them; [] where there is none."""
    lines: list[str] = []
    with suppress(OSError):
        for path in sorted(_DRIVER.glob("*/information")):
            lines += path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]


def evaluation_notes(evaluations: Iterable[tuple[Evaluation, Any]]) -> dict[str, Any]:
    """Note what evaluations are made of: their cases, each set of them once, and digests of the code that scores them.

    Args:
        evaluations: with what the marker says of the source of their cases.
    """
    datasets: dict[tuple[str, str], dict[str, Any]] = {}
    code: dict[str, str] = {}
    for evaluation, given in evaluations:
        source = given.as_posix() if isinstance(given, Path) else given if isinstance(given, str) else IN_THE_TEST
        digest = _cases_digest(evaluation)
        record = {"source": source, "digest": digest, "n_cases": len(evaluation.cases), "evaluations": []}
        datasets.setdefault((source, digest), record)["evaluations"].append(evaluation.id)
        if (scoring := scoring_digest(evaluation.body)) is not None:
            code[evaluation.id] = scoring
    return {"datasets": list(datasets.values()), "code": code}


def _cases_digest(evaluation: Evaluation) -> str:
    digest = hashlib.sha256()
    for case in evaluation.cases:
        digest.update(built_digest(case).encode())
    return digest.hexdigest()[:_DIGITS]


def commit_note(settings: Settings) -> dict[str, str]:
    """The commit that the project is at; nothing where it is no clone or git is not there."""
    try:
        return {"commit": Repository(settings.root).commit("HEAD")}
    except SettingsError:
        return {}


def version_reference(source: SampleSource) -> VersionRef:
    """A version as the report names it, with what its engine has told so far."""
    version, engine, settings = source.version, source.engine, source.version.settings
    own, options = (version.name, version.fingerprint), settings.engine_options
    if not answers(settings):
        return VersionRef(*own, n_documents=_n_documents(settings), commit=settings.commit)
    answered_as, printed = ((), 0) if engine is None else (engine.answered_as, engine.printed_lines)
    return VersionRef(*own, options.get("model"), answered_as, commit=settings.commit, printed_lines=printed)
