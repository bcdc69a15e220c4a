"""Hybrids: a version with some steps of another, by a name that `--candidate` takes: `released+prompt@support`."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Unbuilt
from harness.config.asking import WhenAsked
from harness.config.corpora import CORPUS
from harness.config.customization import STEPS, BuildStep
from harness.errors import SettingsError

_NAME = re.compile(r"(.+?)\+([a-z]+(?:\+[a-z]+)*)@(.+)")
_MODEL = ("weights", "corpus", "student", "data", "adapter", "quantization", "engine")
PATH = (*_MODEL, "prompt", "retrieval", "context", "sampling")
"""The steps of a path, the first made first. A student is taught on a `corpus`, an adapter on `data`."""
Steps = tuple[str, ...]
"""Steps that are swapped together, in the order of the path."""
_TAUGHT = {"distilled": ("student", "corpus"), "adapter": ("adapter", "data")}
_OPTIONS = {"weights": ("weights", "tokenizer", "drop_layers"), "quantization": ("quantized",)}
_FIELDS = {"engine": ("engine", "revision", "max_age_s", "registry"), "prompt": ("system", "template")}


def differing(candidate: VersionSettings, baseline: VersionSettings) -> list[Steps]:
    """List the steps in which two versions differ; those that can't be swapped one by one stand together.

    An adapter or a student that was trained elsewhere fits the weights that it was trained on, and settings of a model
    fit its engine. What is trained or rounded here is built anew on what a hybrid has before it.
    """
    one, two = _parts(candidate), _parts(baseline)
    every = (*candidate.steps, *baseline.steps)
    ready = {each.kind for each in every if any(getattr(each.settings, name, None) for name in ("weights", "folder"))}
    bound = {
        _MODEL: candidate.engine != baseline.engine,
        ("weights", "corpus", "student"): len(one["student"]) != len(two["student"]) or "distilled" in ready,
        ("data", "adapter"): len(one["adapter"]) != len(two["adapter"]),
        ("weights", "corpus", "student", "data", "adapter"): "adapter" in ready,
    }
    units: list[Steps] = [(name,) for name in PATH if _plain(one[name]) != _plain(two[name])]
    for group in (group for group, is_bound in bound.items() if is_bound):
        together = [unit for unit in units if {*unit} & {*group}]
        units = [unit for unit in units if unit not in together] + ([in_order(*together)] if together else [])
    return sorted(units, key=lambda unit: PATH.index(unit[0]))


def in_order(*units: Collection[str]) -> Steps:
    """The steps of some units in the order of the path."""
    return tuple(name for name in PATH if any(name in unit for unit in units))


def with_hybrid(settings: Settings, name: str) -> Settings:
    """The settings with the hybrid of this name, if it is the name of one; it is made when it is asked for."""
    if name in settings.versions or (named := _NAME.fullmatch(name)) is None:
        return settings

    def read(asked: str) -> VersionSettings:
        return _hybrid(settings, name, *named.groups()) if asked == name else settings.versions[asked]

    return replace(settings, versions=WhenAsked([*settings.versions, name], read))


def _hybrid(settings: Settings, name: str, base: str, swapped: str, other: str) -> VersionSettings:
    one, two, steps = settings.version(base), settings.version(other), swapped.split("+")
    units = differing(one, two)
    for step in steps:
        if not any(step in unit and {*unit} <= {*steps} for unit in units):
            known = ", ".join("+".join(unit) for unit in units) or "no step"
            raise SettingsError(f"{name}: {step!r} can't be swapped so. {base} and {other} differ in {known}.")
    parts = _parts(one), _parts(two)
    part = {each: parts[each in steps][each] for each in PATH}
    trained = [
        replace(step, settings=replace(step.settings, data=data))
        for kind, source in _TAUGHT.values()
        for step, data in zip(part[kind], part[source], strict=True)
    ]
    kept, options = part["engine"]
    if part["student"] and "weights" not in part["weights"]:
        options = {**options, "weights": Unbuilt(name)}
    return replace(
        one,
        name=name,
        **kept,
        **part["prompt"],
        engine_options={**options, **part["weights"], **part["quantization"]},
        sampling=part["sampling"],
        steps=(*trained, *part["retrieval"], *part["context"]),
    )


def _parts(version: VersionSettings) -> dict[str, Any]:
    """Return what a version has of each step of the path."""
    if version.engine == CORPUS:
        raise SettingsError(f"{version.name!r} is a corpus: its path has no steps. Name models that were taught on it.")
    parts: dict[str, Any] = {kind: [step for step in version.steps if step.kind == kind] for kind in STEPS}
    if [step for step in version.steps if step.kind in _TAUGHT] != [*parts["distilled"], *parts["adapter"]]:
        raise SettingsError(f"{version.name!r} has an adapter before it is distilled: its path can't be taken apart.")
    for kind, (name, source) in _TAUGHT.items():
        steps: list[Any] = parts[kind]
        parts[source] = [step.settings.data for step in steps]
        parts[name] = [replace(step, settings=replace(step.settings, data=None)) for step in steps]
    options = {key: value for key, value in version.engine_options.items() if not isinstance(value, Unbuilt)}
    for name, keys in _OPTIONS.items():
        parts[name] = {key: options.pop(key) for key in keys if key in options}
    own, prompt = ({name: getattr(version, name) for name in names} for names in _FIELDS.values())
    return {**parts, "engine": (own, options), "prompt": prompt, "sampling": dict(version.sampling)}


def _plain(part: Any) -> Any:
    """Return a part without the names of the tables that its steps stand in."""
    return [each.settings if isinstance(each, BuildStep) else each for each in part] if isinstance(part, list) else part
