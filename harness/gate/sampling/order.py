"""In which order the bodies of an evaluation run, in steps: all samples of a case, or a batch of a single one's."""

from __future__ import annotations

import hashlib
import math
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.gate.evaluations.evaluation import Evaluation
from harness.records import Role

_TIMES_THE_FIXED_DESIGN = 1.5
_NORMAL_95 = 1.6448536269514722
_MOST_IN_PIECE, _PIECES = 256, 4
Share = tuple[int, int]
"""The part of the draws that a worker makes, as the third of 8; (1, 1) for those that no other makes."""


@dataclass(frozen=True, slots=True)
class Order:
    """The steps of one evaluation, the same for every version.

    Attributes:
        cases: numbers of the cases in the order in which they are taken.
        n_samples: samples of a case at most.
        batch: samples of a step.
        interleaved: whether the versions take turns step by step, so that its first steps are of use by themselves.
        stops: whether it stops when it is decided.
        piece: steps that one of several workers takes in an order of its own, so that each has other work; a piece
            begins when the one before is complete. 0: the steps are taken as they come.
    """

    cases: tuple[int, ...]
    n_samples: int
    batch: int
    interleaved: bool
    stops: bool
    piece: int = 0

    @property
    def _n_batches(self) -> int:
        return -(-self.n_samples // self.batch)

    @property
    def n_steps(self) -> int:
        """The number of steps for each version."""
        return len(self.cases) * self._n_batches

    @property
    def n_bodies(self) -> int:
        """Count the bodies that run for a version."""
        return len(self.cases) * self.n_samples

    def bodies(self, step: int) -> list[tuple[int, int]]:
        """Number of the case and number of the sample of each body of a version's step."""
        position, batch = divmod(step, self._n_batches)
        case, begin = self.cases[position], batch * self.batch
        return [(case, sample) for sample in range(begin, min(begin + self.batch, self.n_samples))]

    def work(self, roles: tuple[Role, ...]) -> Iterator[tuple[Role, int]]:
        """Version and step, in the order in which they are started."""
        steps: Sequence[int] = range(self.n_steps)
        if self.piece:
            pieces = (steps[begin : begin + self.piece] for begin in range(0, self.n_steps, self.piece))
            steps = [step for each in pieces for step in random.sample(each, len(each))]
        if self.interleaved:
            return ((role, step) for step in steps for role in roles)
        return ((role, step) for role in roles for step in steps)

    def of_worker(self, share: Share, name: str) -> Order:
        """The order of one of several workers that draw for a gate: a fixed share of the cases, or all, until they are
        decided, of which it draws what no other does.

        Args:
            name: of the evaluation; those of a single case go to different workers.
        """
        number, of = share
        if of > 1:
            first = (number - 1 + zlib.crc32(name.encode())) % of
            return replace(self, cases=self.cases[first::of], interleaved=False, stops=False)
        piece = min(_MOST_IN_PIECE, -(-self.n_steps // _PIECES)) if self.interleaved else self.n_steps
        return replace(self, piece=max(1, piece))


def order_of(
    evaluation: Evaluation,
    n_versions: int,
    seed: int,
    *,
    may_be_cut: bool = False,
    drawn: Sequence[int] | None = None,
) -> Order:
    """The order of an evaluation that runs for so many versions.

    A fixed design takes the cases as they are, one version after the other. A sequential one takes them in a random
    order that depends on the seed and their ids alone, the cases of a cluster together; of a single case it draws
    samples in batches, up to about one and a half times what a fixed design would need. Where nothing is required,
    or there is one case and a number of samples was asked for, there is nothing to stop for.

    Args:
        may_be_cut: whether the run may end before the last case: a fixed design, too, then takes its cases in the
            random order and the versions in turn, so that what it has by then is of all kinds, and of both versions.
        drawn: the order in which the cases are drawn, where it is settled; None for that of the seed.
    """
    plan, cases = evaluation.plan, evaluation.cases
    nothing_to_stop_for = plan.threshold is None and n_versions == 1
    stops = plan.design != "fixed" and not nothing_to_stop_for and (plan.per == "case" or len(cases) > 1)
    if not stops and not may_be_cut:
        return Order(tuple(range(len(cases))), plan.samples, plan.samples, interleaved=False, stops=False)
    if stops and plan.per == "case":
        most = plan.max_samples or most_samples(plan.threshold, plan.margin)
        return Order((0,), most, plan.samples, interleaved=True, stops=True)
    order = draw_order(evaluation, seed) if drawn is None else list(drawn)
    if stops and plan.max_samples is not None:
        order = order[: plan.max_samples // plan.samples]
    return Order(tuple(order), plan.samples, plan.samples, interleaved=True, stops=stops)


def draw_order(evaluation: Evaluation, seed: int) -> list[int]:
    """The numbers of the cases in a random order of this seed, the cases of a cluster together."""
    own = [_draw(seed, case.id) for case in evaluation.cases]
    clusters = evaluation.clusters
    if clusters is None:
        return sorted(range(len(own)), key=own.__getitem__)
    of_cluster = {cluster: _draw(seed, str(cluster)) for cluster in set(clusters)}
    return sorted(range(len(own)), key=lambda number: (of_cluster[clusters[number]], own[number]))


def _draw(seed: int, name: str) -> bytes:
    return hashlib.blake2b(f"{seed}|{name}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def most_samples(threshold: float | None, margin: float) -> int:
    """Give the number of samples at which a sequential design gives a single case up.

    It is 1.5 times that of the fixed design whose errors are both 0.05.

    >>> most_samples(0.9, 0.1)
    199
    """
    high = 0.5 if threshold is None else threshold
    low = max(0.0, high - margin)
    spread = _NORMAL_95 * (math.sqrt(high * (1 - high)) + math.sqrt(low * (1 - low)))
    return max(20, math.ceil(_TIMES_THE_FIXED_DESIGN * (spread / margin) ** 2)) if margin > 0 else 1000
