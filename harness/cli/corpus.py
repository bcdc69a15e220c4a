"""`steelyard corpus`: what corpora are built of, what their steps removed, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from harness.cli import Group
from harness.cli.console import build_line, emit, shows
from harness.config.corpora import EXECUTORS
from harness.config.settings import Settings, load_settings
from harness.errors import CorpusError, UsageError, choices
from harness.models.spec import engine_spec
from harness.reporting.corpora import (
    Contaminated,
    CorpusDifference,
    contamination_view,
    difference_view,
    outcomes_view,
    statistics_view,
    summary,
    texts_view,
)
from harness.reporting.shared.text import Block
from harness.stages.case_files import filed_cases
from harness.stages.data.corpus import Corpus
from harness.stages.data.drift.differences import compare_documents, compare_recipes
from harness.stages.data.outcomes import CorpusStatistics
from harness.stages.data.recipe import corpus_recipe
from harness.stages.data.versions import build_corpus


def open_corpus(name: str, executor: Mapping[str, Any] | None = None) -> Corpus:
    """The corpus of this name, of the settings here; built first where it is not there."""
    settings = load_settings(Path.cwd())
    _require_packages(settings, name)
    with build_line() as line:
        return build_corpus(settings, name, progress=line.show, executor=executor)


def _require_packages(settings: Settings, name: str) -> None:
    """Refuse what is no corpus, or one that packages are missing for."""
    settings.corpus(name)
    version = settings.version(name)
    engine_spec(version.engine).require_packages(version)


@click.group(cls=Group)
def corpus() -> None:
    """Build a corpus of the settings, and tell what its steps left of its documents, and why.

    A corpus is built once; what was built before is found by its documents, its steps and the versions of the packages.

    \b
    Examples:
      steelyard corpus build clean
      steelyard corpus stats clean
    """


@dataclass(frozen=True, slots=True)
class _BuiltCorpus:
    statistics: CorpusStatistics
    folder: Path

    def as_json(self) -> dict[str, Any]:
        return self.statistics.as_json()


def _built_view(built: _BuiltCorpus) -> Iterator[Block]:
    statistics = built.statistics
    yield f"{statistics.name}: {summary(statistics)}, fingerprint {statistics.fingerprint[:12]}, in {built.folder}"


@corpus.command(short_help="Build a corpus by its recipe.")
@click.argument("name")
@click.option("--executor", type=click.Choice(EXECUTORS), help="Who does the work, for what the settings say.")
@click.option("--workers", metavar="N", type=click.IntRange(1), help="How many processes; the corpus is the same.")
@shows(_built_view, "Write the statistics as JSON, as `corpus stats` does.")
def build(name: str, executor: str | None, workers: int | None) -> _BuiltCorpus:
    """Build the corpus called NAME, unless it was built before of the same documents by the same steps.

    Whoever does the work, it comes to the same. A build that was ended goes on where it was.

    \b
    Examples:
      steelyard corpus build clean --workers 8
      steelyard corpus build clean --executor ray
    """
    made = open_corpus(name, chosen_executor(load_settings(Path.cwd()), name, executor, workers))
    return _BuiltCorpus(made.statistics, made.folder)


def chosen_executor(settings: Settings, name: str, executor: str | None, workers: int | None) -> dict[str, Any] | None:
    """Lay the options over the executor of the settings, if it is the same one; None where no option is given."""
    if executor is None and workers is None:
        return None
    own = dict(settings.corpus(name).executor)
    chosen = own if executor in (None, own["name"]) else {"name": executor}
    return chosen if workers is None else {**chosen, "workers": workers}


@corpus.command(short_help="Tell what each step removed, and why.")
@click.argument("name")
@shows(statistics_view)
def stats(name: str) -> CorpusStatistics:
    """Tell what each step of the corpus called NAME removed and why, and how long it took; it is built first.

    Seconds are those of all workers together; of exact and minhash, those from begin to end.

    \b
    Example:
      steelyard corpus stats clean
    """
    return open_corpus(name).statistics


@corpus.command(short_help="Tell what became of documents, and why.")
@click.argument("name")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--removed", is_flag=True, help="Those that were removed, by any step.")
@click.option("--step", metavar="STEP", help="Those that this step removed.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object a line, with whole texts.")
def explain(name: str, ids: tuple[str, ...], removed: bool, step: str | None, as_json: bool) -> None:
    """Tell what became of documents of the corpus called NAME, and why: of each ID, or of all a line each.

    A document that was kept and changed is shown with what was taken out of its text and what was put in.

    \b
    Examples:
      steelyard corpus explain clean d-0017
      steelyard corpus explain clean --removed --step gopher_quality
    """
    opened = open_corpus(name)
    steps = [each.step for each in opened.statistics.steps]
    if step is not None and step not in steps:
        raise UsageError(f"--step: {choices('step', step, steps)}")
    chosen = (
        each
        for each in opened.explain(ids)
        if step in (None, each.step) and not (each.kept and (removed or step is not None))
    )
    emit(chosen, texts_view if ids else outcomes_view, as_json)


@corpus.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@shows(difference_view, "Write JSON, with the ids of all documents that differ.")
def diff(first: str, second: str) -> CorpusDifference:
    """Tell what the corpora called A and B differ in: recipes, documents, and columns that drifted.

    Both are built first. Documents are the same by their ids; of those that one corpus has alone, it is told which step
    removed them from the other, and why. The drift of each column is an effect with its interval.

    \b
    Example:
      steelyard corpus diff raw clean
    """
    settings, names = load_settings(Path.cwd()), (first, second)
    for name in names:
        _require_packages(settings, name)
    from harness.stages.data.drift.drift import drift_table

    recipes = compare_recipes(*(corpus_recipe(settings, name) for name in names))  # told before one is built
    one, other = (open_corpus(name) for name in names)
    documents = compare_documents(one.explain(), other.explain())
    try:
        return CorpusDifference(names, recipes, documents, drift_table(one.column_sums, other.column_sums))
    except CorpusError as error:
        return CorpusDifference(names, recipes, documents, str(error))


@corpus.command()
@click.argument("name")
@click.option(
    "--cases", metavar="PATH", default="evals", show_default=True, help="A file of cases, or a folder of them."
)
@shows(contamination_view)
def contamination(name: str, cases: str) -> Contaminated:
    """Tell which cases of evaluations the documents of the corpus called NAME hold, and where.

    A case is found by 13 of its words in a row, without case, punctuation and layout; a shorter text whole; a short
    question with its answer after it. What more than ten documents have is boilerplate. Rewordings are out of reach.

    \b
    Examples:
      steelyard corpus contamination clean --cases evals/foundation
    """
    root = load_settings(Path.cwd()).root
    filed_cases(cases, (root,))  # what is wrong with them is told before a corpus is built
    opened = open_corpus(name)
    opened.root = root
    return Contaminated(name, opened.fingerprint, opened.contamination(cases))
