"""The step `minhash`: of documents with nearly the same text the first stays, found as FineWeb found them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from harness.config.typed import Between, Table
from harness.stages.data.steps.exact import (
    Normalisation,
    Place,
    hashing,
    record_duplicates,
    text_normalisation,
)
from harness.stages.data.steps.filters import Language
from harness.stages.data.steps.step import INSTALL, ShardedCorpus, StepContext, StepSpec

if TYPE_CHECKING:
    from datatrove.pipeline.dedup.minhash import MinhashConfig


@dataclass(frozen=True)
class NearDuplicates(Table):
    """Removes documents whose n-grams are nearly another's, by MinHash and locality-sensitive hashing (Broder, 1997).

    Two documents whose sets of n-grams have the Jaccard similarity s are found with the probability
    1 − (1 − s^r)^b, where b is `buckets` and r `hashes_per_bucket`. Pairs that are found are joined to clusters, so
    that two documents of a cluster may be less alike than either is to a third. A document of fewer words than an
    n-gram has none, and is kept.
    """

    buckets: Annotated[int, Between(1, 500)] = 14
    hashes_per_bucket: Annotated[int, Between(1, 1000)] = 8
    n_grams: Annotated[int, Between(1, 100)] = 5
    language: Language = "eng"
    normalisation: Normalisation = ("lowercase", "numbers", "punctuation", "whitespace", "diacritics")
    seed: Annotated[int, Between(0, 2**32 - 1)] = 1

    def apply(self, shards: ShardedCorpus, context: StepContext) -> None:
        """Keep the first document of each cluster."""
        from datatrove.pipeline.dedup.minhash import MinhashDedupBuckets, MinhashDedupCluster

        from harness.stages.data.steps.signing import BoundedSignature

        config, work = self.config, context.work
        signatures, pairs, clusters = work / "signatures", work / "pairs", work / "clusters"
        signature = BoundedSignature(str(signatures), config, self.language)
        context.run([context.read, signature], shards.n_shards, work / "signing")
        buckets = MinhashDedupBuckets(str(signatures), str(pairs), config=config, lines_to_buffer=1000)
        context.run([buckets], self.buckets, work / "pairing")
        cluster = MinhashDedupCluster(str(pairs), str(clusters), config, save_cluster_id=True, lines_to_buffer=1000)
        context.run([cluster], 1, work / "clustering")
        record_duplicates(shards, context, _survivors(clusters, shards.n_shards), "near_duplicate")

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
    make=lambda given: NearDuplicates(**given),
    options=NearDuplicates,
    packages=("datatrove", "spacy", "numpy"),
    summary="removes documents whose text is nearly another's",
    install=INSTALL,
)
