"""Builds the weights of a version that is distilled from a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.customization import SEQUENCE, SOFT_TARGETS, DistilledSettings, Step, packages_of
from harness.config.environment import free_threads, version_of
from harness.config.versions import BUILT
from harness.errors import UsageError
from harness.models.adapters.merging import plain_options
from harness.models.files.content_hash import KNOWN, file_hash
from harness.models.spec import engine_spec
from harness.models.version import is_built, load_version
from harness.models.weights.layers import layer_count
from harness.models.weights.weights import (
    folder_content,
    materialize,
    tokenizer_digest,
    tokenizer_path,
    weights_digest,
)
from harness.stages.beginning import (
    PACKAGES,
    Beginning,
    bare,
    check_packages,
    check_start,
    find_beginning,
    kept_layers,
)
from harness.stages.build_state import BuildProgress, unseen
from harness.stages.building import built, check_steps, found, noted, told_of, with_step
from harness.stages.distillation.answers import ANSWERS, is_answered, unended_answers, write_answers
from harness.stages.known_builds import known_builds
from harness.stages.made_folders import MadeFolder, find_made, make, place_of
from harness.stages.training.running import TrainingRequest, train
from harness.stages.training.texts import (
    TrainingData,
    TrainingText,
    check_answer,
    is_here,
    known_texts,
    read_texts,
    training_data,
)

KIND = "distilled"
TARGETS = "teachers"
WEIGHTS = "weights"
_NOT_TRAINED_BY = ("teacher", "data", "weights", "start")


def find_version(settings: Settings, version: VersionSettings, step: Step | None) -> VersionSettings | None:
    """The version with the weights that were trained elsewhere, or before by the same recipe; None where none were.

    Raises:
        UsageError: teacher, data or student are not there.
    """
    assert step is not None
    _refuse_circle(settings, step.version)
    distilled = cast("DistilledSettings", step.settings)
    if not is_built(found(settings, distilled.teacher)):
        return None
    if distilled.data is not None and not is_here(settings, distilled.data):
        return None
    with told_of(settings, step):
        if distilled.weights is not None:
            return _ready(settings, version, step)
        made = find_made(KIND, _Parts(settings, version, step).recipe)
    return None if made is None else _trained(version, step, made)


def check_step(settings: Settings, version: VersionSettings, step: Step) -> str | None:
    """Refuse texts that a student can't be taught on, a teacher that can't be built, and one that it does not fit by
    the weights that both begin with; say what of the texts is cut.

    Raises:
        UsageError: they are not there or broken, or what trains is not installed.
    """
    from harness.stages.training.sequences import check_length, check_taught
    from harness.stages.training.vocabularies import check_vocabularies

    distilled = cast("DistilledSettings", step.settings)
    if not is_built(found(settings, distilled.teacher)):
        check_steps(settings, distilled.teacher)
    with told_of(settings, step):
        if distilled.weights is not None:
            return None
        check_packages(PACKAGES, "transformers")
        teacher = settings.version(distilled.teacher)
        _check_sources(version, teacher, distilled)
        texts = _known_texts(settings, distilled)
        is_asked = is_answered(distilled, texts)
        if is_asked:
            engine_spec(teacher.engine).require_packages(teacher)
        else:
            for text in texts:
                check_answer(text)
        student = find_beginning(settings, version, version.steps[: version.steps.index(step) + 1])
        folders = [student.folder]
        if distilled.method == SOFT_TARGETS and distilled.hard_weight < 1:
            theirs = find_beginning(settings, teacher, teacher.steps)
            folders.append(theirs.folder)
            if theirs.vocabulary != student.vocabulary:
                check_vocabularies(theirs.vocabulary, student.vocabulary)
        check_length(distilled.length, *folders)
        if (tokenizer := student.tokenizer) is None:
            return None
        return check_taught(texts, tokenizer, distilled.length, is_asked=is_asked)


def _known_texts(settings: Settings, distilled: DistilledSettings) -> list[TrainingText]:
    """The texts of a file, which are prompts where the teacher's answers teach.

    Raises:
        UsageError: they are not.
    """
    name = str(distilled.data)
    texts = known_texts(settings, name)
    if distilled.method == SEQUENCE:
        bare_text = next((text.called for text in texts if not text.prompt), None)
        if name in settings.corpora or bare_text is not None:
            raise UsageError(
                f"data = {name!r}: {bare_text or 'a document of a corpus'} is no prompt that the teacher could answer. "
                'Give a file with a "prompt" on each line, or take method = "soft_targets", which teaches on texts.'
            )
    return texts


def _check_sources(version: VersionSettings, teacher: VersionSettings, distilled: DistilledSettings) -> None:
    """Refuse a teacher or a student that has no weights where it needs them.

    Raises:
        UsageError: saying which, and what to do.
    """
    _check_engine(version)
    if "weights" in teacher.engine_options:
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


def _check_engine(version: VersionSettings) -> None:
    if "weights" not in engine_spec(version.engine).settings:
        raise UsageError(
            f"the engine {version.engine!r} of {version.name} loads no weights, which is what a student is. Take the "
            'engine "vllm" or "transformers".'
        )


def _ready(settings: Settings, version: VersionSettings, step: Step) -> VersionSettings:
    """The version with the weights of a student that was trained elsewhere.

    Raises:
        UsageError: they are not there, or its engine loads none.
    """
    _check_engine(version)
    weights = str(cast("DistilledSettings", step.settings).weights)
    digest = weights_digest({**bare(version.engine_options), "weights": weights}, settings.root)
    return _with(version, step, weights, weights, digest)


def build_version(
    settings: Settings, version: VersionSettings, step: Step | None, progress: BuildProgress
) -> VersionSettings:
    """The version with its weights, trained now; training that was killed goes on. Of a student that was trained
    elsewhere, teacher and data are built.

    Raises:
        UsageError: what it is made of is not there or does not fit.
    """
    assert step is not None
    distilled = cast("DistilledSettings", step.settings)
    with told_of(settings, step):
        if distilled.weights is not None:
            built(settings, distilled.teacher, progress=progress)
            if distilled.data is not None:
                training_data(settings, distilled.data, progress)
            return _ready(settings, version, step)
        parts = _Parts(settings, version, step, progress)

    def build(folder: Path) -> None:
        start, has_logits = materialize(parts.start, settings.root), parts.distilled.method == SOFT_TARGETS
        teacher = parts.teacher.engine_options
        request = TrainingRequest(
            version=version.name,
            settings=parts.distilled,
            data=parts.answers(folder, start, progress) if parts.is_asked else parts.data,
            start=start,
            teacher=materialize(plain_options(teacher), settings.root) if has_logits else None,
            targets=place_of(TARGETS, parts.logits_recipe) if has_logits else None,
            folder=folder,
            threads=free_threads(),
            tokenizer=tokenizer_path(version.engine_options, settings.root),
            teacher_tokenizer=tokenizer_path(teacher, settings.root),
        )
        train(request, progress)

    with told_of(settings, step):
        made = make(KIND, parts.recipe, build, keeps_draft=True)
    whole = _trained(version, step, made)
    assert whole is not None
    return whole


class _Parts:
    """The teacher, the weights and the data that a student is made of."""

    def __init__(
        self, settings: Settings, version: VersionSettings, step: Step, progress: BuildProgress = unseen
    ) -> None:
        self.settings = settings
        self.version = version
        self.step = step
        self.distilled = cast("DistilledSettings", step.settings)
        self.teacher = built(settings, self.distilled.teacher, progress=progress)
        _check_sources(version, self.teacher, self.distilled)
        self.data = training_data(settings, str(self.distilled.data), progress)

    def answers(self, folder: Path, start: Path, progress: BuildProgress) -> TrainingData:
        """The teacher's answers to the prompts, in the folder of the student; it is told how many are cut.

        Args:
            start: the folder of the weights that the student starts from.

        Raises:
            UsageError: the teacher can't be asked.
        """
        from harness.stages.training.sequences import counted_prompts, cut_note

        path, texts = folder / ANSWERS, read_texts(self.data)
        vocabulary = tokenizer_path(self.version.engine_options, self.settings.root) or start
        tokenizer = Beginning(start, None, vocabulary).tokenizer
        asked = [(text, 0) for text in texts] if tokenizer is None else counted_prompts(texts, tokenizer, is_asked=True)
        teacher = load_version(self.teacher, self.settings.root)
        write_answers(self.settings, teacher, self.distilled, list(asked), path, (self.version.name, progress))
        answers = TrainingData(self.data.name, path, file_hash(path), is_corpus=False)
        if tokenizer is not None:
            note = cut_note(read_texts(answers), tokenizer, self.distilled.length, unended_answers(path))
            if note is not None:
                progress(noted(self.settings, self.step, self.version.name, note))
        return answers

    @cached_property
    def is_asked(self) -> bool:
        """Whether the teacher answers the prompts of the data."""
        return not self.data.is_corpus and is_answered(self.distilled, read_texts(self.data))

    @property
    def logits_recipe(self) -> dict[str, Any]:
        """The recipe of the teacher's logits."""
        return {
            "teacher": weights_digest(plain_options(self.teacher.engine_options), self.settings.root),
            "top_k": self.distilled.top_k,
            "temperature": self.distilled.temperature,
            "packages": self._packages,
        }

    @property
    def _packages(self) -> dict[str, str | None]:
        return {name: version_of(name) for name in packages_of(self.distilled)}

    @property
    def recipe(self) -> Mapping[str, Any]:
        """All that decides what is trained, with the teacher's logits, its answers, or both."""
        recipe = {name: value for name, value in asdict(self.distilled).items() if name not in _NOT_TRAINED_BY}
        recipe["teacher"] = {} if self.distilled.method == SEQUENCE else self.logits_recipe
        if self.is_asked:
            fingerprint = load_version(self.teacher, self.settings.root).fingerprint
            answers = {"teacher": fingerprint, "packages": self._packages}
            recipe["teacher"] = {**recipe["teacher"], "answers": answers} if recipe["teacher"] else answers
        recipe["data"] = self.data.digest
        recipe["start"] = None if self.distilled.layers is not None else weights_digest(self.start, self.settings.root)
        tokenizer = tokenizer_digest(self.version.engine_options, self.settings.root)
        return recipe if tokenizer is None else {**recipe, "tokenizer": tokenizer}

    @property
    def start(self) -> dict[str, Any]:
        """The options of the weights that the student starts from, with the layers that it has."""
        options = self.version.engine_options
        if self.distilled.start is not None:
            return {**bare(options), "weights": self.distilled.start}
        if self.distilled.layers is None:
            check_start(options)
            return _unrounded(options)
        source = materialize(_unrounded(plain_options(self.teacher.engine_options)), self.settings.root)
        count = layer_count(source)
        kept = kept_layers(count, self.distilled.layers)
        return {"weights": str(source), "drop_layers": [layer for layer in range(count or 0) if layer not in kept]}


def _unrounded(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without rounding, which comes last, whichever table asks for it."""
    return {name: value for name, value in options.items() if name != "quantized"}


def _refuse_circle(settings: Settings, name: str, taught: tuple[str, ...] = ()) -> None:
    """Refuse a teacher that there is not, and versions of which each is taught by the next.

    Args:
        taught: those from which a chain of teachers came to this one.

    Raises:
        UsageError: naming it, or them.
    """
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

    Args:
        step: of the version, by which it was made.

    Raises:
        UsageError: they are not there.
    """
    distilled = cast("DistilledSettings", step.settings)
    with told_of(settings, step):
        before = built(settings, version.name, offline=True, before=step)
        if distilled.weights is None:
            parts = _Parts(settings, before, step)
            return parts.start, parts.data
        options = _unrounded(before.engine_options)
        start = None if str(options["weights"]).startswith(BUILT) else options
        return start, None if distilled.data is None else training_data(settings, distilled.data)


def _with(version: VersionSettings, step: Step, weights: str, folder: str, content: str) -> VersionSettings:
    """The version with its weights, and one of its steps as it was made."""
    options = version.engine_options
    rounded = {name: value for name, value in options.items() if name == "quantized"}
    made = replace(step, folder=folder, content=content)
    return with_step(replace(version, engine_options={**bare(options), **rounded, "weights": weights}), step, made)


def _trained(version: VersionSettings, step: Step, made: MadeFolder) -> VersionSettings | None:
    """The version with what was trained: the folder of its weights, or their content; None where neither is known."""
    if made.is_here:
        known_builds().note(WEIGHTS, made.content, folder_content(made.path))
        weights = str(made.path)
    elif (content := known_builds().content(WEIGHTS, made.content)) is not None:
        weights = f"{KNOWN}{content}"
    else:
        return None
    return _with(version, step, weights, str(made.path), made.content)
