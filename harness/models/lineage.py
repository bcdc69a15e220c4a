"""Traces what a version was made of and by what, from what its files say and from the chain of its bases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config.corpora import CORPUS
from harness.config.customization import BuildStep, packages_of, settings_used
from harness.config.environment import version_of
from harness.config.versions import VersionSettings
from harness.errors import UsageError
from harness.models.adapters.adapter_files import declared_base
from harness.models.files.content_hash import text_hash
from harness.models.weights import conversion, layers
from harness.models.weights.weights import converted_dtype, weights_digest

if TYPE_CHECKING:
    from harness.models.description.description import WeightsDescription

_TEXTS = ("system", "template")
_OWN = ("engine", *_TEXTS, "revision", "max_age_s")
_DIGITS = 32
_TRAINED = ("distilled", "adapter")
"""Kinds of steps that change weights."""
_FILES = ("weights", "dtype", "drop_layers", "quantized", "tokenizer")
"""Settings that decide what an engine loads, each of which changes what those before it give."""
_INPUTS = ("teacher", "data", "folder", "start", "weights", "passages")
"""Settings of a step that name what it is made of, beside the base."""
_FTYPES = {"bfloat16": "BF16", "float16": "F16", "float32": "F32"}
_UNQUANTIZED = (*_FTYPES.values(), "F64")
_FileStep = tuple[int, "LineageStep"]
"""A step that makes the files, with the place in `_FILES` of the setting that asks for it."""


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
        versions: with what was built for them: the version, its bases, and corpora.
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
    """The steps to a version, the first made first; corpora come before the step that was taught on them.

    What is made of the files is a step of the version from which on the settings of what the last one loads are set.
    """
    versions = sources.versions
    if versions[name].engine == CORPUS:
        return tuple(_corpora(name, sources))
    chain = [versions[name]]
    while chain[-1].base is not None:
        chain.append(versions[chain[-1].base])
    files, wanted = list(_files(chain[0], sources)), _given(chain[0], sources)
    steps: list[LineageStep] = []
    base: VersionSettings | None = None
    for version in reversed(chain):
        given = _given(version, sources)
        own = [(at, step) for at, step in files if given[: at + 1] == wanted[: at + 1]]
        files = files[len(own) :]
        # Of the base is made what only adds to it; what takes the place of something is made of the files anew.
        first = own[0][0] if own else 0
        unset = [*wanted[:first], *(None for _ in wanted[first:])]
        adds = base is not None and (not own or _given(base, sources) == unset)
        taught_on = {f"{step.version}, {step.kind}": getattr(step.settings, "data", None) for step in version.steps}
        for step in _steps_of(version, base, own, sources, adds=adds):
            if (data := taught_on.get(step.made)) in versions:
                steps += [corpus for corpus in _corpora(str(data), sources) if corpus not in steps]
            steps.append(step)
        base = version
    return tuple(steps)


def _given(version: VersionSettings, sources: LineageSources) -> list[Any]:
    """Return what a version says of what its engine loads, in the order of `_FILES`; the type counts where one is
    made.
    """
    options = version.engine_options
    is_converted = sources.description is not None and sources.description.format != "safetensors"
    own = {**options, "dtype": converted_dtype(options) if is_converted else None}
    return [own.get(name) for name in _FILES]


def _corpora(name: str, sources: LineageSources) -> Iterator[LineageStep]:
    """A corpus after its bases."""
    corpus = sources.versions[name]
    if corpus.base is not None:
        yield from _corpora(corpus.base, sources)
    of = corpus.base or f"documents {corpus.engine_options['documents']}"
    options = {key: value for key, value in corpus.engine_options.items() if key != "documents" and value}
    yield LineageStep(name, (of,), f"corpus: {_words(options, 'as it is')}", "corpus", sources.fingerprints.get(name))


def _words(settings: Mapping[str, Any], otherwise: str) -> str:
    return ", ".join(f"{key} = {value!r}" for key, value in settings.items()) or otherwise


def _of_step(step: BuildStep, base: VersionSettings | None) -> LineageStep:
    """A step of a version: what it took beside its base, its method and its settings."""
    settings = settings_used(step.settings)
    of = tuple(f"{key} {settings.pop(key)}" for key in _INPUTS if key in settings)
    packages = ", ".join(map(_package, packages_of(step.settings)))
    digest = None if step.artifact is None else step.artifact.digest
    made_for = declared_base(step)
    before = [each for each in (base.steps if base else ()) if each.kind == step.kind not in _TRAINED]
    kind = f"{step.kind} in place of that of {before[-1].version}" if before else step.kind
    note = f"made for {made_for}, as it says" if made_for else ""
    by = "; ".join(filter(None, (f"{kind}: {_words(settings, 'trained elsewhere')}", note, packages)))
    return LineageStep(f"{step.version}, {step.kind}", of, by, step.kind, digest)


def _steps_of(
    version: VersionSettings,
    base: VersionSettings | None,
    files: list[_FileStep],
    sources: LineageSources,
    *,
    adds: bool,
) -> Iterator[LineageStep]:
    """Return what a version adds to its base: what is made of the files, its own steps, its texts and its settings.

    Args:
        files: the steps that it adds to them, each `of` the one before it.
        adds: whether these are made of the base.
    """
    own = [_of_step(step, base) for step in version.steps if step.version == version.name]
    trained = [step for step in own if step.step in _TRAINED]
    early = [step for at, step in files if at < _FILES.index("quantized")]
    late = [step for _, step in files[len(early) :]]
    prompt = _prompt_of(version, base, sources)
    of = (base.name,) if base is not None and adds else None
    for step in (*early, *trained, *late, *(step for step in own if step not in trained), *prompt):
        bound = step.of[1:] if step in early or step in late else step.of
        yield step if of is None else replace(step, of=(*of, *bound))
        of = (step.made,)
    given: dict[str, Any] = {"engine": version.engine, "weights": version.engine_options.get("weights")}
    given = given if base is None else _set_otherwise(version, base)
    is_trained = any(step.kind == "distilled" for step in version.steps)
    # Where what was built lies on this machine says nothing; the steps tell what it is.
    hidden = ("adapter", "merged", *(("weights",) if is_trained else ()), *(_TEXTS if prompt else ()))
    words = _words({key: value for key, value in given.items() if key not in hidden}, "no difference")
    beside = (base.name,) if base is not None and not adds else ()
    fingerprint = sources.fingerprints.get(version.name)
    yield LineageStep(version.name, (*beside, *(of or ())), f"the settings: {words}", "settings", fingerprint)


def _prompt_of(version: VersionSettings, base: VersionSettings | None, sources: LineageSources) -> list[LineageStep]:
    """The step of a version that has other texts around a question than its base; none for one that has not."""
    own = [name for name in _TEXTS if getattr(version, name) != (getattr(base, name) if base else None)]
    if not own:
        return []
    elsewhere, texts = version.texts_elsewhere, sources.texts.get(version.name)
    of = tuple(f"{name} {elsewhere[name]}" for name in own if name in elsewhere)
    written = {name: getattr(version, name) for name in own if name not in elsewhere}
    digest = None if texts is None else text_hash("prompt", *(f"{name} {text}" for name, text in texts.items()))
    by = f"prompt: {_words(written, 'the texts as they stand there')}"
    return [LineageStep(f"{version.name}, prompt", of, by, "prompt", digest and digest[:_DIGITS])]


def differences(version: VersionSettings, base: VersionSettings) -> dict[str, Any]:
    """Setting → value, of what sets a version apart from its base; nested tables as `sampling.top_k`.

    Of a step that the base has not, only what it would not do anyway. A further training is such a step.
    """
    before = {step.kind: step.settings for step in base.steps if step.kind not in _TRAINED}
    changes = _set_otherwise(version, base)
    for step in version.steps:
        for each in fields(step.settings) if step not in base.steps else ():
            usual = getattr(before[step.kind], each.name) if step.kind in before else each.default
            if (value := getattr(step.settings, each.name)) != usual:
                changes[f"{step.kind}.{each.name}"] = value
    return changes


def _set_otherwise(version: VersionSettings, base: VersionSettings) -> dict[str, Any]:
    others = _flat(base)
    return {key: value for key, value in _flat(version).items() if others.get(key) != value}


def _flat(version: VersionSettings) -> dict[str, Any]:
    options = dict(version.engine_options)
    flat = {name: getattr(version, name) for name in _OWN}
    for name, table in (("sampling", version.sampling), ("engine_args", options.pop("engine_args", {}))):
        flat |= {f"{name}.{key}": value for key, value in table.items()}
    return {key: value for key, value in (flat | options).items() if value is not None}


def _files(version: VersionSettings, sources: LineageSources) -> Iterator[_FileStep]:
    """The steps from the first maker of the files to what an engine loads, each made of the one before it.

    Nothing is told of the files of a student that was trained here: its step tells what they are.
    """
    description, options, root = sources.description, version.engine_options, sources.root
    if description is None:
        return
    steps: list[_FileStep] = []
    if not any(step.kind == "distilled" and step.is_built for step in version.steps):
        steps += [(0, step) for step in _of_the_file(description)]
    if description.format != "safetensors":
        made = f"a folder of safetensors in {_FTYPES[converted_dtype(options)]}"
        steps.append((1, LineageStep(made, (), f"Steelyard's {conversion.RECIPE}, {_package('transformers')}")))
    if (left_out := options.get("drop_layers")) is not None:
        last_ones = "its last layer" if left_out == 1 else f"its last {left_out} layers"
        numbers = [] if isinstance(left_out, int) else sorted(left_out)
        named = f"layer{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
        plain = {key: value for key, value in options.items() if key not in ("merged", "quantized", "tokenizer")}
        by, digest = f"drop_layers, {layers.RECIPE}", _digest(plain, root)
        steps.append(
            (2, LineageStep(f"the same without {named if numbers else last_ones}", (), by, "drop_layers", digest))
        )
    if (scheme := options.get("quantized")) is not None:
        by, digest = f"quantized = {scheme!r}, {_package('compressed-tensors')}", _digest(options, root)
        steps.append((3, LineageStep(f"the same rounded to {scheme}", (), by, "quantized", digest)))
    if "tokenizer" in options:
        of = (str(options["tokenizer"]),)
        steps.append((4, LineageStep("the same with another tokenizer", of, "the setting tokenizer")))
    last: tuple[str, ...] = ()
    for at, step in steps:
        yield at, replace(step, of=(*last, *step.of))
        last = (step.made,)


def _package(name: str) -> str:
    return f"{name} {version_of(name) or 'absent'}"


def _of_the_file(description: WeightsDescription) -> Iterator[LineageStep]:
    """The steps that the file tells: GGUF's `general.…`, or the words of transformers and of quantizers."""
    settings, file, ftype = description.settings, description.path.name, description.ftype
    general = {key.removeprefix("general."): value for key, value in settings.items() if key.startswith("general.")}
    if description.name != file:
        count = general.get("base_model.count", 0)
        names = [f"base_model.{number}" for number in range(count if isinstance(count, int) else 0)]
        bases = tuple(str(general.get(f"{name}.repo_url") or general.get(f"{name}.name")) for name in names)
        maker = general.get("organization") or general.get("author") or "not said by the file"
        yield LineageStep(description.name, bases, str(maker))
    by = f"saved in {ftype}"
    if quantizer := settings.get("quantization"):
        by = f"{ftype} {quantizer.get('version') or ''}".strip()
    elif description.format != "safetensors" and ftype not in _UNQUANTIZED:
        who = general.get("quantized_by")
        by = f"quantized to {ftype}" + (f" by {who}" if who else "")
    yield LineageStep(file, (), by)


def _digest(options: Mapping[str, Any], root: Path) -> str | None:
    """The fingerprint of weights; None where they can't be read."""
    try:
        return weights_digest(options, root)[:_DIGITS]
    except UsageError:
        return None
