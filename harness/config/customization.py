"""The tables of a version that say how it was made of its base: distilled, adapted, with passages, within a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from harness.config import setting_checks
from harness.config.artifacts import Artifact
from harness.errors import SettingsError

METHODS = SOFT_TARGETS, SEQUENCE = ("soft_targets", "sequence")
PRECISIONS = ("float32", "bfloat16")
KEPT = ("ends", "start", "end")
PASSAGES_PROMPT = "Answer with the help of these passages.\n\n{passages}\n\nQuestion: {prompt}"


@dataclass(frozen=True, slots=True)
class DistilledSettings:
    """The settings by which a student is made from a teacher, or the weights of one that was trained elsewhere.

    Attributes:
        teacher: the version that teaches.
        data: the corpus, or the file of prompts, that it teaches on; None where that is not known, of a student that
            was trained elsewhere.
        weights: of a student that was trained elsewhere, as a version's `weights`; None where it is trained here.
        layers: of the student, where it is the teacher with fewer of them; None where it has weights of its own.
        start: the weights that the student starts from, as a version's `weights`. None where it starts from the teacher
            with fewer `layers`, or, without these, from what the version is without this step.
        method: "soft_targets" or "sequence".
        temperature: of both distributions for soft targets; of the teacher's draws for `sequence`, None for its own.
        hard_weight: the share of the loss on the text itself, in [0, 1], for soft targets. With 0 the teacher answers
            where no prompt has an answer.
        top_k: how many of the teacher's logits are kept at each place; all, of a smaller vocabulary.
        shuffled: whether what the teacher says is dealt to other places, and its answers to other prompts: a control,
            from which nothing is to be learned but what tokens there are.
        steps: of the optimiser.
        batch: sequences in a step.
        length: tokens in a sequence at most.
        learning_rate: at its peak.
        precision: of the numbers that are multiplied; weights and sums are kept in 32 bits either way.
        seed: of order and initialisation.
    """

    teacher: str
    data: str | None = None
    weights: str | None = None
    layers: int | None = None
    start: str | None = None
    method: str = "soft_targets"
    temperature: float | None = 2.0
    hard_weight: float = 0.1
    top_k: int = 64
    shuffled: bool = False
    steps: int = 400
    batch: int = 8
    length: int = 128
    learning_rate: float = 1e-4
    precision: str = "float32"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """The settings by which an adapter is trained, or the folder of a ready one.

    Attributes:
        folder: of a ready adapter, as peft saves it; None where one is trained.
        data: the corpus, or the file of texts or answers, that it is trained on; None for a ready one.
        rank: of its matrices.
        alpha: its scale is alpha / rank; twice the rank where it is left out.
        modules: the layers that are adapted, by the ends of their names.
        dropout: in training, in [0, 1).
        steps, batch, length, learning_rate, precision, seed: as of `DistilledSettings`.
        merge: whether the weights are served with the adapter added into them.
    """

    folder: str | None = None
    data: str | None = None
    rank: int = 8
    alpha: float | None = None
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    dropout: float = 0.0
    steps: int = 200
    batch: int = 8
    length: int = 256
    learning_rate: float = 2e-4
    precision: str = "float32"
    seed: int = 0
    merge: bool = False


@dataclass(frozen=True, slots=True)
class RetrievalSettings:
    """The settings by which a version is given passages with each question.

    Attributes:
        passages: the file of passages: those that `bm25` finds, or what `call` searches, if it is a file.
        call: the function of the project that finds, as "module:function"; None for `bm25`.
        files: what the function reads beside its package, such as an index that git ignores.
        k: how many passages a question gets.
        prompt: how passages and question become the user's message; holds `{passages}` and `{prompt}`.
    """

    passages: str | None = None
    call: str | None = None
    files: tuple[str, ...] = ()
    k: int = 3
    prompt: str = PASSAGES_PROMPT


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """The greatest length of a request's context, and what is kept of a longer one.

    Attributes:
        tokens: of the passages, where the version has a retriever, else of the last message of the user.
        keep: what of it is kept where it is longer: both "ends", its "start" or its "end".
    """

    tokens: int
    keep: str = "ends"


Customization = DistilledSettings | AdapterSettings | RetrievalSettings | ContextSettings


@dataclass(frozen=True, slots=True)
class Step:
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


def _positive(value: Any, name: str, *, where: str) -> float:
    if setting_checks.number(value, name, where=where, low=0) == 0:
        raise SettingsError(f"{where}: {name} = {value!r} is not above 0.")
    return float(value)


def _passages_prompt(value: Any, name: str, *, where: str) -> str:
    text = setting_checks.text(value, name, where=where)
    for part in ("{passages}", "{prompt}"):
        if part not in text:
            raise SettingsError(f"{where}: {name} = {text!r} does not hold {part}.")
        if f"{{{part}}}" in text:
            raise SettingsError(
                f"{where}: {name} = {text!r} would put braces around what {part} stands for. Write {part}."
            )
    return text


def _method(value: Any, name: str, *, where: str) -> str:
    try:
        return setting_checks.one_of(value, name, METHODS, where=where)
    except SettingsError as error:
        raise SettingsError(f'{error} A student of another method is trained elsewhere: weights = "folder".') from None


_TRAINING: dict[str, Any] = {
    "steps": setting_checks.integer,
    "batch": setting_checks.integer,
    "length": setting_checks.integer,
    "learning_rate": _positive,
    "precision": partial(setting_checks.one_of, known=PRECISIONS),
    "seed": partial(setting_checks.integer, low=0, high=(1 << 63) - 1),
}
_DISTILLED: dict[str, Any] = {
    "teacher": setting_checks.text,
    "data": setting_checks.path,
    "method": _method,
    "temperature": _positive,
    "hard_weight": partial(setting_checks.number, low=0, high=1),
    "top_k": setting_checks.integer,
    "shuffled": setting_checks.boolean,
    **_TRAINING,
}
_OF_SOFT_TARGETS = ("hard_weight", "top_k")
_READY_STUDENT: dict[str, Any] = {
    "teacher": setting_checks.text,
    "weights": setting_checks.text,
    "data": setting_checks.path,
}
_ADAPTER: dict[str, Any] = {
    "data": setting_checks.path,
    "rank": setting_checks.integer,
    "alpha": _positive,
    "modules": setting_checks.names,
    "dropout": partial(setting_checks.number, low=0, high=1, below=True),
    "merge": setting_checks.boolean,
    **_TRAINING,
}
_READY_ADAPTER: dict[str, Any] = {"folder": setting_checks.path, "merge": setting_checks.boolean}
_RETRIEVAL: dict[str, Any] = {
    "passages": setting_checks.path,
    "call": setting_checks.function,
    "files": setting_checks.names,
    "k": setting_checks.integer,
    "prompt": _passages_prompt,
}
_CONTEXT: dict[str, Any] = {
    "tokens": setting_checks.integer,
    "keep": partial(setting_checks.one_of, known=KEPT),
}


def read_step(kind: str, value: Any, *, version: str, where: str) -> Step:
    """One step of a version, checked: what its table has under one of `STEP_KINDS`."""
    return Step(kind, version, _READERS[kind](value, f"{where}, {kind}"))


def _checked(value: Any, checks: Mapping[str, Any], needed: tuple[str, ...], where: str) -> dict[str, Any]:
    table = setting_checks.table(value, where.rpartition(", ")[2], where=where.rpartition(", ")[0])
    setting_checks.refuse_unknown(table, checks, where=where)
    lacking = [name for name in needed if name not in table]
    if lacking:
        raise SettingsError(f"{where} needs {' and '.join(lacking)}; no table takes over keys of its base's.")
    return {name: checks[name](each, name, where=where) for name, each in table.items()}


def _read_distilled(value: Any, where: str) -> DistilledSettings:
    table = dict(setting_checks.table(value, "distilled", where=where.rpartition(", ")[0]))
    setting_checks.refuse_unknown(table, ("weights", "student", *_DISTILLED), where=where)
    if "weights" in table:
        beside = [name for name in ("student", *_DISTILLED) if name in table and name not in _READY_STUDENT]
        if beside:
            raise SettingsError(
                f"{where}: weights is a student that was trained elsewhere, and {beside[0]} is of one that is trained "
                "here. Leave one of them out; what training starts from is student = { weights = … }."
            )
        return DistilledSettings(**_checked(table, _READY_STUDENT, ("teacher",), where))
    student = {} if "student" not in table else _read_student(table.pop("student"), f"{where}, student")
    read = _checked(table, _DISTILLED, ("teacher", "data"), where)
    method = read.get("method", METHODS[0])
    if method != METHODS[0]:
        unused = [name for name in _OF_SOFT_TARGETS if name in read]
        if unused:
            raise SettingsError(
                f"{where}: {unused[0]} is of method = {METHODS[0]!r} alone, and this is {method!r}; leave it out."
            )
        read.setdefault("temperature", None)
    return DistilledSettings(**read, **student)


def _read_student(value: Any, where: str) -> dict[str, Any]:
    if isinstance(value, str):
        value = {"weights": value}
    read = _checked(value, {"layers": setting_checks.integer, "weights": setting_checks.text}, (), where)
    if len(read) != 1:
        raise SettingsError(
            f"{where} = {dict(value)!r}: give one of layers, of the teacher's, and weights; without `student` the "
            "version starts from what its base is."
        )
    return {"start" if name == "weights" else name: each for name, each in read.items()}


def _read_adapter(value: Any, where: str) -> AdapterSettings:
    if isinstance(value, str):
        return AdapterSettings(folder=setting_checks.path(value, "adapter", where=where))
    if not isinstance(value, Mapping):
        raise SettingsError(f'{where} = {value!r}: give a folder, or {{ data = "train.jsonl", rank = 8 }}.')
    if "folder" in value:
        beside = [name for name in _ADAPTER if name in value and name not in _READY_ADAPTER]
        if beside:
            raise SettingsError(
                f"{where}: folder is a ready adapter, and {beside[0]} is of one that is trained. Leave one of them out."
            )
        return AdapterSettings(**_checked(value, _READY_ADAPTER, (), where))
    if "data" not in value:
        setting_checks.refuse_unknown(value, (*_ADAPTER, "folder"), where=where)
        raise SettingsError(f"{where} needs data, to train it, or the folder of a ready one.")
    return AdapterSettings(**_checked(value, _ADAPTER, (), where))


def _read_retrieval(value: Any, where: str) -> RetrievalSettings:
    is_called = isinstance(value, Mapping) and "call" in value
    read = _checked(value, _RETRIEVAL, () if is_called else ("passages",), where)
    if "files" in read and not is_called:
        raise SettingsError(f"{where}: files are what a function reads; give its call, or leave them out.")
    return RetrievalSettings(**read)


def _read_context(value: Any, where: str) -> ContextSettings:
    return ContextSettings(**_checked(value, _CONTEXT, ("tokens",), where))


_READERS: dict[str, Any] = {
    "distilled": _read_distilled,
    "adapter": _read_adapter,
    "retrieval": _read_retrieval,
    "context": _read_context,
}


def settings_used(settings: Customization) -> dict[str, Any]:
    """The settings that decide what a step makes: without those of other methods, and those that are not set."""
    match settings:
        case DistilledSettings() if settings.weights is not None:
            unused: tuple[str, ...] = tuple(name for name in asdict(settings) if name not in _READY_STUDENT)
        case DistilledSettings() if settings.method != METHODS[0]:
            unused = _OF_SOFT_TARGETS
        case AdapterSettings() if settings.folder is not None:
            unused = tuple(name for name in _ADAPTER if name not in _READY_ADAPTER)
        case _:
            unused = ()
    return {name: value for name, value in asdict(settings).items() if value not in (None, ()) and name not in unused}


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


STEP_KINDS = tuple(_READERS)
"""The keys of a version's table that are steps."""
