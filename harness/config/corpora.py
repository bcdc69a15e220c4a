"""The table of corpora: `[tool.steelyard.corpora.NAME]`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any

from harness.config.asking import WhenAsked
from harness.config.environment import NO_VARIABLES, Variables
from harness.config.typed import Count, JsonTable, Names, OneOf, PathText, Table, Text, check, read
from harness.config.versions import VersionSettings, chain_of
from harness.errors import SettingsError, choices, nearest

CORPUS = "corpus"
"""The engine's name in a version that is a corpus, which answers nothing."""
EXECUTORS = ("local", "ray", "slurm")
DOCUMENTS = (
    "a .jsonl or .jsonl.gz, .parquet, .warc or .warc.gz file, a folder of these or of .html and .txt files, or the id "
    "of a data set"
)
_EXECUTOR = Annotated[str, OneOf(EXECUTORS)]
_KEYS = ("documents", "base", "steps", "tokenizer", "executor")


@dataclass(frozen=True, slots=True)
class CorpusSettings(Table):
    """One corpus as the settings define it, with what its `base` gives filled in.

    Attributes:
        documents: where they come from: a path, or the id of a data set.
        base: the corpus that this one was written as a difference from, or None.
        steps: what is done to the documents, in order: those of the bases first. A name, or "module:function".
        tables: options of steps that are set otherwise than by default, by the step's name.
        tokenizer: the version whose tokens are counted; None counts words.
        executor: who does the work, and options of it: no part of what the corpus is.
        table: the place in the settings file, as the file writes it: "[tool.steelyard.corpora.clean]".
    """

    name: str
    documents: PathText
    base: str | None = None
    steps: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tokenizer: Text | None = None
    executor: Mapping[str, Any] = field(default_factory=lambda: {"name": "local"})
    table: str = ""

    @property
    def version(self) -> VersionSettings:
        """The corpus as one of the versions that can be weighed."""
        recipe: dict[str, Any] = {"documents": self.documents, "steps": list(self.steps), **self.tables}
        if self.tokenizer is not None:
            recipe["tokenizer"] = self.tokenizer
        return VersionSettings(name=self.name, engine=CORPUS, base=self.base, engine_options=recipe)


def read_corpora(
    tables: Any, models: Collection[str], *, where: str, prefix: str, variables: Variables = NO_VARIABLES
) -> WhenAsked[CorpusSettings]:
    """The corpora of a corpora table, none of which is read before it is asked for. Steps and their options are looked
    at by whoever uses a corpus.

    Args:
        models: the versions that share one namespace with the corpora.
        prefix: what the tables of the settings file begin with, such as "tool.steelyard.".

    Raises:
        SettingsError: it is no table of tables, or a name is that of a model. Of a corpus that is asked for: an unknown
            key or base, a circle of bases, a value of the wrong kind.
    """
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise SettingsError(f"{where}: corpora is not a table of tables; write [{prefix}corpora.NAME].")
    both = next((name for name in tables if name in models), None)
    if both is not None:
        raise SettingsError(
            f"{where}: {both!r} names a model, [{prefix}models.{both}], and a corpus, [{prefix}corpora.{both}]; "
            "both are versions, so that --candidate could mean either. Rename one."
        )
    return WhenAsked(tables, partial(_corpus, tables, models, (where, prefix), variables))


def _corpus(
    tables: Mapping[str, Mapping[str, Any]],
    models: Collection[str],
    at: tuple[str, str],
    variables: Variables,
    name: str,
) -> CorpusSettings:
    """One corpus, laid over its bases."""
    where, prefix = at

    def place(link: str) -> str:
        return f"{where}, [{prefix}corpora.{link}]"

    steps: list[str] = []
    merged: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {}
    for link, table in chain_of(name, tables, variables, place, lambda base: no_corpus(base, tables, models)).items():
        here, own = place(link), table.get("steps", [])
        if "base" in table and "documents" in table:
            raise SettingsError(f"{here} has both documents and a base, which has documents of its own; leave one out.")
        added = check(Names, own, "steps", where=here) if own != [] else ()
        if twice := [step for step in added if step in steps]:
            raise SettingsError(
                f"{here}: steps has {twice[0]!r}, which its base has already: the steps of a base come first. Name "
                "here those that are added."
            )
        steps += added
        for key, value in table.items():
            if key in _KEYS:
                merged[key] = value
            elif key in steps:
                options[key] = {**options.get(key, {}), **check(JsonTable, value, key, where=here)}
            else:
                raise SettingsError(
                    f"{here}: {key!r} is neither a setting nor one of its steps. Settings: {', '.join(_KEYS)}. "
                    f"Steps: {', '.join(steps) or 'none'}.{nearest(key, [*_KEYS, *steps])}"
                )
        if "documents" not in merged:
            raise SettingsError(
                f"{here} has neither documents nor a base. Write documents = {DOCUMENTS}; or base = the name of a "
                "corpus that has them."
            )
    merged["executor"] = check_executor(merged.get("executor", EXECUTORS[0]), where=here)
    own = {"name": name, "steps": tuple(steps), "tables": options, "table": f"[{prefix}corpora.{name}]"}
    corpus = read(CorpusSettings, {"base": None, **merged, **own}, where=here)
    if corpus.tokenizer is not None and corpus.tokenizer not in models:
        raise SettingsError(f"{here}: tokenizer: {choices('model', corpus.tokenizer, models)}")
    return corpus


def check_executor(value: Any, *, where: str) -> dict[str, Any]:
    """Check the executor that builds, with its options; a name alone stands for a table that has nothing else."""
    table = {"name": value} if isinstance(value, str) else dict(check(JsonTable, value, "executor", where=where))
    check(_EXECUTOR, table.setdefault("name", EXECUTORS[0]), "executor", where=where)
    if "workers" in table:
        check(Count, table["workers"], "workers", where=f"{where}, executor")
    return table


def no_corpus(name: str, corpora: Iterable[str], models: Iterable[str]) -> str:
    """Say that a name is no corpus: a model, or nothing at all, with the nearest."""
    if name in models:
        return f"{name!r} is a model, and a corpus is needed. Corpora: {', '.join(sorted(corpora)) or 'none'}."
    return choices("corpus", name, corpora, plural="corpora")
