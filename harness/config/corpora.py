"""The table of corpora: `[tool.steelyard.corpora.NAME]`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from harness.config import setting_checks
from harness.config.asking import WhenAsked
from harness.config.environment import Variables
from harness.config.versions import VersionSettings, with_variables
from harness.errors import SettingsError, choices, nearest, none_of

CORPUS = "corpus"
"""The engine's name in a version that is a corpus, which answers nothing."""
EXECUTORS = ("local", "ray", "slurm")
DOCUMENTS = (
    "a .jsonl or .jsonl.gz, .parquet, .warc or .warc.gz file, a folder of these or of .html and .txt files, or the id "
    "of a data set"
)
_COMMON = ("documents", "base", "steps", "tokenizer", "executor")


@dataclass(frozen=True, slots=True)
class CorpusSettings:
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
    documents: str
    base: str | None = None
    steps: tuple[str, ...] = ()
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tokenizer: str | None = None
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
    tables: Any, models: Collection[str], *, where: str, prefix: str, variables: Variables | None = None
) -> WhenAsked[CorpusSettings]:
    """The corpora of a corpora table, none of which is read before it is asked for. Steps and their options are looked
    at by whoever uses a corpus.

    Args:
        models: the versions that share one namespace with the corpora.
        prefix: what the tables of the settings file begin with, such as "tool.steelyard.".
        variables: fill what the tables name of the environment; None for tables that name nothing.

    Raises:
        SettingsError: it is no table of tables, or a name is that of a model. Of a corpus that is asked for: an unknown
            key or base, a circle of bases, a value of the wrong kind.
    """
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise SettingsError(f"{where}: corpora is not a table of tables; write [{prefix}corpora.NAME].")
    taken = next((name for name in tables if name in models), None)
    if taken is not None:
        raise SettingsError(
            f"{where}: {taken!r} names a model, [{prefix}models.{taken}], and a corpus, [{prefix}corpora.{taken}]; "
            "both are versions, so that --candidate could mean either. Rename one."
        )
    filled = with_variables(tables, "corpus", where, variables)
    return WhenAsked(tables, partial(_corpus, filled, models, f"{where}, ", prefix))


def _corpus(
    tables: Mapping[str, Mapping[str, Any]], models: Collection[str], where: str, prefix: str, name: str
) -> CorpusSettings:
    """One corpus, laid over its bases."""
    steps: list[str] = []
    merged: dict[str, Any] = {}
    options: dict[str, dict[str, Any]] = {}
    for link, table in _chain(tables, models, where, prefix, name):
        here = f"{where}[{prefix}corpora.{link}]"
        own = table.get("steps", [])
        added = setting_checks.names(own, "steps", where=here) if own != [] else ()
        twice = next((step for step in added if step in steps), None)
        if twice is not None:
            raise SettingsError(
                f"{here}: steps has {twice!r}, which its base has already: the steps of a base come first. Name here "
                "those that are added."
            )
        steps += added
        for key, value in table.items():
            if key in _COMMON:
                merged[key] = value
            elif key in steps:
                options[key] = {**options.get(key, {}), **setting_checks.table(value, key, where=here)}
            else:
                raise SettingsError(
                    f"{here}: {key!r} is neither a setting nor one of its steps. Settings: {', '.join(_COMMON)}. "
                    f"Steps: {', '.join(steps) or 'none'}.{nearest(key, [*_COMMON, *steps])}"
                )
    tokenizer = merged.get("tokenizer")
    if tokenizer is not None and setting_checks.text(tokenizer, "tokenizer", where=here) not in models:
        raise SettingsError(f"{here}: tokenizer: {choices('model', tokenizer, models)}")
    return CorpusSettings(
        name=name,
        documents=setting_checks.path(merged["documents"], "documents", where=here),
        base=tables[name].get("base"),
        steps=tuple(steps),
        tables=options,
        tokenizer=tokenizer,
        executor=check_executor(merged.get("executor", EXECUTORS[0]), where=here),
        table=f"[{prefix}corpora.{name}]",
    )


def _chain(
    tables: Mapping[str, Mapping[str, Any]], models: Collection[str], where: str, prefix: str, name: str
) -> list[tuple[str, Mapping[str, Any]]]:
    """The tables from the corpus that has documents to this one, each after its name."""
    chain = {name: tables[name]}
    while True:
        last, table = next(reversed(chain.items()))
        here = f"{where}[{prefix}corpora.{last}]"
        if "base" in table and "documents" in table:
            raise SettingsError(f"{here} has both documents and a base, which has documents of its own; leave one out.")
        if "base" not in table:
            break
        base = setting_checks.text(table["base"], "base", where=here)
        if base in chain:
            raise SettingsError(f"{here}: {name!r} is based on itself: {' -> '.join([*chain, base])}.")
        if base not in tables:
            raise SettingsError(f"{here}: base: {no_corpus(base, tables, models)}")
        chain[base] = tables[base]
    if "documents" not in table:
        settings = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
        setting_checks.refuse_unknown(settings, _COMMON, where=here)
        raise SettingsError(
            f"{here} has neither documents nor a base. Write documents = {DOCUMENTS}; or base = the name of a corpus "
            "that has them."
        )
    return [*reversed(chain.items())]


def check_executor(value: Any, *, where: str) -> dict[str, Any]:
    """Check the executor that builds, with its options; a name alone stands for a table that has nothing else."""
    table = {"name": value} if isinstance(value, str) else dict(setting_checks.table(value, "executor", where=where))
    name = table.setdefault("name", EXECUTORS[0])
    if name not in EXECUTORS:
        raise SettingsError(f"{where}: {none_of('executor', str(name), EXECUTORS)}")
    if "workers" in table:
        setting_checks.integer(table["workers"], "workers", where=f"{where}, executor")
    return table


def no_corpus(name: str, corpora: Iterable[str], models: Iterable[str]) -> str:
    """Say that a name is no corpus: a model, or nothing at all, with the nearest."""
    if name in models:
        return f"{name!r} is a model, and a corpus is needed. Corpora: {', '.join(sorted(corpora)) or 'none'}."
    return choices("corpus", name, corpora, plural="corpora")
