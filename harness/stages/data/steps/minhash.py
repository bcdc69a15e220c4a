"""The step `minhash`: of documents with nearly the same text the first stays, found as FineWeb found them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.config import setting_checks
from harness.stages.data.steps.exact import (
    NotedIds,
    Place,
    hashing,
    normalisation_option,
    record_duplicates,
    text_normalisation,
)
from harness.stages.data.steps.filters import LANGUAGE
from harness.stages.data.steps.step import INSTALL, ShardedCorpus, StepContext, StepOption, StepSpec

if TYPE_CHECKING:
    from datatrove.pipeline.dedup.minhash import MinhashConfig


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """Removes documents whose n-grams are nearly another's, by MinHash and locality-sensitive hashing (Broder, 1997).

    Two documents whose sets of n-grams have the Jaccard similarity s are found with the probability
    1 − (1 − s^r)^b, where b is `buckets` and r `hashes_per_bucket`. Pairs that are found are joined to clusters, so
    that two documents of a cluster may be less alike than either is to a third. A document of fewer words than an
    n-gram has none, and is kept.
    """

    buckets: int
    hashes_per_bucket: int
    n_grams: int
    language: str
    normalisation: Sequence[str]
    seed: int

    def apply(self, shards: ShardedCorpus, context: StepContext) -> None:
        """Keep the first document of each cluster."""
        from datatrove.pipeline.dedup.minhash import MinhashDedupBuckets, MinhashDedupCluster

        from harness.stages.data.steps.signing import BoundedSignature

        config, work, n_shards = self.config, context.work, shards.n_shards
        signatures, pairs, clusters = work / "signatures", work / "pairs", work / "clusters"
        signature = BoundedSignature(str(signatures), config, self.language)
        context.run([context.read, NotedIds(work / "ids"), signature], n_shards, work / "signing")
        buckets = MinhashDedupBuckets(str(signatures), str(pairs), config=config, lines_to_buffer=1000)
        context.run([buckets], self.buckets, work / "pairing")
        cluster = MinhashDedupCluster(str(pairs), str(clusters), config, save_cluster_id=True, lines_to_buffer=1000)
        context.run([cluster], 1, work / "clustering")
        record_duplicates(n_shards, context, _survivors(clusters, n_shards), "near_duplicate")

    @property
    def config(self) -> MinhashConfig:
        """The same for datatrove."""
        from datatrove.pipeline.dedup.minhash import MinhashConfig

        return MinhashConfig(
            n_grams=self.n_grams,
            num_buckets=self.buckets,
            hashes_per_bucket=self.hashes_per_bucket,
            seed=self.seed,
            norm_config=text_normalisation(self.normalisation),
            hash_config=hashing(),
        )


def _survivors(folder: Path, n_shards: int) -> dict[Place, Place]:
    """By the place of each duplicate the first place of its cluster."""
    from datatrove.utils.binaryio import read_tuples_from_file

    first: dict[int, Place] = {}
    survivors: dict[Place, Place] = {}
    for shard in range(n_shards):
        path = folder / f"{shard:06}.clusters"
        if not path.exists():  # of a file without any duplicate none is written
            continue
        with path.open("rb") as file:
            for row, cluster in read_tuples_from_file(file, "2I", lines_to_buffer=1000):
                survivor = first.setdefault(cluster, (shard, row))
                if survivor != (shard, row):
                    survivors[shard, row] = survivor
    return survivors


MINHASH = StepSpec(
    name="minhash",
    options={
        "buckets": StepOption(
            14, partial(setting_checks.integer, high=500), "Buckets of hashes: the more, the less alike suffices."
        ),
        "hashes_per_bucket": StepOption(
            8, partial(setting_checks.integer, high=1000), "Hashes in a bucket: the more, the more alike is demanded."
        ),
        "n_grams": StepOption(
            5, partial(setting_checks.integer, high=100), "Words in a row that count as the same or not."
        ),
        "language": LANGUAGE,
        "normalisation": normalisation_option("lowercase", "numbers", "punctuation", "whitespace", "diacritics"),
        "seed": StepOption(1, partial(setting_checks.integer, low=0, high=2**32 - 1), "Seed of the hashes."),
    },
    make=lambda options: NearDuplicates(**options),
    packages=("datatrove", "spacy", "numpy"),
    summary="removes documents whose text is nearly another's",
    install=INSTALL,
)
