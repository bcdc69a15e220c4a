"""The recipe of a student: what it is made of, what identifies that, and how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Artifact, find_artifact, get_or_build, place_of
from harness.config.customization import SEQUENCE, SOFT_TARGETS, DistilledSettings, Step, packages_of
from harness.config.environment import free_threads, version_of
from harness.config.versions import BUILT
from harness.errors import UsageError
from harness.models.adapters.merging import plain_options
from harness.models.files.content_hash import KNOWN, file_hash
from harness.models.spec import engine_spec
from harness.models.version import is_built, load_version
from harness.models.weights.layers import layer_count
from harness.models.weights.weights import folder_content, materialize, tokenizer_digest, tokenizer_path, weights_digest
from harness.stages.beginning import (
    PACKAGES,
    Beginning,
    bare,
    check_packages,
    check_start,
    find_beginning,
    kept_layers,
)
from harness.stages.build_state import NOTE, BuildProgress, BuildState, unseen
from harness.stages.building import built, check_steps, found, noted, told_of, with_step
from harness.stages.distillation.answers import ANSWERS, is_answered, write_answers
from harness.stages.training.sequences import check_length, check_taught, count_prompt
from harness.stages.training.texts import TrainingData, is_here, known_texts, read_texts, training_data
from harness.stages.training.training_worker import TrainingRequest, train
from harness.stages.training.vocabularies import check_vocabularies

KIND = "distilled"
TARGETS = "teachers"
_NOT_TRAINED_BY = ("teacher", "data", "weights", "start")


def find_version(settings: Settings, version: VersionSettings, step: Step | None) -> VersionSettings | None:
    """The version with the weights that were trained elsewhere, or before by the same recipe; None where none were."""
    assert step is not None
    _refuse_circle(settings, step.version)
    distilled = cast("DistilledSettings", step.settings)
    if not is_built(teacher := found(settings, distilled.teacher)):
        return None
    if distilled.data is not None and not is_here(settings, distilled.data):
        return None
    with told_of(settings, step):
        if distilled.weights is not None:
            return _ready(settings, version, step)
        made = find_artifact(KIND, StudentRecipe(settings, version, step, teacher).recipe)
    return None if made is None else _trained(version, step, made)


def check_step(settings: Settings, version: VersionSettings, step: Step) -> str | None:
    """Refuse texts that a student can't be taught on, a teacher that can't be built, and one that it does not fit by
    the weights that both begin with; say what of the texts is cut.
    """
    distilled = cast("DistilledSettings", step.settings)
    if not is_built(found(settings, distilled.teacher)):
        check_steps(settings, distilled.teacher)
    with told_of(settings, step):
        if distilled.weights is not None:
            return None
        check_packages(PACKAGES, "transformers")
        teacher, data = settings.version(distilled.teacher), str(distilled.data)
        _check_sources(version, teacher, distilled)
        texts = known_texts(settings, data)
        if distilled.method == SEQUENCE:
            document = "a document of a corpus" if data in settings.corpora else None
            if no_prompt := next((text.name for text in texts if not text.prompt), document):
                raise UsageError(
                    f"data = {data!r}: {no_prompt} is no prompt that the teacher could answer. Give a file with a "
                    '"prompt" on each line, or take method = "soft_targets", which teaches on texts.'
                )
        if is_asked := is_answered(distilled, texts):
            engine_spec(teacher.engine).require_packages(teacher)
        student = find_beginning(settings, version, version.steps[: version.steps.index(step) + 1])
        folders = [student.folder]
        if distilled.method == SOFT_TARGETS and distilled.hard_weight < 1:
            theirs = find_beginning(settings, teacher, teacher.steps)
            folders.append(theirs.folder)
            if theirs.vocabulary != student.vocabulary:
                check_vocabularies(theirs.vocabulary, student.vocabulary)
        check_length(distilled.length, *folders)
        tokenizer = student.tokenizer
        return None if tokenizer is None else check_taught(texts, tokenizer, distilled.length, is_asked=is_asked)


def _check_sources(version: VersionSettings, teacher: VersionSettings, distilled: DistilledSettings) -> None:
    """Refuse a teacher or a student that has no weights where it needs them."""
    if "weights" not in engine_spec(version.engine).options.option_names():
        raise UsageError(
            f"the engine {version.engine!r} of {version.name} loads no weights, which is what a student is. Take the "
            'engine "vllm" or "transformers".'
        )
    if "weights" in teacher.engine_options or distilled.weights is not None:
        return
    if distilled.method != SEQUENCE:
        raise UsageError(
            f'teacher {teacher.name!r} has no weights, so that its logits can\'t be known. method = "sequence" '
            "teaches by its answers."
        )
    if distilled.layers is not None:
        raise UsageError(
            f"teacher {teacher.name!r} has no weights of which layers could be left out; give the student weights of "
            "its own."
        )


def build_version(
    settings: Settings, version: VersionSettings, step: Step | None, progress: BuildProgress
) -> VersionSettings:
    """The version with its weights, trained now; training that was killed goes on. Of a student that was trained
    elsewhere, teacher and data are built.
    """
    assert step is not None
    distilled = cast("DistilledSettings", step.settings)

    def tell(state: BuildState) -> None:
        progress(noted(settings, step, version.name, state.note) if state.phase == NOTE else state)

    with told_of(settings, step):
        if distilled.weights is not None:
            built(settings, distilled.teacher, progress=progress)
            if distilled.data is not None:
                training_data(settings, distilled.data, progress)
            return _ready(settings, version, step)
        teacher = built(settings, distilled.teacher, progress=progress)
        recipe = StudentRecipe(settings, version, step, teacher, progress)
        build = lambda folder: train(recipe.request(folder, tell), tell)  # noqa: E731
        made = get_or_build(KIND, recipe.recipe, build, digest=folder_content, keeps_draft=True)
    return _trained(version, step, made)


class StudentRecipe:
    """The teacher, which is built, the weights and the data that a student is made of; a corpus is built first."""

    def __init__(
        self,
        settings: Settings,
        version: VersionSettings,
        step: Step,
        teacher: VersionSettings,
        progress: BuildProgress = unseen,
    ) -> None:
        self._root = settings.root
        self._settings = settings
        self._version = version
        self._distilled = cast("DistilledSettings", step.settings)
        self._teacher = teacher
        _check_sources(version, self._teacher, self._distilled)
        self.data = training_data(settings, str(self._distilled.data), progress)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """All that decides what is trained, with the teacher's logits, its answers, or both."""
        recipe = {name: value for name, value in asdict(self._distilled).items() if name not in _NOT_TRAINED_BY}
        recipe["teacher"] = {} if self._distilled.method == SEQUENCE else self._logits_recipe
        if self._is_asked:
            fingerprint = load_version(self._teacher, self._root).fingerprint
            answers = {"teacher": fingerprint, "packages": self._packages}
            recipe["teacher"] = {**recipe["teacher"], "answers": answers} if recipe["teacher"] else answers
        recipe["data"] = self.data.digest
        recipe["start"] = None if self._distilled.layers is not None else weights_digest(self.start, self._root)
        tokenizer = tokenizer_digest(self._version.engine_options, self._root)
        return recipe if tokenizer is None else {**recipe, "tokenizer": tokenizer}

    @property
    def _logits_recipe(self) -> dict[str, Any]:
        return {
            "teacher": weights_digest(plain_options(self._teacher.engine_options), self._root),
            "top_k": self._distilled.top_k,
            "temperature": self._distilled.temperature,
            "packages": self._packages,
        }

    @property
    def _packages(self) -> dict[str, str | None]:
        return {name: version_of(name) for name in packages_of(self._distilled)}

    @cached_property
    def _is_asked(self) -> bool:
        """Whether the teacher answers the prompts of the data."""
        return not self.data.is_corpus and is_answered(self._distilled, read_texts(self.data))

    @property
    def start(self) -> dict[str, Any]:
        """The options of the weights that the student starts from, with the layers that it has."""
        options = self._version.engine_options
        if self._distilled.start is not None:
            return {**bare(options), "weights": self._distilled.start}
        if self._distilled.layers is None:
            check_start(options)
            return _unrounded(options)
        source = materialize(_unrounded(plain_options(self._teacher.engine_options)), self._root)
        count = layer_count(source)
        kept = kept_layers(count, self._distilled.layers)
        return {"weights": str(source), "drop_layers": [layer for layer in range(count or 0) if layer not in kept]}

    def request(self, folder: Path, progress: BuildProgress) -> TrainingRequest:
        """What is asked of the training, whose result goes into a folder; a teacher that answers has answered."""
        start, has_logits = materialize(self.start, self._root), self._distilled.method == SOFT_TARGETS
        return TrainingRequest(
            version=self._version.name,
            settings=self._distilled,
            data=self._answers(folder, start, progress) if self._is_asked else self.data,
            start=start,
            folder=folder,
            threads=free_threads(),
            tokenizer=tokenizer_path(self._version.engine_options, self._root),
            teacher=materialize(plain_options(self._teacher.engine_options), self._root) if has_logits else None,
            targets=place_of(TARGETS, self._logits_recipe) if has_logits else None,
        )

    def _answers(self, folder: Path, start: Path, progress: BuildProgress) -> TrainingData:
        """The teacher's answers to the prompts, in the folder of the student; it is told how many are cut."""
        path, name, length = folder / ANSWERS, self._version.name, self._distilled.length
        vocabulary = tokenizer_path(self._version.engine_options, self._root) or start
        tokenizer = Beginning(start, None, vocabulary).tokenizer
        texts = read_texts(self.data)
        asked = [(text, 0 if tokenizer is None else count_prompt(text.prompt, tokenizer)) for text in texts]
        teacher = load_version(self._teacher, self._root)
        write_answers(self._settings, teacher, self._distilled, asked, path, (name, progress))
        answers = TrainingData(self.data.name, path, file_hash(path), is_corpus=False)
        if tokenizer is not None and (note := check_taught(read_texts(answers), tokenizer, length)):
            progress(BuildState(name, NOTE, note=note))
        return answers


def _unrounded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without rounding, which comes last, whichever table asks for it."""
    return {name: value for name, value in options.items() if name != "quantized"}


def _refuse_circle(settings: Settings, name: str, taught: tuple[str, ...] = ()) -> None:
    """Refuse a teacher that there is not, and versions of which each is `taught` by the next."""
    if name in taught:
        circle = " -> ".join([*taught[taught.index(name) :], name])
        raise UsageError(
            f"{settings.table(name)} distilled: it would be taught by what it teaches, {circle}, so that none can be "
            "built first. Give one of them another teacher."
        )
    for step in settings.version(name).steps:
        if isinstance(step.settings, DistilledSettings):
            try:
                settings.version(step.settings.teacher)
            except UsageError as error:
                raise UsageError(f"{settings.table(step.version)} distilled: teacher: {error}") from error
            _refuse_circle(settings, step.settings.teacher, (*taught, name))


def sources_of(
    settings: Settings, version: VersionSettings, step: Step
) -> tuple[dict[str, Any] | None, TrainingData | None]:
    """Return the sources of a student: the options of the weights that it started from, and the data. Of one that was
    trained elsewhere it started from its base, and either may be None.
    """
    distilled = cast("DistilledSettings", step.settings)
    with told_of(settings, step):
        before = built(settings, version.name, offline=True, before=step)
        if distilled.weights is None:
            recipe = StudentRecipe(settings, before, step, built(settings, distilled.teacher))
            return recipe.start, recipe.data
        options = _unrounded(before.engine_options)
        start = None if str(options["weights"]).startswith(BUILT) else options
        return start, None if distilled.data is None else training_data(settings, distilled.data)


def _ready(settings: Settings, version: VersionSettings, step: Step) -> VersionSettings:
    """The version with the weights of a student that was trained elsewhere."""
    distilled = cast("DistilledSettings", step.settings)
    _check_sources(version, version, distilled)
    weights = str(distilled.weights)
    digest = weights_digest({**bare(version.engine_options), "weights": weights}, settings.root)
    return _with(version, step, weights, weights, digest)


def _trained(version: VersionSettings, step: Step, made: Artifact) -> VersionSettings:
    """The version with what was trained: the folder of its weights, or their content."""
    weights = str(made.path) if made.is_here else f"{KNOWN}{made.digest}"
    return _with(version, step, weights, str(made.path), made.digest)


def _with(version: VersionSettings, step: Step, weights: str, folder: str, content: str) -> VersionSettings:
    """The version with its weights, and one of its steps as it was made."""
    options = version.engine_options
    rounded = {name: value for name, value in options.items() if name == "quantized"}
    made = replace(step, folder=folder, content=content)
    return with_step(replace(version, engine_options={**bare(options), **rounded, "weights": weights}), step, made)
