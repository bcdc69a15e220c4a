"""A corpus that was built: its documents, and what became of each that came in."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from harness.errors import CorpusError, NotInLineageError, nearest, shortened
from harness.stages.case_files import CaseSource
from harness.stages.data.outcomes import CorpusDocument, CorpusStatistics, Explanation, StepStatistics
from harness.stages.data.steps.step import shard_of

if TYPE_CHECKING:
    from harness.stages.data.drift.drift import ColumnSums, Drift
    from harness.stages.data.overlap.contamination import CaseSearches, Contamination


class Corpus:
    """A corpus: an iterable of the documents that were kept, and by the id of any that came in what became of it.

    Attributes:
        baseline: the corpus that it is weighed against; None where there is none.
        root: where relative paths of cases begin.
        builder: builds it again, for `rebuild`; None where it was opened without its recipe.
    """

    def __init__(self, folder: Path, statistics: CorpusStatistics) -> None:
        self.name = statistics.name
        self.folder = folder
        self.statistics = statistics
        self.baseline: Corpus | None = None
        self.root = Path()
        self.builder: Callable[[Path, int], Corpus] | None = None
        self._searches: dict[str | None, CaseSearches] = {}
        self._explained = sorted((folder / "explained").glob("*.jsonl"))

    @property
    def fingerprint(self) -> str:
        """The digest of its documents, whatever recipe gave them."""
        return self.statistics.fingerprint

    def rebuild(self, documents: Path, *, workers: int = 1) -> Corpus:
        """The corpus that the same recipe makes of other documents: a file, or a folder of files."""
        if self.builder is None:
            raise CorpusError(f"{self.name} was opened without its recipe, and can't be built again.")
        return self.builder(documents, workers)

    def __len__(self) -> int:
        return self.statistics.documents_out

    def documents(self) -> Iterator[CorpusDocument]:
        """Yield the documents that were kept."""
        for path in sorted((self.folder / "documents").glob("*.jsonl.gz")):
            with gzip.open(path, "rb") as file:
                for row in map(json.loads, file):
                    yield CorpusDocument(**{**row, "metadata": MappingProxyType(row["metadata"])})

    __iter__ = documents

    def __getitem__(self, document_id: str) -> Explanation:
        """Return the outcome of a document; of one that did not come in the `KeyError` names one like it."""
        document = self._find(document_id)
        if document is None:
            known = [explanation.id for explanation in islice(self.explain(), 10_000)]
            there = nearest(document_id, known) or f" Such as: {', '.join(map(repr, known[:3]))}."
            raise KeyError(f"No document {shortened(document_id)} came into the corpus {self.name!r}.{there}")
        return document

    def __contains__(self, document_id: object) -> bool:
        return isinstance(document_id, str) and self._find(document_id) is not None

    def explain(self, ids: Iterable[str] = ()) -> Iterator[Explanation]:
        """Yield the outcome of these documents, or of every one where none is named."""
        named = list(ids)
        try:
            yield from [self[name] for name in named]
        except KeyError as error:
            raise CorpusError(error.args[0]) from None
        for path in () if named else self._explained:
            with path.open("rb") as file:
                for line in file:
                    yield Explanation(**json.loads(line))

    @functools.cached_property
    def clusters(self) -> Mapping[str, tuple[str, ...]]:
        """The ids of the duplicates that were removed, by the id of the document that stayed in their place.

        Where that one turned out to be a duplicate in a later step, they are those of the one that stayed in its place.
        """
        duplicates = {each.id: each.duplicate_of for each in self.explain() if each.duplicate_of is not None}
        by_cluster: dict[str, list[str]] = {}
        for name, survivor in duplicates.items():
            while survivor in duplicates:
                survivor = duplicates[survivor]
            by_cluster.setdefault(survivor, []).append(name)
        return MappingProxyType({name: tuple(sorted(ids)) for name, ids in sorted(by_cluster.items())})

    def contamination(self, cases: CaseSource = "evals", *, planted: str | Path | None = None) -> Contamination:
        """Find the cases of evaluations that its documents contain, by the ids of the cases; searched once.

        Args:
            cases: a file or a list of cases, or a folder: all cases of all evaluations in it, each with its evaluation
                before its id, as `cases=` of a marker has them.
            planted: a file of documents that are searched, too, as a check that the search finds what they contain.
        """
        from harness.stages.data.overlap.contamination import CaseSearches
        from harness.stages.data.sources import open_source

        file = None if planted is None else str(planted)

        def texts() -> Iterator[tuple[str, str]]:
            more = () if file is None else (document for _, document in open_source(file, self.root).documents())
            return ((each.id, each.text) for each in chain(self, more))

        return self._searches.setdefault(file, CaseSearches(self.root, texts)).find(cases)

    def drift(self, column: str, *, against: Literal["baseline", "half"] = "baseline") -> Drift:
        """Measure the drift of its documents from the baseline's in a column, with an interval; computed once.

        Args:
            column: "length", "language", "source" or "ngrams".
            against: "half" for the A/A beside it: one half of its own documents, drawn by their ids, and the other.
        """
        from harness.stages.data.drift.drift import check_column

        check_column(column)
        if against == "half":
            return _drift(None, self.folder, column)
        if self.baseline is None:
            raise NotInLineageError(self.name, "baseline with a corpus", "--baseline NAME, which names one")
        return _drift(self.baseline.folder, self.folder, column)

    @property
    def column_sums(self) -> Mapping[str, ColumnSums]:
        """The columns that may drift, added up by blocks of documents: once for all that lies in its folder."""
        return _column_sums(self.folder)

    def _find(self, document_id: str) -> Explanation | None:
        """Search the lines of its shard, which begin with ids."""
        wanted = f'{{"id":{json.dumps(document_id, ensure_ascii=False)},'.encode("utf-8", "surrogatepass")
        with self._explained[shard_of(document_id, len(self._explained))].open("rb") as file:
            return next((Explanation(**json.loads(line)) for line in file if line.startswith(wanted)), None)


def open_corpus(folder: Path, name: str | None = None) -> Corpus:
    """The corpus that lies in a folder, by the name that it is asked for, or was built under."""
    try:
        statistics = json.loads((folder / "stats.json").read_text(encoding="utf-8"))
        steps = tuple(map(StepStatistics.of, statistics["steps"]))
        return Corpus(folder, CorpusStatistics(**{**statistics, "name": name or statistics["name"], "steps": steps}))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{folder} holds no corpus that can be read ({error}); remove it and build again.") from None


@functools.lru_cache(maxsize=4)
def _column_sums(folder: Path) -> Mapping[str, ColumnSums]:
    """The columns of a corpus. What lies in a folder stays what it is; candidate and baseline both ask for one's."""
    from harness.stages.data.drift.drift import add_up

    return add_up(open_corpus(folder))


@functools.lru_cache(maxsize=64)
def _drift(baseline: Path | None, folder: Path, column: str) -> Drift:
    """The drift of a corpus from another, or of one half of it from the other."""
    from harness.stages.data.drift.drift import find_drift

    own = _column_sums(folder)[column]
    if baseline is None:
        return find_drift(*own.halves(), column)
    return find_drift(_column_sums(baseline)[column].together(), own.together(), column)
