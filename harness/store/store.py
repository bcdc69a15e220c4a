"""`Store`: everything that is kept between runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

from harness.records import NewSample, NotedFailures, Request, Sample, ScoreRow, ScoringRule
from harness.store import maintenance, merging, runs, samples, score_sets
from harness.store.builds import BuildStore
from harness.store.database import Database
from harness.store.ledger import LookStore
from harness.store.problems import BUSY_S
from harness.store.review.store import ReviewStore
from harness.store.summaries import MergeSummary, PruneSummary, RunInfo, ScoreArray, ScoreSet, StoreInfo


class Store:
    """Samples, scores and runs in one database. Rows are added, never changed; `prune` alone removes some.

    Calls are synchronous and short. Several processes may have the same store open. What a call has written when it
    returns survives the death of the process.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Store.open(f"{folder}/store.db") as store:
    ...     store.generations("0a1b"), store.generations("0a1b", fresh=True)
    ((0,), (1,))
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.review = ReviewStore(database)
        self.looks = LookStore(database)
        self.builds = BuildStore(database)

    @classmethod
    def open(cls, url: str, *, readonly: bool = False) -> Store:
        """Open a store; unless `readonly`, make what is missing of its folder and tables, and write to it once.

        Args:
            url: a path, `sqlite:///PATH`, or `postgresql://USER@HOST/DATABASE`.
            readonly: refuse every change, and make nothing.

        Raises:
            StoreError: it can't be opened or written, it is of another schema or something else than a store, or
                the driver for it is not installed.
        """
        return cls(Database.open(url, readonly=readonly))

    @property
    def url(self) -> str:
        """The address of the store, without a password."""
        return self._database.url

    def find(self, keys: Iterable[bytes]) -> dict[bytes, dict[int, Sample]]:
        """All stored samples of these keys, by key and index; keys without any are left out."""
        return samples.find(self._database, keys)

    def add(self, draws: Sequence[NewSample], wait_s: float = BUSY_S) -> list[Sample]:
        """Store samples in one transaction, and with each new key its request; waits so many seconds for a lock.

        Returns the samples that count, one for each draw, in order. Where another process stored a sample of the same
        key and index first, that is the stored one, so that both processes score the same.
        """
        return samples.add(self._database, draws, wait_s)

    def note_failures(self, draws: Sequence[NewSample]) -> NotedFailures:
        """Note draws of a generation of a version that failed; gives all that were ever noted of that generation.

        Of a generation that has no sample nothing is noted.
        """
        return samples.note_failures(self._database, draws)

    def request(self, key: bytes) -> Request | None:
        """The request that the samples of a key answer, or None where the key is unknown."""
        return self.requests([key]).get(key)

    def requests(self, keys: Iterable[bytes]) -> dict[bytes, Request]:
        """The request that the samples of each key answer; keys that are unknown are left out."""
        return samples.asked(self._database, keys)

    def generations(
        self, fingerprint: str, *, fresh: bool = False, max_age_s: float | None = None, now: float | None = None
    ) -> tuple[int, ...]:
        """The generations of draws whose samples a version may be answered with, the newest first; 0 is the first.

        New draws belong to the newest. Of the older ones a sample counts where no newer one has the same, so that a
        fresh draw of a few requests leaves all others what they have.

        Args:
            fresh: begin a new one, for this caller alone, and none beside it.
            max_age_s: none that was begun longer ago, and begin a new one where that leaves none; of two processes
                that find all too old at the same time, one begins it and both are in it.
            now: epoch seconds, for the clock's.

        Returns their numbers. A store open for reading begins none: where it would, the number is that of the next, of
        which nothing is stored.
        """
        return samples.generations_in_use(self._database, fingerprint, fresh=fresh, max_age_s=max_age_s, now=now)

    def begun(self, fingerprint: str) -> dict[int, float]:
        """When each generation of a version's draws began, in epoch seconds, the newest first."""
        return samples.begun(self._database, fingerprint)

    def first_draws(self, fingerprint: str, generations: Collection[int], first_index: int = 0) -> tuple[int, ...]:
        """Those of some generations of a version that a gate may be answered with, the oldest first; those without a
        sample from this index on come last.
        """
        return samples.first_draws(self._database, fingerprint, generations, first_index)

    def has_draws(self, fingerprint: str, generations: Collection[int], first_index: int = 0) -> bool:
        """Tell whether any sample of these generations of a version is stored, from this index on."""
        return samples.has_draws(self._database, fingerprint, generations, first_index)

    def begin_run(self, run_id: str, created: str, spec: Mapping[str, Any]) -> None:
        """Record that a run begins.

        Args:
            run_id: from `new_run_id`.
            created: when, in ISO 8601.
            spec: what is run, as JSON takes it; `candidate` and `baseline` with `name` and `fingerprint`, and a list
                `judges` of such, give versions their names in `info`.

        Raises:
            StoreError: there is a run of this identity.
        """
        runs.begin_run(self._database, run_id, created, spec)

    def add_scores(self, run_id: str, rows: Sequence[ScoreRow]) -> None:
        """Store scores of a run in one transaction. A score that is there already stays as it is."""
        runs.add_scores(self._database, run_id, rows)

    def finish_run(self, run_id: str, report: Mapping[str, Any]) -> None:
        """Store the report of a run that is complete. A report that is there already stays as it is."""
        runs.finish_run(self._database, run_id, report)

    def runs(self) -> list[RunInfo]:
        """All runs, the oldest first."""
        return runs.list_runs(self._database)

    def report(self, run_id: str) -> Mapping[str, Any] | None:
        """The report of a run, or None while there is none."""
        return runs.report(self._database, run_id)

    def scores(self, run_id: str) -> Iterator[ScoreRow]:
        """The scores of a run, streamed: evaluations as they were first scored, in them by case and sample."""
        return runs.stream_scores(self._database, run_id)

    def score_sets(self, run_id: str) -> list[ScoreSet]:
        """List what a run scored, as it was first scored; `score_array` gives the scores of one."""
        return score_sets.list_sets(self._database, run_id)

    def score_array(self, score_set: ScoreSet) -> ScoreArray:
        """The scores of a set as an array: a million take a second or two, and little more memory than the array."""
        return score_sets.read_array(self._database, score_set)

    def cases_of(self, score_set: ScoreSet) -> list[str]:
        """The cases of a set, skipped and broken ones included, sorted."""
        return score_sets.case_ids(self._database, score_set)

    def scores_of(self, score_set: ScoreSet, case_ids: Iterable[str]) -> list[ScoreRow]:
        """The scores of some cases of a set, whole, by case and sample."""
        return score_sets.rows_of_cases(self._database, score_set, case_ids)

    def judged_by(self, sets: Collection[ScoreSet]) -> frozenset[ScoringRule]:
        """By whom and by what rules the scores of these sets were given, as far as judges gave them."""
        return score_sets.judged_by(self._database, sets)

    def differing_requests(
        self, ours: Collection[ScoreSet], theirs: Collection[ScoreSet]
    ) -> Iterator[tuple[str, Request, Request]]:
        """The cases of which the first sample of ours and of theirs answer different requests, with both requests.

        Give all sets of one evaluation and role on either side. Cases whose samples are no longer stored are left out.
        """
        return score_sets.differing_requests(self._database, ours, theirs)

    def info(self) -> StoreInfo:
        """Count what the store holds."""
        return maintenance.info(self._database)

    def prune(
        self,
        *,
        older_than_s: float | None = None,
        fingerprints: Collection[str] | None = None,
        dry_run: bool = False,
    ) -> PruneSummary:
        """Remove the samples that meet every condition given, and the requests that are left without any.

        Args:
            older_than_s: stored longer ago than this. Without another condition, runs that began longer ago go too,
                with their scores and reports.
            fingerprints: of these versions.
            dry_run: change nothing; what is returned is what would go.

        Raises:
            StoreError: no condition is given.
        """
        return maintenance.prune(self._database, older_than_s=older_than_s, fingerprints=fingerprints, dry_run=dry_run)

    def merge(self, other: Store) -> MergeSummary:
        """Bring in all that another store holds; what is here stays. Merging again brings in what is new since.

        Where both stores drew the same sample, that of here stays; the scores that rest on the other come without an
        answer. Review items, labels and builds come too.
        """
        merged = merging.merge(self._database, other._database)
        self.builds.merge(other.builds)
        labels, labels_left = self.review.merge(other.review)
        overdrawn = self.looks.merge(other.looks)
        return replace(merged, labels=labels, labels_left=labels_left, overdrawn=overdrawn)

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
