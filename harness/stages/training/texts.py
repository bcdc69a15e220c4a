"""Texts that a model is trained on: the documents of a corpus, or a file of prompts and answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from harness.config import Settings
from harness.config.files import json_lines
from harness.errors import UsageError
from harness.models.files.content_hash import file_hash
from harness.models.version import check_messages, is_built
from harness.records import Messages
from harness.stages.build_state import BuildProgress, unseen
from harness.stages.building import built, version_named


@dataclass(frozen=True, slots=True)
class Lesson:
    """A text that a model is taught on.

    Attributes:
        id: of the document or the line; the line's number where it states none.
        answer: to the prompt; "" where somebody else gives it. Of a document all of it.
        prompt: the messages that it answers, and that carry no loss; () for a document.
        learns_all: whether the answers among these messages are learned, too.
        line: of which file it is, in words; "" for a document of a corpus.
        states_id: whether the line states its id.
        finish_reason: of a teacher's answer; "" for any other.
    """

    id: str
    answer: str
    prompt: Messages = ()
    learns_all: bool = False
    line: str = field(default="", compare=False)
    states_id: bool = field(default=True, compare=False)
    finish_reason: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """Its line, or its id, for messages."""
        return self.line or f"The text {self.id!r}"

    @property
    def turns(self) -> list[int]:
        """The places of the answers in the prompt that are learned, too; what opens a chat answers nothing."""
        turns = range(1, len(self.prompt)) if self.learns_all else ()
        return [each for each in turns if self.prompt[each].get("role") == "assistant"]

    @property
    def earlier(self) -> tuple[str, ...]:
        """The answers in the prompt that are learned, too."""
        return tuple(str(self.prompt[place]["content"]) for place in self.turns)

    @property
    def text(self) -> str:
        """All of it: what was asked, and the answer."""
        return "\n".join([*(str(message.get("content", "")) for message in self.prompt), self.answer])


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The folder of a corpus that was built, or the file, that texts come from; `name` as the settings have it."""

    name: str
    path: Path
    digest: str
    is_corpus: bool


def training_data(settings: Settings, name: str, progress: BuildProgress = unseen) -> TrainingData:
    """Find the corpus or file that the setting `data` names; a corpus is built first."""
    if name in settings.corpora:
        made = built(settings, name, progress=progress).artifact
        assert made is not None
        return TrainingData(name, made.path, made.digest, is_corpus=True)
    path = settings.root / name
    if not path.is_file():
        corpora = ", ".join(settings.corpora) or "none"
        why = f"{path} is a folder" if path.is_dir() else f"there is no {path}"
        raise UsageError(
            f"data = {name!r} is neither a corpus (there are: {corpora}) nor a file: {why}. A file has a line for each "
            'text: {"prompt": "…", "answer": "…"}.'
        )
    return TrainingData(name, path, file_hash(path), is_corpus=False)


def is_here(settings: Settings, name: str) -> bool:
    """Tell whether what `data` names can be read now: a file, or a corpus that is built."""
    return name not in settings.corpora or is_built(version_named(settings, name))


def known_texts(settings: Settings, name: str) -> list[Lesson]:
    """The texts of the file that `data` names; none of a corpus that can be built, which is read when it is."""
    if name in settings.corpora:
        version_named(settings, name)
        return []
    return list(read_texts(training_data(settings, name)))


def read_texts(data: TrainingData) -> Iterator[Lesson]:
    """The texts, in the order of the data. Raises UsageError: a line that is none, no line, a file that was changed."""
    text = None
    for text in _of_corpus(data) if data.is_corpus else _of_file(data):
        yield text
    if text is None:
        raise UsageError(f"data = {data.name!r} holds no text, so there is nothing to learn from.")


def _of_corpus(data: TrainingData) -> Iterator[Lesson]:
    from harness.stages.data.corpus import open_corpus

    for document in open_corpus(data.path, data.name).documents():
        yield Lesson(document.id, document.text)


def _of_file(data: TrainingData) -> Iterator[Lesson]:
    lines = [*json_lines(data.path, UsageError, 'Write {"prompt": "…", "answer": "…"} in each line.')]
    if file_hash(data.path) != data.digest:  # what is built is kept under what the file was
        raise UsageError(f"{data.path} was changed while something was built of it; build it again.")
    for where, values in lines:
        yield _of_line(values, where)


def _of_line(values: Mapping[str, Any], where: str) -> Lesson:
    text, prompt, messages, answer = (values.get(each) for each in ("text", "prompt", "messages", "answer"))
    name = str(values.get("id", where.rpartition(" ")[2]))
    if isinstance(text, str) and text.strip() and not values.keys() & {"prompt", "answer"}:
        return Lesson(name, text, line=where, states_id="id" in values)
    learns_all = False
    if prompt is None and _are_messages(messages) and messages[-1].get("role") == "assistant":
        prompt, answer, learns_all = messages[:-1], messages[-1].get("content"), True
    elif isinstance(prompt, str) and prompt.strip():
        prompt = [{"role": "user", "content": prompt}]
    if not _are_messages(prompt):
        raise UsageError(
            f'{where} has no prompt; write {{"prompt": "…", "answer": "…"}}, the prompt a text or a list of messages, '
            '{"messages": […]}, the last one of the assistant, or {"text": "…"}.'
        )
    if not isinstance(answer, str) and (learns_all or "answer" in values):
        raise UsageError(f"{where}: the answer is {answer!r}, and only a text can be learned.")
    try:
        prompt = check_messages(prompt)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    reason = str(values.get("finish_reason") or "")
    return Lesson(name, answer or "", prompt, learns_all, where, "id" in values, finish_reason=reason)


def _are_messages(value: Any) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)
