"""Builds the weights of a version that is distilled from a teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from harness.stages.distillation.answers import (
    ANSWERS,
    check_prompt,
    is_answered,
    take_answers,
    unended_answers,
    write_answers,
)
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
    """Refuse texts that a student can't be taught on, a teacher that can't be built, and one that it does not fit; say
    what of the texts is cut.

    Raises:
        UsageError: they are not there or broken, or what trains is not installed.
    """
    distilled = cast("DistilledSettings", step.settings)
    if not is_built(found(settings, distilled.teacher)):
        check_steps(settings, distilled.teacher)
    with told_of(settings, step):
        if distilled.weights is not None:
            return None
        check_packages(PACKAGES, "transformers")
        teacher = settings.version(distilled.teacher)
        _check_sources(version, teacher, distilled)
        assert distilled.data is not None
        if distilled.method != SOFT_TARGETS and distilled.data in settings.corpora:
            raise UsageError(
                f"data = {distilled.data!r} is a corpus, and its documents are no prompts that anybody could answer. "
                'Give a file with a "prompt" on each line, or take method = "soft_targets", which teaches on texts.'
            )
        texts = known_texts(settings, distilled.data)
        is_asked = is_answered(distilled, texts)
        if is_asked:
            engine_spec(teacher.engine).require_packages(teacher)
        for text in texts:
            if distilled.method != SOFT_TARGETS:
                check_prompt(text, str(distilled.data))
            elif not is_asked:
                check_answer(text)
        return _check_fit(settings, version, step, texts)


def _check_fit(settings: Settings, version: VersionSettings, step: Step, texts: Sequence[TrainingText]) -> str | None:
    """Refuse a teacher with another vocabulary, and texts that are too long, by the weights that both begin with."""
    from harness.stages.training.sequences import check_length, check_taught
    from harness.stages.training.students import check_vocabularies

    distilled = cast("DistilledSettings", step.settings)
    student = find_beginning(settings, version, version.steps[: version.steps.index(step) + 1])
    sources = [student]
    keeps_logits = distilled.method == SOFT_TARGETS and distilled.hard_weight < 1
    if keeps_logits:
        teacher = settings.version(distilled.teacher)
        sources.append(find_beginning(settings, teacher, teacher.steps))
        if sources[1].vocabulary != student.vocabulary:
            check_vocabularies(sources[1].vocabulary, student.vocabulary)
    folders = [each.folder for each in sources]
    check_length(distilled.length, *folders)
    if (tokenizer := student.tokenizer) is None:
        return None
    return check_taught(texts, tokenizer, distilled.length, is_asked=is_answered(distilled, texts))


def _check_sources(version: VersionSettings, teacher: VersionSettings, distilled: DistilledSettings) -> None:
    """Refuse a teacher or a student that has no weights where it needs them.

    Raises:
        UsageError: saying which, and what to do.
    """
    _check_engine(version)
    if distilled.method != SEQUENCE and "weights" not in teacher.engine_options:
        raise UsageError(
            f'teacher {teacher.name!r} has no weights, so that its logits can\'t be known. method = "sequence" '
            "teaches by its answers."
        )
    if distilled.layers is not None and "weights" not in teacher.engine_options:
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
    return _with(version, replace(step, folder=weights, content=digest), weights, step)


def build_version(
    settings: Settings,
    version: VersionSettings,
    step: Step | None,
    progress: BuildProgress,
    *,
    answered: Path | None = None,
) -> VersionSettings:
    """The version with its weights, trained now; training that was killed goes on. Of a student that was trained
    elsewhere, teacher and data are built.

    Args:
        answered: the folder of a student whose teacher's answers are taken, where it has some; None to ask the teacher.

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
        if parts.is_asked and answered is not None:
            take_answers(answered, folder, parts.distilled)
        start = materialize(parts.start_with_layers(), settings.root)
        request = TrainingRequest(
            version=version.name,
            settings=parts.distilled,
            data=parts.answers(folder, start, progress) if parts.is_asked else parts.data,
            start=start,
            teacher=None
            if parts.distilled.method == SEQUENCE
            else materialize(plain_options(parts.teacher.engine_options), settings.root),
            targets=place_of(TARGETS, parts.logits_recipe) if parts.distilled.method == SOFT_TARGETS else None,
            folder=folder,
            threads=free_threads(),
            tokenizer=tokenizer_path(version.engine_options, settings.root),
            teacher_tokenizer=tokenizer_path(parts.teacher.engine_options, settings.root),
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

        path = folder / ANSWERS
        texts = read_texts(self.data)
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
    def teacher_recipe(self) -> Mapping[str, Any]:
        """The recipe of the teacher's logits, of its answers, or of both: whichever it teaches by."""
        if not self.is_asked:
            return self.logits_recipe
        answers = {
            "teacher": load_version(self.teacher, self.settings.root).fingerprint,
            "packages": {name: version_of(name) for name in packages_of(self.distilled)},
        }
        return answers if self.distilled.method == SEQUENCE else {**self.logits_recipe, "answers": answers}

    @property
    def logits_recipe(self) -> Mapping[str, Any]:
        """The recipe of the teacher's logits."""
        packages = {name: version_of(name) for name in packages_of(self.distilled)}
        return {
            "teacher": weights_digest(plain_options(self.teacher.engine_options), self.settings.root),
            "top_k": self.distilled.top_k,
            "temperature": self.distilled.temperature,
            "packages": packages,
        }

    @property
    def recipe(self) -> Mapping[str, Any]:
        """All that decides what is trained."""
        how = {name: value for name, value in asdict(self.distilled).items() if name not in _NOT_TRAINED_BY}
        tokenizer = tokenizer_digest(self.version.engine_options, self.settings.root)
        return {
            **how,
            "teacher": self.teacher_recipe,
            "data": self.data.digest,
            "start": None if self.distilled.layers is not None else weights_digest(self.start, self.settings.root),
            **({} if tokenizer is None else {"tokenizer": tokenizer}),
        }

    @property
    def start(self) -> dict[str, Any]:
        """The options of the weights that the student starts from; of the teacher's where it has fewer layers."""
        if self.distilled.start is not None:
            return {**bare(self.version.engine_options), "weights": self.distilled.start}
        if self.distilled.layers is not None:
            plain = plain_options(self.teacher.engine_options)
            return {name: value for name, value in plain.items() if name != "quantized"}
        check_start(self.version.engine_options)
        # Whichever table asks for it, rounding comes last.
        return {name: value for name, value in self.version.engine_options.items() if name != "quantized"}

    def start_with_layers(self) -> dict[str, Any]:
        """The options of the weights that the student starts from, with the layers that it has."""
        if self.distilled.layers is None:
            return self.start
        source = materialize(self.start, self.settings.root)
        count = layer_count(source)
        kept = kept_layers(count, self.distilled.layers)
        return {"weights": str(source), "drop_layers": [layer for layer in range(count or 0) if layer not in kept]}


def _refuse_circle(settings: Settings, name: str, taught: tuple[str, ...] = ()) -> None:
    """Refuse a teacher that there is not, and versions of which each is taught by the next.

    Args:
        taught: those from which a chain of teachers came to this one.

    Raises:
        UsageError: naming it, or them.
    """
    if name in taught:
        circle = [*taught[taught.index(name) :], name]
        if len(circle) == 2:
            raise UsageError(f"{settings.table(name)} distilled: {name} can't be its own teacher.")
        raise UsageError(
            f"{settings.table(name)} distilled: each of these is taught by the next, so that none can be built first: "
            f"{' -> '.join(circle)}. Give one of them another teacher."
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
            return parts.start_with_layers(), parts.data
        options = {name: value for name, value in before.engine_options.items() if name != "quantized"}
        start = None if str(options["weights"]).startswith(BUILT) else options
        return start, None if distilled.data is None else training_data(settings, distilled.data)


def _with(version: VersionSettings, made: Step, weights: str, step: Step) -> VersionSettings:
    """The version with its weights, and one of its steps as it was made."""
    options = {**bare(version.engine_options), "weights": weights}
    if "quantized" in version.engine_options:
        options["quantized"] = version.engine_options["quantized"]
    return with_step(replace(version, engine_options=options), step, made)


def _trained(version: VersionSettings, step: Step, made: MadeFolder) -> VersionSettings | None:
    """The version with what was trained: the folder of its weights, or their content; None where neither is known."""
    if made.is_here:
        known_builds().note(WEIGHTS, made.content, folder_content(made.path))
        weights = str(made.path)
    elif (content := known_builds().content(WEIGHTS, made.content)) is not None:
        weights = f"{KNOWN}{content}"
    else:
        return None
    return _with(version, replace(step, folder=str(made.path), content=made.content), weights, step)
