"""Gives a gate's candidate an alias in the model registry, if the gate proved all that it was collected for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.config import Settings
from harness.config.addresses import without_credentials
from harness.config.roles import candidate_name
from harness.errors import MlflowError, SettingsError
from harness.models.mlflow.registry import RegisteredModel, check_registered, set_alias
from harness.store import RunInfo

_ALIAS = re.compile(r"[\w-]{1,255}")
_RESERVED = re.compile(r"latest|v\d+", re.IGNORECASE)
_CHANGES = ("tokenizer", "drop_layers", "quantized")
_STEPS = ("distilled", "adapter")


def check_alias(alias: str) -> None:
    """Refuse what MLflow does not take as an alias.

    Raises:
        SettingsError: saying what it takes.
    """
    if not _ALIAS.fullmatch(alias) or _RESERVED.fullmatch(alias):
        raise SettingsError(
            f"--promote {alias!r} is no alias of MLflow: letters, digits, _ and -, and neither `latest` nor a version "
            "such as v3. Write --promote champion."
        )


def check_promotion(settings: Settings, alias: str) -> None:
    """Refuse a promotion that could not be, before anything is asked of a model.

    Raises:
        SettingsError: the alias is none, or the candidate is no model of the registry, or not as it is registered.
    """
    check_alias(alias)
    version = settings.version(candidate_name(settings))
    if not version.is_registered:
        weights = version.engine_options.get("weights")
        has = f"has weights = {weights!r}" if weights else f"has the engine {version.engine!r} and no weights here"
        raise SettingsError(
            f"--promote {alias}: the candidate {version.name!r} {has}, and only a model of MLflow's registry has "
            'aliases. Register it, and write weights = "models:/NAME/VERSION".'
        )
    changed = [name for name in _CHANGES if name in version.engine_options]
    changed += [step.kind for step in version.steps if step.kind in _STEPS]
    if changed:
        raise SettingsError(
            f"--promote {alias}: the candidate {version.name!r} changes the registered weights ({', '.join(changed)}), "
            "so that what is gated is not what would be promoted. Register it as it is."
        )
    check_registered(version)


def promote(settings: Settings, run: RunInfo, report: Mapping[str, Any], alias: str) -> str:
    """Give the candidate of a gate the alias, if the gate passed whole; says what was done, or why nothing was.

    Args:
        report: of the run, as report.json has it.

    Raises:
        MlflowError: the registry can't be asked, or refused.
    """
    why_not = obstacle(run.spec, report)
    if why_not is not None:
        return f"not promoted to {alias}: {why_not}"
    candidate = run.spec["candidate"]["registered"]
    registered = RegisteredModel(candidate["name"], candidate["version"])
    registry = settings.registry
    if registry is None:
        raise MlflowError(f"Nothing says where the registry is that has {registered}: name it with --mlflow.")
    tags = {"steelyard.run_id": report["run_id"], "steelyard.verdict": report["verdict"]}
    set_alias(registry, registered, alias, tags, settings.root)
    return f"promoted: {registered} is {alias} now, in {without_credentials(registry)}"


def obstacle(spec: Mapping[str, Any], report: Mapping[str, Any]) -> str | None:
    """Say why a finished gate promotes nothing; None where it may.

    Args:
        spec: what the store keeps of the run.
        report: as report.json has it.
    """
    entries = report["evaluations"]
    verdicts = {entry["id"]: entry["verdict"] for entry in entries}
    if report["verdict"] != "passed" or any(entry["verdict"] != "passed" for entry in entries):
        return f"its verdict is {report['verdict']}"
    if report["exit_code"] != 0:
        return f"pytest ended with exit code {report['exit_code']}"
    selection = spec.get("selection")
    if selection is None:
        return "an older Steelyard made the run, which did not note what was left out of it"
    n_expected = spec.get("n_evaluations", len(verdicts))
    if report.get("n_unreached") or len(verdicts) != n_expected:
        return f"only {len(verdicts)} of its {n_expected} evaluations came to a verdict"
    left_out = _left_out(selection)
    if left_out:
        return f"it was a part of the suite: {left_out}"
    if not any(entry.get("checks") for entry in entries):
        return "nothing was required in it: no threshold, and no baseline"
    candidate = spec.get("candidate") or {}
    if any(name in candidate.get("settings", {}) for name in _CHANGES):
        return "its candidate changes the weights that are registered"
    return None if candidate.get("registered") else "its candidate is no model of MLflow's registry"


def _left_out(selection: Mapping[str, Any]) -> str:
    if selection.get("deselected"):
        return f"{selection['deselected']} evaluations were deselected"
    if selection.get("skipped_files"):
        return f"{selection['skipped_files']} files were skipped as a whole"
    if selection.get("case"):
        return f"only the cases that match {selection['case']!r} were run"
    return "only what had failed before was run (--lf)" if selection.get("last_failed") else ""
