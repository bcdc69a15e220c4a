"""The recipe of an adapter: what it is made of, what identifies that, and how it is built, or a ready one is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Artifact, builds, find_artifact, get_or_build
from harness.config.customization import AdapterSettings, BuildStep
from harness.errors import UsageError
from harness.models.adapters.adapter_files import Shape, check_fits, check_modules, matrix_shapes, read_adapter
from harness.models.adapters.merging import plain_options
from harness.models.spec import engine_spec
from harness.models.weights.weights import made_folder, materialize, tokenizer_digest, tokenizer_path, weights_digest
from harness.stages.beginning import PACKAGES, check_packages, find_beginning, package_versions, unrounded
from harness.stages.build_state import BuildProgress, BuildState, tell_note, unseen
from harness.stages.building import with_step
from harness.stages.training.sequences import check_length, check_prompts
from harness.stages.training.texts import TrainingData, is_here, known_texts, training_data
from harness.stages.training.training_worker import TrainingRequest, train

KIND = "adapter"
TRAINER = "harness.stages.training.lora:train_adapter"
_NOT_TRAINED_BY = ("folder", "data", "merge")
_NEED_PLAIN = ("adapter", "distilled")
"""Steps that start from weights alone."""


def find_version(settings: Settings, version: VersionSettings, step: BuildStep) -> VersionSettings | None:
    """The version with the ready adapter, or with the one that was trained before by the same recipe; None where none
    was, or the weights that a ready one must fit are not made yet.
    """
    recipe = AdapterRecipe(settings, version, step)
    if recipe.how.data is not None and not is_here(settings, recipe.how.data):
        return None
    if recipe.ready is None:
        made = find_artifact(KIND, recipe.recipe)
        return None if made is None else recipe.with_adapter(made)
    if builds().is_offline:  # what it fits was checked before there were samples
        return recipe.with_adapter(Artifact(recipe.ready, read_adapter(recipe.ready).digest))
    weights = made_folder(recipe.options, settings.root)
    fit = recipe.checked({} if weights is None else matrix_shapes(weights), recipe.start_digest)
    return None if weights is None else recipe.with_adapter(fit)


def check_step(settings: Settings, version: VersionSettings, step: BuildStep, progress: BuildProgress) -> None:
    """Refuse a ready adapter that does not fit the weights that the version begins with, and texts that none can be
    trained on.
    """
    recipe = AdapterRecipe(settings, version, step)
    if recipe.ready is None or recipe.is_merged:
        check_packages((*PACKAGES, "peft"), "customization")
    beginning = find_beginning(settings, version, version.steps[: version.steps.index(step)])
    if recipe.ready is not None:
        recipe.checked(beginning.shapes, None)
    else:
        check_modules(recipe.how.modules, beginning.shapes)
        check_length(recipe.how.length, beginning.folder)
        texts = known_texts(settings, str(recipe.how.data))
        check_prompts(texts, beginning.vocabulary, recipe.how.length, partial(tell_note, progress, version.name))


def build_version(
    settings: Settings, version: VersionSettings, step: BuildStep, progress: BuildProgress
) -> VersionSettings:
    """The version with its adapter, trained now; training that was killed goes on."""
    recipe = AdapterRecipe(settings, version, step, progress)
    weights = materialize(recipe.options, settings.root)

    def build(draft: Path) -> Path:
        made, tokenizer = draft / "made", tokenizer_path(recipe.options, settings.root)
        asked = (version.name, recipe.how, recipe.data, weights, made, tokenizer, recipe.start_digest)
        train(TrainingRequest(*asked), TRAINER, progress)
        return made

    if recipe.ready is None:
        identify = lambda path: read_adapter(path).digest  # noqa: E731
        made = get_or_build(KIND, recipe.recipe, build, digest=identify, keeps_draft=True)
    else:
        made = recipe.checked(matrix_shapes(weights), recipe.start_digest)
    whole = recipe.with_adapter(made)
    if recipe.is_merged:
        progress(BuildState(version.name, "merging", unit="weights"))
        materialize(whole.engine_options, settings.root)
    return whole


class AdapterRecipe:
    """The weights and the settings that an adapter is made of.

    Attributes:
        options: of the weights that it is put on.
        ready: the folder of a ready one; None where it is trained.
        is_merged: whether it is added into them.
    """

    def __init__(
        self, settings: Settings, version: VersionSettings, step: BuildStep, progress: BuildProgress = unseen
    ) -> None:
        self._settings, self._version, self._step, self._progress = settings, version, step, progress
        self.how = cast("AdapterSettings", step.settings)
        options = version.engine_options
        if "adapter" not in engine_spec(version.engine).options.option_names() or "weights" not in options:
            message = f"the engine {version.engine!r} of {version.name} puts no adapter on weights"
            raise UsageError(f'{message}. Take the engine "vllm" or "transformers", with weights.')
        self.options = unrounded(options)
        later = version.steps[version.steps.index(step) + 1 :]
        self.is_merged = self.how.merge or "quantized" in options or any(each.kind in _NEED_PLAIN for each in later)
        self.ready = None if self.how.folder is None else (settings.root / self.how.folder).resolve()
        if self.ready is not None and not self.ready.is_dir():
            raise UsageError(f"folder = {self.how.folder!r}: there is no folder {self.ready}.")

    @cached_property
    def data(self) -> TrainingData:
        """The corpus, which is built first, or the file of its texts."""
        return training_data(self._settings, str(self.how.data), self._progress)

    @property
    def start_digest(self) -> str:
        """The digest of the weights that it is put on."""
        return weights_digest(self.options, self._settings.root)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """All that decides what is trained."""
        how = {name: value for name, value in asdict(self.how).items() if name not in _NOT_TRAINED_BY}
        start = {"data": self.data.digest, "start": self.start_digest, "packages": package_versions(self.how)}
        tokenizer = tokenizer_digest(self.options, self._settings.root)
        return {**how, **start, **({} if tokenizer is None else {"tokenizer": tokenizer})}

    def checked(self, shapes: Mapping[str, Shape], digest: str | None) -> Artifact:
        """The ready adapter, which fits the weights: by the shapes of their matrices and their digest, if these are
        known yet.
        """
        assert self.ready is not None
        adapter = read_adapter(self.ready)
        name = "the weights" if digest is None else repr(str(self.options["weights"]))
        check_fits(adapter, shapes, digest, f"{name} of {self._version.name}")
        is_beside = engine_spec(self._version.engine).takes_plain_adapters and not self.is_merged
        if is_beside and adapter.not_plain:
            advice = f"adapter = {{ folder = {self.how.folder!r}, merge = true }}"
            message = f"{self.ready} has {', '.join(adapter.not_plain)}, which vLLM can't serve beside the weights"
            raise UsageError(f"{message}. Add it into them: {advice}.")
        return Artifact(self.ready, adapter.digest)

    def with_adapter(self, made: Artifact) -> VersionSettings:
        """The version with the adapter beside its weights, or added into them."""
        beside = {**self._version.engine_options, "adapter": made}
        options = plain_options(beside) if self.is_merged else beside
        version = replace(self._version, engine_options=options)
        return with_step(version, self._step, made)
