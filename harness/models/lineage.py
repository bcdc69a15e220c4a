"""Traces what a version was made of and by what, from what its files say and from the chain of its bases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.corpora import CORPUS
from harness.config.customization import Step, packages_of, settings_used
from harness.config.environment import version_of
from harness.config.versions import BUILT, VersionSettings
from harness.errors import UsageError
from harness.models.adapters.adapter_files import told_base
from harness.models.corpus.spec import CONTENT, FOLDER, N_DOCUMENTS
from harness.models.files.content_hash import text_hash
from harness.models.weights import conversion, layers
from harness.models.weights.weights import converted_dtype, weights_digest

if TYPE_CHECKING:
    from harness.models.description.description import WeightsDescription

_OWN = ("engine", "system", "template", "revision", "max_age_s")
_TEXTS = ("system", "template")
_OF_CORPORA = ("documents", CONTENT, FOLDER, N_DOCUMENTS)
_DIGITS = 32
_OF_WEIGHTS = ("distilled", "adapter")
"""Kinds of steps that change weights."""
_REPLACEABLE = ("drop_layers", "quantized")
"""Kinds of steps that a version does in place of its base's."""
_TAKEN = ("teacher", "data", "folder", "start", "weights", "passages")
"""Settings of a step that name what it is made of, beside the base."""
_UNQUANTIZED = ("F32", "F16", "BF16", "F64")


@dataclass(frozen=True, slots=True)
class LineageStep:
    """One step on the way to a version.

    Attributes:
        made: what came out: a model, a file, a version of the settings.
        of: what it was made of; () for the first.
        by: who or what made it, as far as it is known.
        step: the kind of a step that is built or added: "corpus", "drop_layers", "distilled", "adapter", "quantized",
            "retrieval", "context", "prompt"; "settings" for a version, "weights" for what lies in files.
        fingerprint: of what came out; None where that is not built here, or not known.
    """

    made: str
    of: tuple[str, ...]
    by: str
    step: str = "weights"
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class LineageSources:
    """The things that a lineage is read from.

    Attributes:
        versions: as the settings define them, with what was built for them: the version's bases, and corpora.
        description: of the version's weights; None where it has none.
        fingerprints: of versions, by name.
        texts: of each version its `system` and `template`, as far as it has them and they can be read.
        root: folder that relative paths start from.
    """

    versions: Mapping[str, VersionSettings]
    description: WeightsDescription | None
    fingerprints: Mapping[str, str | None] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    root: Path = Path()


def read_lineage(sources: LineageSources, name: str) -> tuple[LineageStep, ...]:
    """The steps to a version, the first made first.

    What is made of the files is a step of the version whose own table asks for it. Corpora are told before the step
    that was taught on them.
    """
    versions, description = sources.versions, sources.description
    if versions[name].engine == CORPUS:
        return tuple(_corpora(name, sources))
    chain = [versions[name]]
    while chain[-1].base is not None:
        chain.append(versions[chain[-1].base])
    weights = versions[name].engine_options.get("weights")
    steps: list[LineageStep] = []
    files: tuple[LineageStep, ...] = ()
    base: VersionSettings | None = None
    for version in reversed(chain):
        before = files
        # Weights of a base that are other ones are not described: nothing is told of their files.
        is_described = version.engine_options.get("weights") == weights
        files = () if description is None or not is_described else _files(version, description, sources.root)
        if str(version.engine_options.get("weights", "")).startswith(BUILT):
            files = tuple(_each_of_the_last(each for each in version.steps if each.kind in _OF_WEIGHTS))
        for step in _steps_of(version, base, files, before, sources):
            steps += [each for each in _corpora_of(step, sources) if each not in steps]
            steps.append(step)
        base = version
    return tuple(_without_replaced(steps, files))


def _without_replaced(steps: Iterable[LineageStep], files: Iterable[LineageStep]) -> Iterator[LineageStep]:
    """The steps, without those of a base that the version's own setting replaced: they are not in its files."""
    kept = {(step.made, step.fingerprint) for step in files}
    replaced: dict[str, tuple[str, ...]] = {}
    for step in steps:
        of = tuple(each for name in step.of for each in replaced.get(name, (name,)))
        if step.step in _REPLACEABLE and (step.made, step.fingerprint) not in kept:
            replaced[step.made] = of
            continue
        replaced.pop(step.made, None)
        yield replace(step, of=of)


def _corpora_of(step: LineageStep, sources: LineageSources) -> Iterator[LineageStep]:
    """The corpora that a step was taught on, each after its base."""
    names = (name.removeprefix("data ") for name in step.of if name.startswith("data "))
    for name in names:
        if name in sources.versions:
            yield from _corpora(name, sources)


def _corpora(name: str, sources: LineageSources) -> Iterator[LineageStep]:
    """A corpus after its bases."""
    corpus = sources.versions[name]
    of = f"documents {corpus.engine_options['documents']}"
    if corpus.base is not None:
        yield from _corpora(corpus.base, sources)
        of = corpus.base
    options = {key: value for key, value in corpus.engine_options.items() if key not in _OF_CORPORA and value}
    words = ", ".join(f"{key} = {value!r}" for key, value in options.items())
    yield LineageStep(name, (of,), f"corpus: {words or 'as it is'}", "corpus", sources.fingerprints.get(name))


def _files(version: VersionSettings, description: WeightsDescription, root: Path) -> tuple[LineageStep, ...]:
    """The steps from the first maker of the files to what an engine loads of them."""
    built = [each for each in version.steps if each.kind in _OF_WEIGHTS and each.content is not None]
    told = _each_of_the_last(built) or list(_of_the_file(description))
    steps = [*told, *_by_the_settings(version, description, told[-1].made, root)]
    for each in version.steps:
        if each.kind in _OF_WEIGHTS and each.content is None:
            step = _of_step(each)
            steps.append(replace(step, of=(steps[-1].made, *step.of)))
    return tuple(steps)


def _each_of_the_last(training: Iterable[Step]) -> list[LineageStep]:
    """The steps of a training, each made of what the one before it gave."""
    steps: list[LineageStep] = []
    for each in training:
        step = _of_step(each)
        steps.append(replace(step, of=(*(before.made for before in steps[-1:]), *step.of)))
    return steps


def _of_step(step: Step, replaced: Step | None = None) -> LineageStep:
    """Describe a step of a version: its base and what else it took, its method and its settings.

    Args:
        replaced: the step of its base whose place it takes; None where it takes none.
    """
    settings = settings_used(step.settings)
    of = [f"{key} {settings.pop(key)}" for key in _TAKEN if key in settings]
    words = ", ".join(f"{key} = {value!r}" for key, value in settings.items())
    packages = ", ".join(f"{name} {version_of(name) or 'absent'}" for name in packages_of(step.settings))
    base = told_base(step)
    made_for = "" if base is None else f"made for {base}, as it says"
    kind = step.kind if replaced is None else f"{step.kind} in place of that of {replaced.version}"
    by = "; ".join(filter(None, (f"{kind}: {words or 'trained elsewhere'}", made_for, packages)))
    return LineageStep(f"{step.version}, {step.kind}", tuple(of), by, step.kind, step.content)


def _steps_of(
    version: VersionSettings,
    base: VersionSettings | None,
    files: Sequence[LineageStep],
    before: Sequence[LineageStep],
    sources: LineageSources,
) -> Iterator[LineageStep]:
    """Give what a version adds to its base: the files that are not made as the base's are, and its settings.

    Args:
        files: the steps to the files that its engine loads.
        before: those of the base.
    """
    shared = list(takewhile(lambda pair: pair[0] == pair[1], zip(files, before, strict=False)))
    own = list(files[len(shared) :])
    of = tuple(step.made for step in files[-1:])
    built = [each for each in version.steps if each.version == version.name]
    given: dict[str, Any] = {"engine": version.engine, "weights": version.engine_options.get("weights")}
    if base is not None:
        given = _set_otherwise(version, base)
        goes_on = bool(before) and len(shared) == len(before)
        if own and (goes_on or own[0].step in _OF_WEIGHTS):
            own[0] = replace(own[0], of=(base.name, *(own[0].of[1:] if shared else own[0].of)))
        else:
            of = (base.name,) if goes_on else (base.name, *of)
    yield from own
    given = {key: value for key, value in given.items() if key not in _built_places(version)}
    for step in built:
        if step.kind not in _OF_WEIGHTS:
            known = () if base is None else base.steps
            told = _of_step(step, next((each for each in reversed(known) if each.kind == step.kind), None))
            added = replace(told, of=(*of, *told.of))
            of = (added.made,)
            yield added
    prompt = _prompt_of(version, base, of, sources)
    if prompt is not None:
        of = (prompt.made,)
        given = {key: value for key, value in given.items() if key not in _TEXTS}
        yield prompt
    words = ", ".join(f"{key} = {value!r}" for key, value in given.items())
    by, own_fingerprint = f"the settings: {words or 'no difference'}", sources.fingerprints.get(version.name)
    yield LineageStep(version.name, of, by, "settings", own_fingerprint)


def _built_places(version: VersionSettings) -> tuple[str, ...]:
    """The settings that say where what was built lies on this machine; the steps tell what it is."""
    is_trained = any(step.kind == "distilled" for step in version.steps)
    return ("adapter", "merged", *(("weights",) if is_trained else ()))


def _prompt_of(
    version: VersionSettings, base: VersionSettings | None, of: tuple[str, ...], sources: LineageSources
) -> LineageStep | None:
    """The step of a version that has other texts around a question than its base; None for one that has not."""
    before = base or VersionSettings("", version.engine)
    own = {name: getattr(version, name) for name in _TEXTS if getattr(version, name) != getattr(before, name)}
    if not own:
        return None
    elsewhere = [f"{name} {place}" for name, place in version.texts_elsewhere.items() if name in own]
    written = [f"{name} = {value!r}" for name, value in own.items() if name not in version.texts_elsewhere]
    by = "; ".join(written) or "the texts as they stand there"
    texts = sources.texts.get(version.name)
    digest = None if texts is None else text_hash("prompt", *(f"{name} {text}" for name, text in texts.items()))
    made = f"{version.name}, prompt"
    return LineageStep(made, (*of, *elsewhere), f"prompt: {by}", "prompt", digest and digest[:_DIGITS])


def differences(version: VersionSettings, base: VersionSettings) -> dict[str, Any]:
    """Setting → value, of what sets a version apart from its base; nested tables as `sampling.top_k`.

    Of a step that the base has not, only what it would not do anyway. A further training is such a step.
    """
    before = {step.kind: step.settings for step in base.steps if step.kind not in _OF_WEIGHTS}
    found = _set_otherwise(version, base)
    own = [step for step in version.steps if step not in base.steps]
    for kind, settings in {step.kind: step.settings for step in own}.items():
        for each in fields(settings):
            value = getattr(settings, each.name)
            usual = getattr(before[kind], each.name) if kind in before else each.default
            if value != usual:
                found[f"{kind}.{each.name}"] = value
    return found


def _set_otherwise(version: VersionSettings, base: VersionSettings) -> dict[str, Any]:
    own, others = _flat(version), _flat(base)
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


_FTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}


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


def _by_the_settings(
    version: VersionSettings, description: WeightsDescription, file: str, root: Path
) -> Iterator[LineageStep]:
    """Give the steps from the file to what an engine loads."""
    options = version.engine_options
    last = file
    if description.format != "safetensors":
        made = f"a folder of safetensors in {_FTYPES[converted_dtype(options)]}"
        by = f"Steelyard's {conversion.RECIPE}, transformers {version_of('transformers') or 'absent'}"
        yield LineageStep(made, (last,), by)
        last = made
    if "drop_layers" in options:
        left_out = options["drop_layers"]
        made = f"the same without {_left_out(left_out)}"
        plain = {key: value for key, value in options.items() if key not in ("merged", "quantized", "tokenizer")}
        yield LineageStep(made, (last,), f"drop_layers, {layers.RECIPE}", "drop_layers", _digest(plain, root))
        last = made
    if "quantized" in options:
        made, rounded = f"the same rounded to {options['quantized']}", _digest(options, root)
        by = f"quantized = {options['quantized']!r}, compressed-tensors {version_of('compressed-tensors') or 'absent'}"
        yield LineageStep(made, (last,), by, "quantized", rounded)
        last = made
    if "tokenizer" in options:
        yield LineageStep("the same with another tokenizer", (last, str(options["tokenizer"])), "the setting tokenizer")


def _digest(options: Mapping[str, Any], root: Path) -> str | None:
    """The fingerprint of weights; None where they can't be read."""
    try:
        return weights_digest(options, root)[:_DIGITS]
    except UsageError:
        return None


def _left_out(layers_left_out: int | Sequence[int]) -> str:
    if isinstance(layers_left_out, int):
        return f"its last {layers_left_out} layers" if layers_left_out > 1 else "its last layer"
    return f"layer{'s' * (len(layers_left_out) > 1)} {', '.join(map(str, sorted(layers_left_out)))}"
