"""Traces what a version was made of and by what, from what its files say and from the chain of its bases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.config.environment import version_of
from harness.config.versions import VersionSettings
from harness.models.weights import conversion, layers
from harness.models.weights.weights import converted_dtype

if TYPE_CHECKING:
    from harness.models.description.description import WeightsDescription

_OWN = ("system", "template", "revision", "max_age_s")
_UNQUANTIZED = ("all F32", "F16", "BF16", "F64")


@dataclass(frozen=True, slots=True)
class LineageStep:
    """One step on the way to a version.

    Attributes:
        made: what came out: a model, a file, a version of the settings.
        of: what it was made of; () for the first.
        by: who or what made it, as far as it is known.
    """

    made: str
    of: tuple[str, ...]
    by: str


def read_lineage(
    versions: Mapping[str, VersionSettings], name: str, description: WeightsDescription
) -> tuple[LineageStep, ...]:
    """The steps to a version, the first made first.

    Args:
        versions: as the settings define them.
        description: of the version's weights.
    """
    steps = [*_of_the_file(description)]
    steps += _by_the_settings(versions[name], description, steps[-1].made)
    chain = [versions[name]]
    while chain[-1].base is not None:
        chain.append(versions[chain[-1].base])
    first = chain.pop()
    given = f"the settings: engine = {first.engine!r}, weights = {first.engine_options.get('weights')!r}"
    steps.append(LineageStep(first.name, (steps[-1].made,), given))
    for version in reversed(chain):
        changes = ", ".join(
            f"{key} = {value!r}" for key, value in differences(version, versions[version.base or ""]).items()
        )
        steps.append(LineageStep(version.name, (version.base or "",), f"the settings: {changes or 'no difference'}"))
    return tuple(steps)


def differences(version: VersionSettings, base: VersionSettings) -> dict[str, Any]:
    """Setting → value, of what sets a version apart from its base; nested tables as `sampling.top_k`."""
    own = _flat(version)
    others = _flat(base)
    return {key: value for key, value in own.items() if others.get(key) != value}


def _flat(version: VersionSettings) -> dict[str, Any]:
    flat = {name: getattr(version, name) for name in _OWN}
    flat |= {f"sampling.{key}": value for key, value in version.sampling.items()}
    for key, value in version.engine_options.items():
        if isinstance(value, Mapping) and key == "engine_args":
            flat |= {f"{key}.{inner}": one for inner, one in value.items()}
        else:
            flat[key] = value
    return {key: value for key, value in flat.items() if value is not None}


_FTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "all F32"}


def _of_the_file(description: WeightsDescription) -> Iterator[LineageStep]:
    """Give the steps that the file tells: GGUF's `general.…`, or the words of transformers and of quantizers."""
    settings = description.settings
    count = settings.get("general.base_model.count", 0)
    bases = tuple(
        str(settings.get(f"general.base_model.{number}.repo_url") or settings.get(f"general.base_model.{number}.name"))
        for number in range(count if isinstance(count, int) else 0)
    )
    maker = settings.get("general.organization") or settings.get("general.author") or "not said by the file"
    if description.name != description.path.name:
        yield LineageStep(description.name, bases, str(maker))
    quantizer = settings.get("quantization")
    of = () if description.name == description.path.name else (description.name,)
    if quantizer:
        yield LineageStep(description.path.name, of, f"{description.ftype} {_version(quantizer)}".strip())
    elif description.format != "safetensors" and description.ftype not in _UNQUANTIZED:
        by = settings.get("general.quantized_by")
        yield LineageStep(description.path.name, of, f"quantized to {description.ftype}" + (f" by {by}" if by else ""))
    else:
        yield LineageStep(description.path.name, of, f"saved in {description.ftype}")


def _version(quantizer: Mapping[str, Any]) -> str:
    return str(quantizer.get("version") or "")


def _by_the_settings(version: VersionSettings, description: WeightsDescription, file: str) -> Iterator[LineageStep]:
    """Give the steps from the file to what an engine loads."""
    options = version.engine_options
    last = file
    if description.format != "safetensors":
        recipe = conversion.recipe(description.settings)
        made = f"a folder of safetensors in {_FTYPES[converted_dtype(options)]}"
        yield LineageStep(made, (last,), f"Steelyard's {recipe}, transformers {version_of('transformers') or 'absent'}")
        last = made
    if "drop_layers" in options:
        left_out = options["drop_layers"]
        made = f"the same without {_left_out(left_out)}"
        yield LineageStep(made, (last,), f"drop_layers, {layers.RECIPE}")
        last = made
    if "quantized" in options:
        made = f"the same rounded to {options['quantized']}"
        yield LineageStep(made, (last,), f"compressed-tensors {version_of('compressed-tensors') or 'absent'}")
        last = made
    if "tokenizer" in options:
        yield LineageStep("the same with another tokenizer", (last, str(options["tokenizer"])), "the setting tokenizer")


def _left_out(layers_left_out: int | Sequence[int]) -> str:
    if isinstance(layers_left_out, int):
        return f"its last {layers_left_out} layers" if layers_left_out > 1 else "its last layer"
    return f"layer{'s' * (len(layers_left_out) > 1)} {', '.join(map(str, sorted(layers_left_out)))}"
