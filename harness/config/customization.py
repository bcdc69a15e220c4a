"""The tables of a version that say how it was made of its base: distilled, adapted, with passages, within a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar

from harness.config.artifacts import Artifact
from harness.config.typed import (
    Between,
    Checked,
    Count,
    FunctionName,
    Names,
    OneOf,
    PathText,
    Positive,
    Seed,
    Share,
    Table,
    Text,
    WrongTableError,
    WrongValueError,
    names_of,
    read,
)

METHODS = SOFT_TARGETS, SEQUENCE = ("soft_targets", "sequence")
PASSAGES_PROMPT = "Answer with the help of these passages.\n\n{passages}\n\nQuestion: {prompt}"
_OF_SOFT_TARGETS = ("hard_weight", "top_k")
_READY_STUDENT = ("teacher", "weights", "data")
_READY_ADAPTER = ("folder", "merge")
_ELSEWHERE = ' A student of another method is trained elsewhere: weights = "folder".'


def _passages_prompt(text: str) -> str:
    for part in ("{passages}", "{prompt}"):
        if part not in text:
            raise WrongValueError(f"does not hold {part}.")
        if f"{{{part}}}" in text:
            raise WrongValueError(f"would put braces around what {part} stands for. Write {part}.")
    return text


Precision = Annotated[str, OneOf(("float32", "bfloat16"))]


class _StepTable(Table):
    hint: ClassVar[str] = "; no table takes over keys of its base's"


@dataclass(frozen=True)
class Student(Table):
    """What a student starts from: the teacher with fewer layers, or weights of its own."""

    short: ClassVar[str] = "weights"
    layers: Count | None = None
    weights: Text | None = None

    @classmethod
    def written(cls, table: dict[str, Any]) -> dict[str, Any]:
        """One of the two."""
        if len(table) != 1:
            raise WrongTableError(
                f" = {table!r}: give one of layers, of the teacher's, and weights; without `student` the version "
                "starts from what its base is."
            )
        return table


@dataclass(frozen=True, slots=True)
class DistilledSettings(_StepTable):
    """The settings by which a student is made from a teacher, or the weights of one that was trained elsewhere.

    Attributes:
        data: the corpus, or the file of prompts, that it is taught on; None where that is not known, of a student that
            was trained elsewhere.
        weights: of a student that was trained elsewhere, as a version's `weights`; None where it is trained here.
        layers: of the student, where it is the teacher with fewer of them.
        start: the weights that the student starts from, as a version's `weights`; without these and `layers` it starts
            from what the version is without this step.
        temperature: of both distributions for soft targets; of the teacher's draws for `sequence`, None for its own.
        hard_weight: the share of the loss on the text itself; with 0 the teacher answers where no prompt has an answer.
        top_k: how many of the teacher's logits are kept at each place; all, of a smaller vocabulary.
        shuffled: whether what the teacher says is dealt to other places, and its answers to other prompts: a control,
            from which nothing is to be learned but what tokens there are.
        batch, length: sequences in a step, and tokens in a sequence at most.
        learning_rate: at its peak.
        precision: of the numbers that are multiplied; weights and sums are kept in 32 bits either way.
    """

    teacher: Text
    data: PathText | None = None
    weights: Text | None = None
    layers: Count | None = None
    start: Text | None = None
    method: Annotated[str, OneOf(METHODS, _ELSEWHERE)] = "soft_targets"
    temperature: Positive | None = 2.0
    hard_weight: Share = 0.1
    top_k: Count = 64
    shuffled: bool = False
    steps: Count = 400
    batch: Count = 8
    length: Count = 128
    learning_rate: Positive = 1e-4
    precision: Precision = "float32"
    seed: Seed = 0

    @classmethod
    def keys(cls) -> list[str]:
        """The keys of its table, of which `student` says `layers` or `start`."""
        return ["student", *(name for name in names_of(cls) if name not in ("layers", "start"))]

    @classmethod
    def needed(cls, table: Mapping[str, Any]) -> tuple[str, ...]:
        """The teacher, and for a student that is trained here the data."""
        return ("teacher",) if "weights" in table else ("teacher", "data")

    @classmethod
    def written(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Its fields, of a ready student, of soft targets or of another method."""
        if "weights" in table and (beside := sorted(table.keys() - _READY_STUDENT)):
            raise WrongTableError(
                f": weights is a student that was trained elsewhere, and {beside[0]} is of one that is trained here. "
                "Leave one of them out; what training starts from is student = { weights = … }."
            )
        if (method := table.get("method", SOFT_TARGETS)) != SOFT_TARGETS:
            if unused := [name for name in _OF_SOFT_TARGETS if name in table]:
                raise WrongTableError(
                    f": {unused[0]} is of method = {SOFT_TARGETS!r} alone, and this is {method!r}; leave it out."
                )
            table.setdefault("temperature", None)
        if "student" in table:
            student = read(Student, table.pop("student"), where=", student", error=WrongTableError)
            table |= {"layers": student.layers, "start": student.weights}
        return table


@dataclass(frozen=True, slots=True)
class AdapterSettings(_StepTable):
    """The settings by which an adapter is trained, or the folder of a ready one.

    Attributes:
        folder: of a ready adapter, as peft saves it; None where one is trained.
        data: the corpus, or the file of texts or answers, that it is trained on; None for a ready one.
        alpha: its scale is alpha / rank; twice the rank where it is left out.
        modules: the layers that are adapted, by the ends of their names.
        merge: whether the weights are served with the adapter added into them.
    """

    short: ClassVar[str] = "folder"
    folder: PathText | None = None
    data: PathText | None = None
    rank: Count = 8
    alpha: Positive | None = None
    modules: Names = ("q_proj", "k_proj", "v_proj", "o_proj")
    dropout: Annotated[float, Between(0, 1, below=True)] = 0.0
    steps: Count = 200
    batch: Count = 8
    length: Count = 256
    learning_rate: Positive = 2e-4
    precision: Precision = "float32"
    seed: Seed = 0
    merge: bool = False

    @classmethod
    def written(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Those of a ready adapter, or of one that is trained."""
        if "folder" not in table and "data" not in table:
            raise WrongTableError(" needs data, to train it, or the folder of a ready one.")
        if "folder" in table and (beside := sorted(table.keys() - _READY_ADAPTER)):
            raise WrongTableError(
                f": folder is a ready adapter, and {beside[0]} is of one that is trained. Leave one of them out."
            )
        return table


@dataclass(frozen=True, slots=True)
class RetrievalSettings(_StepTable):
    """The settings by which a version is given passages with each question.

    Attributes:
        passages: the file of passages: those that `bm25` finds, or what `call` searches, if it is a file.
        call: the function of the project that finds, as "module:function"; None for `bm25`.
        files: what the function reads beside its package, such as an index that git ignores.
        k: how many passages a question gets.
        prompt: how passages and question become the user's message; holds `{passages}` and `{prompt}`.
    """

    passages: PathText | None = None
    call: FunctionName | None = None
    files: Names = ()
    k: Count = 3
    prompt: Annotated[Text, Checked(_passages_prompt)] = PASSAGES_PROMPT

    @classmethod
    def needed(cls, table: Mapping[str, Any]) -> tuple[str, ...]:
        """Passages, unless a function finds them."""
        return () if "call" in table else ("passages",)

    @classmethod
    def written(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Files are a function's."""
        if "files" in table and "call" not in table:
            raise WrongTableError(": files are what a function reads; give its call, or leave them out.")
        return table


@dataclass(frozen=True, slots=True)
class ContextSettings(_StepTable):
    """The greatest length of a request's context, and what is kept of a longer one.

    Attributes:
        tokens: of the passages, where the version has a retriever, else of the last message of the user.
        keep: what of it is kept where it is longer: both "ends", its "start" or its "end".
    """

    tokens: Count
    keep: Annotated[str, OneOf(("ends", "start", "end"))] = "ends"


Customization = DistilledSettings | AdapterSettings | RetrievalSettings | ContextSettings
STEPS: Mapping[str, type[Customization]] = {
    "distilled": DistilledSettings,
    "adapter": AdapterSettings,
    "retrieval": RetrievalSettings,
    "context": ContextSettings,
}
"""The keys of a version's table that are steps, each with what it holds."""


@dataclass(frozen=True, slots=True)
class BuildStep:
    """One step that a version is made by.

    Attributes:
        kind: "distilled", "adapter", "retrieval" or "context".
        version: the version whose own table asks for it.
        settings: of the step.
        artifact: what was built for it, or was ready; None where it is not built, or nothing ever is.
    """

    kind: str
    version: str
    settings: Customization
    artifact: Artifact | None = None

    @property
    def is_built(self) -> bool:
        """True where what it needs is there."""
        return self.kind == "context" or self.artifact is not None


def settings_used(settings: Customization) -> dict[str, Any]:
    """The settings that decide what a step makes: without those of other methods, and those that are not set."""
    used = names_of(settings)
    match settings:
        case DistilledSettings() if settings.weights is not None:
            used = [*_READY_STUDENT]
        case DistilledSettings() if settings.method != SOFT_TARGETS:
            used = [name for name in used if name not in _OF_SOFT_TARGETS]
        case AdapterSettings() if settings.folder is not None:
            used = [*_READY_ADAPTER]
    return {name: value for name, value in asdict(settings).items() if name in used and value not in (None, ())}


def packages_of(settings: Customization) -> tuple[str, ...]:
    """The names of the packages that decide, beside the settings, what a step makes."""
    match settings:
        case DistilledSettings() if settings.weights is None:
            return ("torch", "transformers")
        case AdapterSettings() if settings.folder is None or settings.merge:
            return ("torch", "transformers", "peft")
        case RetrievalSettings() if settings.call is None:
            return ("bm25s", "pystemmer")
        case _:
            return ()
