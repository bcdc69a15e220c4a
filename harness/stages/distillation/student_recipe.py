"""The recipe of a student: what it is made of, what identifies that, and how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.artifacts import Artifact, Unbuilt, find_artifact, get_or_build, place_of
from harness.config.customization import SEQUENCE, SOFT_TARGETS, BuildStep, DistilledSettings
from harness.errors import UsageError
from harness.models.adapters.merging import plain_options
from harness.models.files.content_hash import file_hash
from harness.models.spec import engine_spec
from harness.models.tokenization.version_tokenizer import load_tokenizer
from harness.models.version import is_built, load_version
from harness.models.weights.layers import layer_count
from harness.models.weights.weights import (
    folder_content,
    materialize,
    tokenizer_digest,
    tokenizer_path,
    weights_digest,
    weights_source,
)
from harness.stages.beginning import (
    PACKAGES,
    bare,
    check_packages,
    check_start,
    find_beginning,
    kept_layers,
    package_versions,
    unrounded,
)
from harness.stages.build_state import BuildProgress, BuildState, tell_note, unseen
from harness.stages.building import built, check_steps, version_named, with_step
from harness.stages.distillation.answers import ANSWERS, is_answered, write_answers
from harness.stages.training.sequences import (
    check_length,
    check_prompts,
    check_vocabularies,
    count_prompt,
    make_sequences,
)
from harness.stages.training.texts import TrainingData, is_here, known_texts, read_texts, training_data
from harness.stages.training.training_worker import TrainingRequest, train

KIND = "distilled"
TARGETS = "teachers"
TRAINER = "harness.stages.training.students:train_student"
_NOT_TRAINED_BY = ("teacher", "data", "weights", "start")


def find_version(settings: Settings, version: VersionSettings, step: BuildStep) -> VersionSettings | None:
    """The version with the weights that were trained elsewhere, or before by the same recipe; None where none were."""
    distilled = cast("DistilledSettings", step.settings)
    _refuse_circle(settings, step.version)
    _check_sources(version, settings.version(distilled.teacher), distilled)
    if not is_built(teacher := version_named(settings, distilled.teacher)):
        return None
    if distilled.data is not None and not is_here(settings, distilled.data):
        return None
    if distilled.weights is not None:
        return _ready(settings, version, step)
    made = find_artifact(KIND, StudentRecipe(settings, version, step, teacher).recipe)
    return None if made is None else _with(version, step, made)


def check_step(settings: Settings, version: VersionSettings, step: BuildStep, progress: BuildProgress) -> None:
    """Refuse texts that a student can't be taught on, a teacher that can't be built, and one that it does not fit by
    the weights that both begin with.
    """
    distilled = cast("DistilledSettings", step.settings)
    if not is_built(version_named(settings, distilled.teacher)):
        check_steps(settings, distilled.teacher)
    if distilled.weights is not None:
        return
    check_packages(PACKAGES, "transformers")
    data = str(distilled.data)
    texts, document = known_texts(settings, data), "a document of a corpus" if data in settings.corpora else None
    no_prompt = next((text.name for text in texts if not text.prompt), document)
    if no_prompt and distilled.method == SEQUENCE:
        raise UsageError(
            f"data = {data!r}: {no_prompt} is no prompt that the teacher could answer. Give a file with a "
            '"prompt" on each line, or take method = "soft_targets".'
        )
    teacher = settings.version(distilled.teacher)
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
    check_prompts(
        texts, student.vocabulary, distilled.length, partial(tell_note, progress, version.name), is_asked=is_asked
    )


def _check_sources(version: VersionSettings, teacher: VersionSettings, distilled: DistilledSettings) -> None:
    """Refuse a teacher or a student that has no weights where it needs them."""
    if "weights" not in engine_spec(version.engine).options.option_names():
        message = f"the engine {version.engine!r} of {version.name} loads no weights, which is what a student is"
        raise UsageError(f'{message}. Take the engine "vllm" or "transformers".')
    needs = None
    if distilled.method != SEQUENCE:
        needs = ("so that its logits can't be known", 'method = "sequence" teaches by its answers')
    elif distilled.layers is not None:
        needs = ("of which layers could be left out", "Give the student weights of its own")
    if needs and "weights" not in teacher.engine_options and distilled.weights is None:
        raise UsageError(f"teacher {teacher.name!r} has no weights, {needs[0]}. {needs[1]}.")


def build_version(
    settings: Settings, version: VersionSettings, step: BuildStep, progress: BuildProgress
) -> VersionSettings:
    """The version with its weights, trained now; training that was killed goes on. Of a student that was trained
    elsewhere, teacher and data are built.
    """
    distilled = cast("DistilledSettings", step.settings)
    teacher = built(settings, distilled.teacher, progress=progress)
    if distilled.weights is not None:
        if distilled.data is not None:
            training_data(settings, distilled.data, progress)
        return _ready(settings, version, step)
    recipe = StudentRecipe(settings, version, step, teacher, progress)

    def build(draft: Path) -> Path:
        request = recipe.request(draft)
        train(request, TRAINER, progress)
        if (answers := draft / ANSWERS).is_file():
            answers.replace(request.folder / ANSWERS)
        return request.folder

    return _with(version, step, get_or_build(KIND, recipe.recipe, build, digest=folder_content, keeps_draft=True))


@dataclass(frozen=True)
class StudentRecipe:
    """What a student is made of: its teacher, which is built, weights and data; a corpus is built first."""

    settings: Settings
    version: VersionSettings
    step: BuildStep
    teacher: VersionSettings
    progress: BuildProgress = unseen

    @property
    def _how(self) -> DistilledSettings:
        return cast("DistilledSettings", self.step.settings)

    @cached_property
    def data(self) -> TrainingData:
        """The corpus or file of its texts."""
        return training_data(self.settings, str(self._how.data), self.progress)

    @property
    def recipe(self) -> Mapping[str, Any]:
        """All that decides what is trained, with the teacher's logits, its answers, or both."""
        recipe = {name: value for name, value in asdict(self._how).items() if name not in _NOT_TRAINED_BY}
        recipe["teacher"] = {} if self._how.method == SEQUENCE else self._logits_recipe
        if self._is_asked:
            fingerprint = load_version(self.teacher, self.settings.root).fingerprint
            answers = {"teacher": fingerprint, "packages": package_versions(self._how)}
            recipe["teacher"] = {**recipe["teacher"], "answers": answers} if recipe["teacher"] else answers
        recipe["data"] = self.data.digest
        recipe["start"] = None if self._how.layers is not None else weights_digest(self.start, self.settings.root)
        tokenizer = tokenizer_digest(self.version.engine_options, self.settings.root)
        return recipe if tokenizer is None else {**recipe, "tokenizer": tokenizer}

    @property
    def _logits_recipe(self) -> dict[str, Any]:
        teacher = weights_digest(plain_options(self.teacher.engine_options), self.settings.root)
        how = {"top_k": self._how.top_k, "temperature": self._how.temperature}
        return {"teacher": teacher, **how, "packages": package_versions(self._how)}

    @cached_property
    def _is_asked(self) -> bool:
        """True if the teacher answers the prompts of the data."""
        return not self.data.is_corpus and is_answered(self._how, read_texts(self.data))

    @property
    def start(self) -> dict[str, Any]:
        """The options of the weights that the student starts from, with the layers that it has."""
        options = self.version.engine_options
        if self._how.start is not None:
            return {**bare(options), "weights": self._how.start}
        if self._how.layers is None:
            check_start(options)
            return unrounded(options)
        source = materialize(unrounded(plain_options(self.teacher.engine_options)), self.settings.root)
        count = layer_count(source)
        kept = kept_layers(count, self._how.layers)
        return {"weights": str(source), "drop_layers": [layer for layer in range(count or 0) if layer not in kept]}

    def request(self, draft: Path) -> TrainingRequest:
        """Return what is asked of the training, whose result goes into a draft; a teacher that answers has answered."""
        root, has_logits = self.settings.root, self._how.method == SOFT_TARGETS and self._how.hard_weight < 1
        start, tokenizer = materialize(self.start, root), tokenizer_path(self.version.engine_options, root)
        return TrainingRequest(
            version=self.version.name,
            settings=self._how,
            data=self._answers(draft / ANSWERS, tokenizer or start) if self._is_asked else self.data,
            start=start,
            folder=draft / "made",
            tokenizer=tokenizer,
            teacher=materialize(plain_options(self.teacher.engine_options), root) if has_logits else None,
            targets=place_of(TARGETS, self._logits_recipe) if has_logits else None,
        )

    def _answers(self, path: Path, vocabulary: Path) -> TrainingData:
        """The teacher's answers to the prompts."""
        length, tokenizer = self._how.length, None
        if (vocabulary / "tokenizer.json").is_file():  # else transformers alone reads it
            tokenizer = load_tokenizer({"tokenizer": str(vocabulary)}, vocabulary)
        texts = read_texts(self.data)
        asked = [(text, 0 if tokenizer is None else count_prompt(text, tokenizer, length)) for text in texts]

        def answered(done: int) -> None:
            self.progress(BuildState(self.version.name, "asking the teacher", done, len(asked), "prompts"))

        teacher = load_version(self.teacher, self.settings.root)
        write_answers(self.settings, teacher, self._how, asked, path, answered)
        answers = TrainingData(self.data.name, path, file_hash(path), is_corpus=False)
        if tokenizer is not None:
            make_sequences(read_texts(answers), tokenizer, length, partial(tell_note, self.progress, self.version.name))
        return answers


def _refuse_circle(settings: Settings, name: str, taught: tuple[str, ...] = ()) -> None:
    """Refuse a teacher that there is not, and versions of which each is `taught` by the next."""
    if name in taught:
        circle = " -> ".join([*taught[taught.index(name) :], name])
        raise UsageError(f"it would be taught by what it teaches, {circle}. Give one of them another teacher.")
    for step in settings.version(name).steps:
        if isinstance(step.settings, DistilledSettings):
            _refuse_circle(settings, step.settings.teacher, (*taught, name))


def sources_of(
    settings: Settings, version: VersionSettings, step: BuildStep
) -> tuple[dict[str, Any] | None, TrainingData | None]:
    """Return the sources of a student: the options of the weights that it started from, and the data. Of one that was
    trained elsewhere it started from its base, and either may be None.
    """
    distilled = cast("DistilledSettings", step.settings)
    before = built(settings, version.name, offline=True, before=step)
    if distilled.weights is None:
        recipe = StudentRecipe(settings, before, step, built(settings, distilled.teacher))
        return recipe.start, recipe.data
    options = unrounded(before.engine_options)
    start = None if isinstance(options["weights"], Unbuilt) else options
    return start, None if distilled.data is None else training_data(settings, distilled.data)


def _ready(settings: Settings, version: VersionSettings, step: BuildStep) -> VersionSettings:
    """The version with the weights of a student that was trained elsewhere."""
    weights = str(cast("DistilledSettings", step.settings).weights)
    digest = weights_digest({**bare(version.engine_options), "weights": weights}, settings.root)
    made = Artifact(weights_source({"weights": weights}, settings.root).path, digest)
    return _with(version, step, made, weights)


def _with(version: VersionSettings, step: BuildStep, made: Artifact, weights: str | None = None) -> VersionSettings:
    """The version with its weights, and one of its steps as it was made."""
    options = version.engine_options
    rounded = {name: value for name, value in options.items() if name == "quantized"}
    options = {**bare(options), **rounded, "weights": weights or made}
    return with_step(replace(version, engine_options=options), step, made)
