"""The step `synthesise`: documents that a version of the settings wrote join those that there are."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.config import Settings, setting_checks
from harness.config.files import json_lines, note_id
from harness.config.versions import check_sampling
from harness.errors import CorpusError, SettingsError
from harness.models.engine_creation import check_version
from harness.models.files.content_hash import file_hash
from harness.models.version import Version, is_built, load_version
from harness.records import Sample
from harness.records.keys import KeyedQuestion, request_text
from harness.stages.building import found
from harness.stages.data.steps.duplicates import run_stage
from harness.stages.data.steps.step import (
    INSTALL,
    ShardedCorpus,
    StepContext,
    StepOption,
    StepSpec,
    place_of,
    shard_of,
)
from harness.stages.teacher_draws import FailedDraws, TeacherDraw, teacher_draws

if TYPE_CHECKING:
    from datatrove.data import Document

NO_ANSWER = "no_answer"
"""The reason of a document's removal that the teacher was asked for and did not write: an empty answer, a tool call."""

_AT_A_TIME = 1000
"""Prompts whose answers are waited for together."""


@dataclass(frozen=True, slots=True)
class SyntheticPrompt:
    """A prompt for the teacher."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class SyntheticDocuments:
    """Asks a version for documents, and puts them among those that there are.

    Each sample of a prompt is a document, `synthesise/PROMPT/NUMBER`. The answers lie in memory until all are there.

    Attributes:
        teacher: the version that is asked.
        prompts: a file of JSON lines, each with an `id` and a `prompt`.
        samples: documents for each prompt.
        sampling: laid over the version's own.
    """

    teacher: str
    prompts: str
    samples: int
    sampling: Mapping[str, Any]

    def apply(self, shards: ShardedCorpus, context: StepContext) -> None:
        """Write all documents, and the teacher's among them."""
        from datatrove.data import Document

        prompts = read_prompts(context.settings.root / self.prompts)
        placed: list[list[Document]] = [[] for _ in range(shards.n_shards)]
        for prompt, number, sample in asyncio.run(self._drawn(prompts, context.settings)):
            name = f"synthesise/{prompt.id}/{number}"
            shard = shard_of(name, shards.n_shards)
            if sample.lack is not None or not sample.text.strip():
                context.record(shard, name, NO_ANSWER, None)
                continue
            metadata = {"teacher": self.teacher, "prompt": prompt.text, "finish_reason": sample.finish_reason}
            placed[shard].append(Document(text=sample.text, id=name, metadata=metadata))
        answers = ShardedCorpus(context.work / "answers", shards.n_shards)
        for shard, documents in enumerate(placed):
            answers.write(shard, sorted(documents, key=_place))
        run_stage(context, [_Joining(shards, answers, context.out)], shards.n_shards, "joining")

    async def _drawn(
        self, prompts: Sequence[SyntheticPrompt], settings: Settings
    ) -> list[tuple[SyntheticPrompt, int, Sample]]:
        """All samples of all prompts, from the store or the teacher."""
        version = _load_teacher(self.teacher, settings)
        asked = Counter[bytes]()
        drawn: list[tuple[SyntheticPrompt, int, Sample]] = []
        left = iter(prompts)
        failed = FailedDraws(f"synthesise: {self.teacher}", len(prompts), CorpusError)
        async with teacher_draws(settings, version, failed) as draw:
            while batch := list(islice(left, _AT_A_TIME)):
                draws = [each for prompt in batch for each in self._draws(prompt, version, asked, draw)]
                drawn += filter(None, await asyncio.gather(*draws))
        return drawn

    def _draws(
        self, prompt: SyntheticPrompt, teacher: Version, asked: Counter[bytes], draw: TeacherDraw
    ) -> Iterator[Any]:
        """The draws of one prompt, to be awaited; of equal prompts each has its own."""
        request = teacher.chat(prompt.text, sampling=self.sampling)
        text = request_text(teacher.fingerprint, request)
        question = KeyedQuestion(text, asked[text])
        asked[text] += 1

        async def drawn(number: int) -> tuple[SyntheticPrompt, int, Sample] | None:
            sample = await draw(prompt.id, request, question, number)
            return None if sample is None else (prompt, number, sample)

        return map(drawn, range(self.samples))


@dataclass(frozen=True, slots=True)
class _Joining:
    """Writes the documents of a file and the teacher's that belong there, in their order."""

    shards: ShardedCorpus
    answers: ShardedCorpus
    out: ShardedCorpus

    def __call__(self, _data: object, rank: int, _world_size: int) -> None:
        self.out.write(rank, self._joined(rank))

    def _joined(self, shard: int) -> Iterator[Document]:
        before = None
        for document in heapq.merge(self.shards.read(shard), self.answers.read(shard), key=_place):
            if document.id == before:
                raise CorpusError(
                    f"synthesise: there is a document {document.id!r} already. Give another id to the prompt or to it."
                )
            before = document.id
            yield document


def _place(document: Document) -> str:
    return place_of(document.id)


def read_prompts(path: Path) -> list[SyntheticPrompt]:
    """The prompts of a file of JSON lines.

    Raises:
        CorpusError: there is no such file, no prompt in it, a line without `id` or `prompt`, or an id twice.
    """
    places: dict[str, str] = {}
    prompts = []
    for where, row in json_lines(path, CorpusError, _HINT):
        for key in ("id", "prompt"):
            value = row.get(key)
            if not isinstance(value, str) or not value.strip():
                raise CorpusError(f"{where}: {key} = {value!r} is no text. {_HINT}")
        note_id(row["id"], where, places, CorpusError)
        prompts.append(SyntheticPrompt(row["id"], row["prompt"]))
    if not prompts:
        raise CorpusError(f"{path} holds no prompts. {_HINT}")
    return prompts


_HINT = 'For synthesise, write a line for each prompt, such as {"id": "river", "prompt": "Write a page about a river."}'


def _load_teacher(name: str, settings: Settings) -> Version:
    """The version that is asked.

    Raises:
        UsageError: there is none of this name, it is a corpus, is not built yet, or could not answer.
    """
    if name in settings.corpora:
        raise SettingsError(f"synthesise: teacher = {name!r} names a corpus, which answers nothing; name a model.")
    _check_circle(name, settings)
    version = found(settings, name)
    if not is_built(version):
        raise SettingsError(f"synthesise: teacher = {name!r} is not built here: `steelyard build {name}` does that.")
    check_version(version, settings.root)
    if settings.max_cost is not None and version.price is None:
        raise SettingsError(
            f"synthesise: teacher = {name!r} has no price, and max_cost = {settings.max_cost:g} bounds what may be "
            f"spent. Write price in {settings.table(name)}, or leave max_cost out."
        )
    return load_version(version, settings.root)


def _check_circle(name: str, settings: Settings) -> None:
    """Refuse a teacher that is trained on what it is to write, by itself or by a teacher of its own."""
    waiting, seen = [name], set[str]()
    while waiting:
        version = waiting.pop()
        if version in seen or version not in settings.versions:
            continue
        seen.add(version)
        for made in (step.settings for step in settings.version(version).steps):
            corpus = settings.corpora.get(getattr(made, "data", ""))
            writer = None if corpus is None else corpus.tables.get("synthesise", {}).get("teacher")
            if corpus is not None and writer == name:
                raise SettingsError(
                    f"synthesise: teacher = {name!r} is trained on the corpus {corpus.name!r}, which it is to write; "
                    "name another version."
                )
            waiting += [each for each in (getattr(made, "teacher", None), writer) if each]


def _identity(options: Mapping[str, Any], settings: Settings) -> Mapping[str, Any]:
    """Return the digest of the prompts, and the teacher's fingerprint."""
    step = _make(options)
    path = settings.root / step.prompts
    read_prompts(path)
    return {"prompts": file_hash(path), "teacher": _load_teacher(step.teacher, settings).fingerprint}


def _make(options: Mapping[str, Any]) -> SyntheticDocuments:
    for name in ("teacher", "prompts"):
        if not options[name]:
            raise SettingsError(
                f"The step 'synthesise' needs {name}: write synthesise = {{ teacher = \"VERSION\", prompts = "
                '"prompts.jsonl" }, where each line of the file has an id and a prompt.'
            )
    return SyntheticDocuments(**options)


def _check_sampling(value: Any, _name: str, *, where: str) -> dict[str, Any]:
    return check_sampling(value, where=where)


SYNTHESISE = StepSpec(
    name="synthesise",
    options={
        "teacher": StepOption("", setting_checks.text, "The version that writes the documents."),
        "prompts": StepOption("", setting_checks.path, "A .jsonl file with an id and a prompt in each line."),
        "samples": StepOption(1, setting_checks.integer, "Documents for each prompt."),
        "sampling": StepOption({}, _check_sampling, "Sampling parameters, laid over the teacher's own."),
    },
    make=_make,
    packages=("datatrove",),
    summary="adds documents that a version writes",
    identity=_identity,
    install=INSTALL,
)
"""The step `synthesise`."""
