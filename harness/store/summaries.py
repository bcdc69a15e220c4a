"""The summaries that a store gives of itself and its runs."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.records import Role

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


BuildRecipe = tuple[str, str]
"""The kind of a build, and the digest of all that decides what is built."""


def new_run_id(now: float | None = None) -> str:
    """An identity for a run: UTC to the second, which sorts, and six random digits, which keep it unique.

    >>> new_run_id(0.0)[:16]
    '19700101-000000-'
    """
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(3)}"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as a list of runs shows it. `verdict` and `exit_code` are None until it is finished.

    Attributes:
        created: as the run wrote it (ISO 8601).
        spec: what was run: versions, options, …
        finished: whether its report is in the store.
    """

    run_id: str
    created: str
    spec: Mapping[str, Any]
    finished: bool
    verdict: str | None = None
    exit_code: int | None = None

    @property
    def is_gate(self) -> bool:
        """False for one that decided nothing: of some of the cases (--case), or drawn for bisect or blame."""
        return bool(self.spec.get("is_gate", True))


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """The scores of a run for one metric of an evaluation, of one version in one role."""

    id: int
    evaluation_id: str
    metric: str
    role: Role
    fingerprint: str


@dataclass(frozen=True, slots=True, eq=False)
class ScoreArray:
    """The scores of a set.

    Attributes:
        case_ids: the cases that have a score or a failed assertion, one for each row, in no order that means anything.
        values: (n_cases, n_samples), NaN where a body gave no score.
        failed: (n_cases, n_samples), whether a body failed an assertion.
        skipped: the cases that a body left out.
    """

    case_ids: tuple[str, ...]
    values: npt.NDArray[np.float64]
    failed: npt.NDArray[np.bool_]
    skipped: frozenset[str]


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """The contents of a store for one model version: `names` are what runs called it, times are epoch seconds."""

    fingerprint: str
    names: tuple[str, ...]
    generations: int
    requests: int
    samples: int
    oldest: float
    newest: float


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """The contents of a store. `url` never shows a password; times are epoch seconds."""

    url: str
    schema_version: str
    size_bytes: int
    requests: int
    samples: int
    runs: int
    scores: int
    oldest: float | None
    newest: float | None
    versions: tuple[VersionInfo, ...]


@dataclass(frozen=True, slots=True)
class PruneSummary:
    """The rows and bytes that a prune removed, or would remove.

    Attributes:
        looks: of the ledger, those that rested on samples of these versions.
        before: when what is counted was stored, at the latest, in epoch seconds.
    """

    samples: int
    requests: int
    runs: int
    scores: int
    freed_bytes: int = 0
    looks: int = 0
    before: float = field(default=0.0, compare=False)

    @property
    def nothing(self) -> bool:
        """True where there was nothing to remove."""
        return not (self.samples or self.requests or self.runs or self.scores)


@dataclass(frozen=True, slots=True)
class MergeSummary:
    """The rows that a merge brought in.

    Attributes:
        left: samples that stay there, since both stores drew the same.
        labels: those that reviewers gave; `labels_left` stay there, of items that only the gate there drew.
        overdrawn: evaluations whose error rate was spent in both stores.
    """

    samples: int = 0
    left: int = 0
    requests: int = 0
    runs: int = 0
    scores: int = 0
    labels: int = 0
    labels_left: int = 0
    overdrawn: int = 0
