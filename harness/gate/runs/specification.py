"""The specification of a run in the store: versions, settings and environment, for those who read it later; and
a version as the report names it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from harness import doors
from harness.config import Settings
from harness.config.environment import version_of
from harness.gate.baselines.recording import Recording
from harness.gate.runs.notes import settings_note, version_note
from harness.gate.sampling.ledger import Draws, Entry
from harness.models.corpus.spec import N_DOCUMENTS
from harness.models.spec import engine_spec
from harness.models.version import answers
from harness.records import VersionRef
from harness.requests import SampleSource


def specification(
    settings: Settings,
    candidate: SampleSource,
    baseline: SampleSource | Recording | None,
    judges: Sequence[SampleSource],
    ledger: Mapping[str, Entry] = MappingProxyType({}),
) -> dict[str, Any]:
    """Describe a run for those who read the store later."""

    def draws(name: str) -> dict[str, Draws]:
        """The generations that a version's samples come from, by evaluation, where its look says so."""
        return {each: known for each, entry in ledger.items() if (known := entry.draws(name)) is not None}

    named: dict[str, Any] = {"candidate": version_note(candidate, draws("candidate"))}
    if isinstance(baseline, Recording):
        named["baseline"] = _recorded(baseline)
    elif baseline is not None:
        named["baseline"] = version_note(baseline, draws("baseline"))
    if judges:
        named["judges"] = [version_note(judge, draws(judge.version.fingerprint)) for judge in judges]
    asked = [each for each in (candidate, baseline, *judges) if isinstance(each, SampleSource)]
    engines = {each.version.settings.engine for each in asked}
    return {
        "confidence_level": settings.confidence_level,
        "inconclusive": settings.inconclusive,
        "seed": settings.seed,
        "settings": settings_note(settings),
        **named,
        "environment": environment(sorted(engines)),
    }


def _recorded(recording: Recording) -> dict[str, Any]:
    """A recorded baseline, which has no samples in the store."""
    reference = recording.reference
    run = {"name": recording.name, "run_id": recording.run_id, "created": recording.created}
    return {
        "name": reference.name,
        "fingerprint": reference.fingerprint,
        "first_index": recording.first_index,
        "recorded": run,
    }


_ALWAYS = ("steelyard", "pytest", "numpy", "scipy")


_DRIVER = Path("/proc/driver/nvidia/gpus")


def environment(engines: Iterable[str]) -> dict[str, Any]:
    """Python, the machine's kind, and the versions of the packages that the answers depend on.

    Nothing heavy is imported, and neither the host's name nor a user's is told.

    Args:
        engines: the kinds of engine that the run asks ("vllm", "openai", …).
    """
    known = set(doors.names("engines"))
    asked = [engine_spec(engine) for engine in engines if engine in known]
    names = dict.fromkeys([*_ALWAYS, *(name for spec in asked for name in spec.distributions)])
    versions = {name: version for name in names if (version := version_of(name)) is not None}
    described = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "packages": versions,
    }
    gpus = _gpus()
    return {**described, "gpus": gpus} if gpus else described


def _gpus() -> list[str]:
    """The GPUs' names as NVIDIA's driver tells them; [] where there is none."""
    found = []
    for path in sorted(_DRIVER.glob("*/information")):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return found


def version_reference(source: SampleSource) -> VersionRef:
    """A version as the report names it, with what its engine has told so far."""
    version, engine = source.version, source.engine
    commit = version.settings.commit
    if not answers(version.settings):
        n_documents = version.settings.engine_options[N_DOCUMENTS]
        return VersionRef(version.name, version.fingerprint, n_documents=n_documents, commit=commit)
    model = version.settings.engine_options.get("model")
    printed = getattr(engine, "printed_lines", 0)
    answered_as = () if engine is None else tuple(engine.answered_as)
    return VersionRef(version.name, version.fingerprint, model, answered_as, commit=commit, printed_lines=printed)
