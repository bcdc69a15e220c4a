"""The recipe of an adapter: what it is made of, what identifies that, and how it is built, or a ready one is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.artifacts import builds, find_artifact, get_or_build
from harness.config.customization import AdapterSettings, Step, packages_of
from harness.config.environment import free_threads, version_of
from harness.errors import UsageError
from harness.models.adapters.adapter_files import Shape, check_fits, check_modules, matrix_shapes, read_adapter
from harness.models.adapters.merging import plain_options
from harness.models.files.content_hash import KNOWN
from harness.models.spec import engine_spec
from harness.models.weights.weights import made_folder, materialize, tokenizer_digest, tokenizer_path, weights_digest
from harness.stages.beginning import PACKAGES, check_packages, find_beginning
from harness.stages.build_state import BuildProgress, BuildState, unseen
from harness.stages.building import told_of, with_step
from harness.stages.training.sequences import check_length, check_taught
from harness.stages.training.texts import TrainingData, is_here, known_texts, training_data
from harness.stages.training.training_worker import TrainingRequest, train

KIND = "adapter"
_NOT_TRAINED_BY = ("folder", "data", "merge")
_NEED_PLAIN = ("adapter", "distilled")
"""Steps that start from weights alone."""


def find_version(settings: Settings, version: VersionSettings, step: Step | None) -> VersionSettings | None:
    """The version with the ready adapter, or with the one that was trained before by the same recipe; None where none
    was, or the weights that a ready one must fit are not made yet.
    """
    assert step is not None
    data = cast("AdapterSettings", step.settings).data
    if data is not None and not is_here(settings, data):
        return None
    with told_of(settings, step):
        recipe = AdapterRecipe(settings, version, step)
        if recipe.ready is None:
            made = find_artifact(KIND, recipe.recipe)
            return None if made is None else recipe.with_adapter(made.path, made.digest)
        if builds().is_offline:  # what it fits was checked before there were samples
            return recipe.with_adapter(recipe.ready, read_adapter(recipe.ready).digest)
        weights = made_folder(recipe.options, settings.root)
        digest = recipe.checked({} if weights is None else matrix_shapes(weights), recipe.start_digest)
        return None if weights is None else recipe.with_adapter(recipe.ready, digest)


def check_step(settings: Settings, version: VersionSettings, step: Step) -> str | None:
    """Refuse a ready adapter that does not fit the weights that the version begins with, and texts that none can be
    trained on; say what of them is cut.
    """
    adapter = cast("AdapterSettings", step.settings)
    with told_of(settings, step):
        recipe = AdapterRecipe(settings, version, step)
        if recipe.ready is None or recipe.is_merged:
            check_packages((*PACKAGES, "peft"), "customization")
        beginning = find_beginning(settings, version, version.steps[: version.steps.index(step)])
        if recipe.ready is not None:
            recipe.checked(beginning.shapes, None)
            return None
        check_modules(adapter.modules, beginning.shapes)
        check_length(adapter.length, beginning.folder)
        texts, tokenizer = known_texts(settings, str(adapter.data)), beginning.tokenizer
        return None if tokenizer is None else check_taught(texts, tokenizer, adapter.length)


def build_version(
    settings: Settings, version: VersionSettings, step: Step | None, progress: BuildProgress
) -> VersionSettings:
    """The version with its adapter, trained now; training that was killed goes on."""
    assert step is not None
    with told_of(settings, step):
        recipe = AdapterRecipe(settings, version, step, progress)
        weights = materialize(recipe.options, settings.root)
        if recipe.ready is None:

            def build(folder: Path) -> None:
                train(recipe.request(weights, folder), progress)

            made = get_or_build(
                KIND, recipe.recipe, build, digest=lambda path: read_adapter(path).digest, keeps_draft=True
            )
            whole = recipe.with_adapter(made.path, made.digest)
        else:
            digest = recipe.checked(matrix_shapes(weights), recipe.start_digest)
            whole = recipe.with_adapter(recipe.ready, digest)
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
        self, settings: Settings, version: VersionSettings, step: Step, progress: BuildProgress = unseen
    ) -> None:
        self._settings = settings
        self._version = version
        self._step = step
        self._adapter = cast("AdapterSettings", step.settings)
        options = version.engine_options
        if "adapter" not in engine_spec(version.engine).options.option_names() or "weights" not in options:
            raise UsageError(
                f"the engine {version.engine!r} of {version.name} puts no adapter on weights. Take the engine "
                '"vllm" or "transformers", with weights.'
            )
        self.options = {name: value for name, value in options.items() if name != "quantized"}
        later = version.steps[version.steps.index(step) + 1 :]
        self.is_merged = (
            self._adapter.merge or "quantized" in options or any(each.kind in _NEED_PLAIN for each in later)
        )
        self.ready: Path | None = None
        if (name := self._adapter.folder) is not None:
            self.ready = (settings.root / name).resolve()
            if not self.ready.is_dir():
                raise UsageError(f"folder = {name!r}: there is no folder {self.ready}.")
        self._progress = progress

    @cached_property
    def _data(self) -> TrainingData:
        return training_data(self._settings, str(self._adapter.data), self._progress)

    @property
    def start_digest(self) -> str:
        """The digest of the weights that it is put on."""
        return weights_digest(self.options, self._settings.root)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """All that decides what is trained."""
        how = {name: value for name, value in asdict(self._adapter).items() if name not in _NOT_TRAINED_BY}
        tokenizer = tokenizer_digest(self.options, self._settings.root)
        return {
            **how,
            "data": self._data.digest,
            "start": self.start_digest,
            "packages": {name: version_of(name) for name in packages_of(self._adapter)},
            **({} if tokenizer is None else {"tokenizer": tokenizer}),
        }

    def request(self, weights: Path, folder: Path) -> TrainingRequest:
        """What is asked of the training on these weights, whose result goes into a folder."""
        return TrainingRequest(
            version=self._version.name,
            settings=self._adapter,
            data=self._data,
            start=weights,
            folder=folder,
            threads=free_threads(),
            tokenizer=tokenizer_path(self.options, self._settings.root),
            start_digest=self.start_digest,
        )

    def checked(self, shapes: Mapping[str, Shape], digest: str | None) -> str:
        """See that the ready adapter fits the weights; give the digest that identifies it.

        Args:
            shapes: of their matrices; {} where they are not made yet.
            digest: that identifies them; None where they are not built yet.
        """
        assert self.ready is not None
        adapter = read_adapter(self.ready)
        name = "the weights" if digest is None else repr(self.options["weights"])
        check_fits(adapter, shapes, digest, f"{name} of {self._version.name}")
        is_beside = engine_spec(self._version.engine).takes_plain_adapters and not self.is_merged
        if is_beside and adapter.not_plain:
            raise UsageError(
                f"{self.ready} has {', '.join(adapter.not_plain)}, which vLLM can't serve beside the weights. Add it "
                f"into them: adapter = {{ folder = {self._adapter.folder!r}, merge = true }}."
            )
        return adapter.digest

    def with_adapter(self, folder: Path, digest: str) -> VersionSettings:
        """The version with the adapter beside its weights, or added into them; one that is not here by its content."""
        place = str(folder) if folder.is_dir() else f"{KNOWN}{digest}"
        beside = {**self._version.engine_options, "adapter": place}
        options = plain_options(beside) if self.is_merged else beside
        made = replace(self._step, folder=str(folder), content=digest)
        return with_step(replace(self._version, engine_options=options), self._step, made)
