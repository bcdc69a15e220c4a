"""The fixture `distillation`: a student beside its teacher, and beside what it was before it learned."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.customization import SEQUENCE, SOFT_TARGETS, BuildStep, DistilledSettings
from harness.errors import NotInLineageError, SettingsError, UsageError, choices
from harness.models.description.description import describe_weights
from harness.models.files.content_hash import file_hash
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.models.version import Version
from harness.requests.bridge import settle
from harness.stages.build_state import NOTE, BuildProgress, BuildState
from harness.stages.building import built
from harness.stages.case_files import CaseSource
from harness.stages.data.overlap.contamination import CaseSearches, Contamination
from harness.stages.data.overlap.words import words_of
from harness.stages.distillation.answers import ANSWERS
from harness.stages.distillation.student_recipe import build_version, find_version, sources_of
from harness.stages.foundation.reference import Reference, TextDivergence, reference_options
from harness.stages.lineage import StageContext
from harness.stages.training.sequences import other_tokens, template_of
from harness.stages.training.texts import Lesson, TrainingData, read_texts, training_data

CONTROLS = ("hard_labels", "shuffled")
_RUN = 4


class Distillation:
    """A student, its teacher, and what the student was before: their weights, in 32 bits.

    In a `def` body what is compared is given directly.

    Attributes:
        version: the student's name.
        teacher: the teacher's.
        method: "soft_targets" or "sequence"; None where it was trained elsewhere.
    """

    def __init__(self, version: VersionSettings, step: BuildStep, context: StageContext) -> None:
        distilled = cast("DistilledSettings", step.settings)
        self.version = version.name
        self.teacher = distilled.teacher
        self.method = distilled.method if distilled.weights is None else None
        self._settings, self._step, self._context = version, step, context
        self._root = context.settings.root
        teacher = built(context.settings, self.teacher, offline=context.is_offline).engine_options
        if "weights" not in teacher:
            raise NotInLineageError(self.version, "distillation", "a teacher with weights")
        start, self._data = sources_of(context.settings, version, step)
        tokenizer = {name: value for name, value in version.engine_options.items() if name == "tokenizer"}
        self._options = {"student": {**tokenizer, "weights": step.artifact}, "teacher": teacher}
        if start is not None:
            self._options["start"] = {**tokenizer, **start}
        self._finding = asyncio.Lock()
        self._searches = CaseSearches(self._root, lambda: ((each.id, each.text) for each in self.lessons))
        self._reference = Reference(self.teacher, reference_options(teacher), str(self._root))
        self.close = self._reference.close

    def compare(self, text: str) -> Coroutine[Any, Any, TextDivergence]:
        """Measure the student's divergence from its teacher at each place of a text, on whole distributions."""
        return self._comparison("student", text)

    def compare_start(self, text: str) -> Coroutine[Any, Any, TextDivergence]:
        """The same of what the student was before it learned; NotInLineageError where that is not known."""
        return self._comparison("start", text)

    def compare_control(self, control: str, text: str) -> Coroutine[Any, Any, TextDivergence]:
        """The same of a control, which saw the same texts or prompts and could not learn from the teacher.

        It is made by the student's recipe with one change, and trained when it is first asked for, as long as the
        student was; later runs find it again.

        Args:
            control: "hard_labels" (the texts and answers of the data alone) or "shuffled" (what the teacher says, at
                other places; its answers, to other prompts).

        Raises:
            NotInLineageError: it was trained elsewhere, or, of hard labels, prompts of its data have no answer.
        """
        if control not in CONTROLS:
            raise UsageError(choices("control", control, CONTROLS))
        return self._comparison(control, text)

    def _comparison(self, who: str, text: str) -> Coroutine[Any, Any, TextDivergence]:
        result: Coroutine[Any, Any, TextDivergence] = settle(self._compared(who, text))
        return result

    async def _compared(self, who: str, text: str) -> TextDivergence:
        if who in CONTROLS:
            async with self._finding:
                if who not in self._options:
                    weights = await asyncio.to_thread(self._control, who)
                    self._options[who] = {**self._options["student"], **weights}
        if who not in self._options:
            raise NotInLineageError(self.version, "weights that it started from", "a base with weights")
        return await asyncio.to_thread(self._reference.compare_weights, self._options[who], text)

    def _control(self, control: str) -> dict[str, Any]:
        def progress(state: BuildState) -> None:
            total = f" of {state.total:,}" if state.total else ""
            if state.phase != NOTE:
                self._context.progress(f"{state.version}: {state.phase} {state.done:,}{total}")

        allowed = None if self._context.is_offline else progress
        try:
            return control_weights(self._context.settings, self._settings, self._step, control, allowed)
        finally:
            self._context.progress("")

    @functools.cached_property
    def other_tokens(self) -> tuple[str, ...]:
        """The tokens that mean something else to the student, in words; () where the vocabularies are the same."""
        return tuple(other_tokens(*self._tokenizers))

    @functools.cached_property
    def same_template(self) -> bool:
        """True if both have the same chat template, to the letter, and the same special tokens that it names."""
        theirs, ours = map(template_of, self._tokenizers)
        return theirs == ours

    @functools.cached_property
    def _tokenizers(self) -> tuple[VersionTokenizer, VersionTokenizer]:
        theirs, ours = (load_tokenizer(self._options[who], self._root) for who in ("teacher", "student"))
        return theirs, ours

    @functools.cached_property
    def ratios(self) -> Mapping[str, float]:
        """The student's share of the teacher's `parameters`, and of the `flops` that a token takes."""
        student, teacher = (describe_weights(self._options[who], self._root) for who in ("student", "teacher"))
        ratios = {"parameters": student.n_parameters / teacher.n_parameters}
        if student.flops_per_token is not None and teacher.flops_per_token:
            ratios["flops"] = student.flops_per_token / teacher.flops_per_token
        return ratios

    @functools.cached_property
    def lessons(self) -> tuple[Lesson, ...]:
        """All that the student was taught on: the texts of its data, or the teacher's answers."""
        data = self._answers or self._data
        if data is None:
            raise NotInLineageError(self.version, "lessons", "what it was taught on: distilled = { data = … }")
        return tuple(read_texts(data))

    @property
    def prompts(self) -> tuple[tuple[Mapping[str, Any], ...], ...]:
        """The prompts that its teacher answered, as messages."""
        if self.method != SEQUENCE and self._answers is None:
            raise NotInLineageError(self.version, "prompts that its teacher answers", 'method = "sequence"')
        return tuple(each.prompt for each in self.lessons)

    @property
    def _answers(self) -> TrainingData | None:
        path = Path(self._step.artifact or "") / ANSWERS
        return TrainingData(ANSWERS, path, file_hash(path), is_corpus=False) if path.is_file() else None

    @functools.cached_property
    def quality(self) -> Mapping[str, float | None]:
        """Shares: `valid` (lessons that end, and hold words), `distinct` (no other has their words and prompt), and
        `diversity` (of the answers: runs of four words that no run before equals; None where none has four).
        """
        return quality_of(self.lessons)

    def contamination(self, cases: CaseSource = "evals") -> Contamination:
        """Find the cases of evaluations that the lessons contain, by the ids of the cases; searched once."""
        return self._searches.find(cases)


def quality_of(lessons: Sequence[Lesson]) -> Mapping[str, float | None]:
    """The quality of lessons. Source of their diversity: Li et al. (2016), A Diversity-Promoting Objective Function for
    Neural Conversation Models, distinct-n.
    """
    answers = [[*map(words_of, (*each.earlier, each.answer))] for each in lessons]
    texts = [words for own in answers for words in own]
    runs = [tuple(words[place : place + _RUN]) for words in texts for place in range(len(words) - _RUN + 1)]
    # A limit of tokens ends no answer.
    valid = [each.finish_reason in ("", "stop") and all(own) for each, own in zip(lessons, answers, strict=True)]
    return {
        "valid": sum(valid) / len(lessons),
        "distinct": len({tuple(words_of(each.text)) for each in lessons}) / len(lessons),
        "diversity": len(set(runs)) / len(runs) if runs else None,
    }


def load_distillation(version: Version, context: StageContext) -> Distillation:
    """The distillation that a version came from; NotInLineageError where it was distilled from nothing."""
    step = next((each for each in reversed(version.settings.steps) if each.kind == "distilled"), None)
    if step is None:
        table = context.settings.table(version.name)
        raise NotInLineageError(version.name, "distillation", f"one: distilled = {{ teacher = … }} in {table}")
    if step.artifact is None:
        raise SettingsError(f"{version.name} is not built here: `steelyard build {version.name}` does that.")
    return Distillation(version.settings, step, context)


def control_weights(
    settings: Settings, version: VersionSettings, step: BuildStep, control: str, progress: BuildProgress | None
) -> dict[str, Any]:
    """The options of the weights of a control, one of `CONTROLS`: made by the step of its student with one change, now
    if it never was; without `progress` nothing is trained.
    """
    distilled = cast("DistilledSettings", step.settings)
    if distilled.weights is not None:
        raise NotInLineageError(version.name, f"control {control!r}, because it was trained elsewhere")
    changed = replace(distilled, shuffled=True)
    if control == "hard_labels":
        changed = replace(distilled, method=SOFT_TARGETS, hard_weight=1.0)
        data = str(distilled.data)
        is_taught = data in settings.corpora or all(
            text.answer.strip() for text in read_texts(training_data(settings, data))
        )
        if not is_taught:
            what = f"control {control!r}, because prompts of its data have no answer"
            raise NotInLineageError(version.name, what, 'an "answer" on each line')
    other = replace(step, settings=changed, artifact=None)
    own = replace(built(settings, version.name, offline=True, before=step), name=f"{version.name}, {control}")
    artifact = find_version(settings, own, other)
    if artifact is None:
        if progress is None:
            message = f"The control {control!r} of {version.name} is not trained here"
            raise SettingsError(f"{message}, and --offline trains nothing. A run without it does.")
        artifact = build_version(settings, own, other, progress)
    return {"weights": artifact.engine_options["weights"]}
