"""Weights as they are known before anything is trained, which changes neither a tokenizer nor the shape of a matrix."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Unbuilt
from harness.config.customization import BuildStep, Customization, DistilledSettings, packages_of
from harness.config.environment import version_of
from harness.errors import UsageError, install
from harness.models.adapters.adapter_files import Shape, matrix_shapes
from harness.models.weights.layers import layer_count, renamed
from harness.models.weights.weights import dropped_layers, materialize, tokenizer_path

PACKAGES = ("torch", "transformers", "accelerate")
"""Without which nothing is trained."""
_CHANGED = ("drop_layers", "merged", "adapter", "quantized")


@dataclass(frozen=True, slots=True)
class Beginning:
    """The weights that a chain of steps begins with.

    Attributes:
        folder: in which they lie with all their layers.
        layers: the numbers of those that are left; None where their config does not say how many there are.
        vocabulary: the folder of the tokenizer: that of the weights, or the one that the version has in its place.
    """

    folder: Path
    layers: tuple[int, ...] | None
    vocabulary: Path

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """The shape of each module's matrix, once all is built; {} where that is not known."""
        shapes = matrix_shapes(self.folder)
        return shapes if self.layers is None else renamed(shapes, {old: new for new, old in enumerate(self.layers)})


def find_beginning(settings: Settings, version: VersionSettings, steps: Sequence[BuildStep]) -> Beginning:
    """Return what the weights begin with that a version has after its first steps, these, whether they are built or
    not.

    Raises:
        UsageError: the weights are not there, or have too few layers.
    """
    whole = _find(settings, version, steps)
    return replace(whole, vocabulary=tokenizer_path(version.engine_options, settings.root) or whole.folder)


def _find(settings: Settings, version: VersionSettings, steps: Sequence[BuildStep]) -> Beginning:
    options, root = version.engine_options, settings.root
    place = next((each for each in reversed(range(len(steps))) if steps[each].kind == "distilled"), None)
    if place is not None:
        student = cast("DistilledSettings", steps[place].settings)
        weights = student.weights or student.start
        if weights is None and student.layers is None:
            return _find(settings, version, steps[:place])
        if weights is None:
            teacher = settings.version(student.teacher)
            whole = _find(settings, teacher, teacher.steps)
            places = kept_layers(None if whole.layers is None else len(whole.layers), student.layers or 0)
            return replace(whole, layers=tuple((whole.layers or ())[each] for each in places))
        options = {**bare(options), "weights": weights}
    check_start(options)
    folder = materialize(bare(options), root)
    count, dropped = layer_count(folder), dropped_layers(options, root)
    left = None if count is None else tuple(each for each in range(count) if each not in dropped)
    return Beginning(folder, left, folder)


def check_start(options: Mapping[str, Any]) -> None:
    """Refuse a version that has no weights to start from: neither a base's nor others."""
    if isinstance(options["weights"], Unbuilt):
        raise UsageError(
            "it needs student = { layers = … }, of the teacher's, or { weights = … }: the version has no base whose "
            "weights it could start from."
        )


def bare(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of weights as they are, without anything that the settings change of them."""
    return {key: value for key, value in options.items() if key not in _CHANGED}


def unrounded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without rounding, which comes last, whichever table asks for it."""
    return {key: value for key, value in options.items() if key != "quantized"}


def package_versions(settings: Customization) -> dict[str, str | None]:
    """The packages that decide, beside the settings, what a step makes."""
    return {name: version_of(name) for name in packages_of(settings)}


def kept_layers(count: int | None, wanted: int) -> tuple[int, ...]:
    """The places of the layers that a student with fewer of them keeps, the first and the last among them.

    Args:
        count: how many its teacher has; None where that is not known.

    Raises:
        UsageError: it has no more.
    """
    if count is None or not 1 <= wanted < count:
        raise UsageError(f"student = {{ layers = {wanted} }}: the teacher has {count}; take fewer.")
    return tuple(round(place * (count - 1) / max(1, wanted - 1)) for place in range(wanted))


def check_packages(packages: Sequence[str], extra: str) -> None:
    """Refuse to train, or to merge, where packages that the extra brings are not installed."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"it needs {' and '.join(missing)}, not installed here: {install(extra)}")
