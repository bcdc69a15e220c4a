"""Steps of a recipe: their declaration, and their two shapes: over a document, or over a corpus.

A document is datatrove's own (`datatrove.data.Document`): `text`, `id` and `metadata`, which holds its address as `url`
and, while its text is a page of HTML, `is_html`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from harness.config import Settings
from harness.config.environment import version_of
from harness.config.files import replacing
from harness.config.typed import Checked, Names, Table, WrongValueError, read
from harness.errors import SettingsError, install, nearest

if TYPE_CHECKING:
    from datatrove.data import Document

URL = "url"
IS_HTML = "is_html"
EMPTY = "empty"
"""The reason of a document's removal that has no text, whichever step that reads it finds it so."""
INSTALL = install("data")


class DocumentStep(Protocol):
    """Looks at one document at a time, in the worker process that makes it.

    What becomes of a document depends on the document and the step's options alone.
    """

    def __call__(self, document: Document) -> str | None:
        """None keeps the document, whose text and metadata it may have changed in place; a text is the reason why it
        is removed."""


class CorpusStep(Protocol):
    """Looks at all documents at once, as whoever seeks duplicates must."""

    def apply(self, shards: ShardedCorpus, context: StepContext) -> None:
        """Call `context.record` for each document that is removed; the others stay as they are."""


def place_of(document_id: str) -> str:
    """Return a document's place in the one order of all, from its id alone: places compare as texts.

    Nobody chose this order, so which of two duplicates comes first says nothing of where they came from.
    """
    return hashlib.blake2b(document_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest() + document_id


def shard_of(document_id: str, n_shards: int) -> int:
    """Return the number of a document's shard: each holds a stretch of the one order."""
    return int(place_of(document_id)[:16], 16) * n_shards >> 64


Row = Mapping[str, Any]
"""A document as a line of JSON: `id`, `text` and `metadata`, or, once it is removed, `id` and `removed`: the step, the
reason, and the id of the document that stays instead, or None."""


def packed(row: Row) -> bytes:
    """A row as a line of JSON; what JSON can't hold as a text."""
    import orjson

    return orjson.dumps(row, default=str, option=orjson.OPT_NON_STR_KEYS) + b"\n"


@dataclass(frozen=True, slots=True)
class ShardedCorpus:
    """Documents in numbered files, which hold one stretch each of the order of `place_of`: one file after the other,
    they are in the same order however many files there are. A document that a step removed keeps its line.

    Attributes:
        removed: folders with what was removed since these were written: for each file a table by id.
    """

    folder: Path
    n_shards: int
    removed: tuple[Path, ...] = ()

    def path(self, shard: int) -> Path:
        """The file of a shard."""
        return self.folder / f"{shard:05}.jsonl"

    def rows(self, shard: int) -> Iterator[Row]:
        """All that came into the corpus, and what became of it so far."""
        import orjson

        removed: dict[str, Any] = {}
        for folder in self.removed:
            removed |= orjson.loads((folder / f"{shard:05}").read_bytes())
        with self.path(shard).open("rb") as file:
            for row in map(orjson.loads, file):
                why = removed.get(row["id"])
                yield row if why is None else {"id": row["id"], "removed": why}

    def read(self, shard: int) -> Iterator[Document]:
        """The documents of one file that are still there, in their order."""
        from datatrove.data import Document

        return (Document(**row) for row in self.rows(shard) if "removed" not in row)

    def write(self, shard: int, rows: Iterable[Row]) -> None:
        """Write one file anew from rows that are in their order; it is there whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.path(shard)) as draft, draft.open("wb") as file:
            file.writelines(map(packed, rows))


@dataclass(frozen=True, slots=True)
class StepContext:
    """The settings, folders and functions that a step over a whole corpus is given.

    Attributes:
        work: a folder of the step's own, empty at first; what lies in it is there again when a killed build goes on.
        record: called as `record(id, reason, duplicate_of)` for each document that is removed, with the id of the one
            that stays instead, or None.
        read: begins a pipeline: it reads the shard that has the number of the task, and tells how far it is.
        run: runs datatrove's pipeline as so many tasks in the build's executor, and raises where one does not end well:
            `run(pipeline, tasks, work)`.
    """

    settings: Settings
    work: Path
    record: Callable[[str, str, str | None], None]
    read: Any
    run: Callable[[Sequence[Any], int, Path], None]


@dataclass(frozen=True)
class NoOptions(Table):
    """The table of a step that takes none."""


class OrNone:
    """Of annotated names: there may be none."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_wrap_validator_function(
            lambda value, inner: () if value in ([], ()) else inner(value), handler(source)
        )


Words = Annotated[Names, OrNone()]


def among(known: Callable[[], Collection[str]]) -> Checked:
    """Of annotated names: they are some of those that a function gives."""

    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        there = list(known())
        unknown = next((name for name in names if name not in there), None)
        if unknown is not None:
            raise WrongValueError(f"names {unknown!r}, which is none of: {', '.join(there)}.{nearest(unknown, there)}")
        return names

    return Checked(check)


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step as its distribution declares it, under its name in the group `steelyard.steps`.

    Attributes:
        make: makes the step from all its options. Heavy modules are imported here and not before.
        options: the type of its table: a frozen dataclass of values that JSON can hold.
        packages: distributions that it needs, whose versions are part of its identity.
        version: raised when the step's own code does something else with the same options.
        identity: all that the outcome depends on beside options, packages and version, as data that JSON can hold,
            such as the fingerprint of a model that it asks; called as `identity(options, settings)`.
        install: the command that installs its packages.
    """

    name: str
    make: Callable[[Mapping[str, Any]], DocumentStep | CorpusStep]
    options: type[Table] = NoOptions
    packages: tuple[str, ...] = ()
    version: int = 1
    summary: str = ""
    identity: Callable[[Mapping[str, Any], Settings], Mapping[str, Any]] = lambda _options, _settings: {}
    install: str = ""


def step_options(spec: StepSpec, table: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """All options of a step, as JSON has them: those of its table checked and the others at their defaults."""
    options: Any = read(spec.options, table, where=where)
    return {each.name: json.loads(json.dumps(getattr(options, each.name))) for each in fields(options)}


def step_identity(spec: StepSpec, options: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """All that the outcome of a step depends on, as data that JSON can hold."""
    known = {"step": spec.name, "version": spec.version, "options": dict(options), "packages": package_versions(spec)}
    return {**known, **spec.identity(options, settings)}


def package_versions(spec: StepSpec) -> dict[str, str]:
    """The versions of the distributions that a step needs.

    Raises:
        SettingsError: one is not installed; the message says how to install it.
    """
    versions = {package: version for package in spec.packages if (version := version_of(package)) is not None}
    missing = [package for package in spec.packages if package not in versions]
    if missing:
        remedy = f" Install it with: {spec.install}" if spec.install else ""
        raise SettingsError(f"The step {spec.name!r} needs {' and '.join(missing)}, not installed here.{remedy}")
    return versions
