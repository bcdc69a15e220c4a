"""Someone who wants a certain verdict, sees everything, and runs the gate again and again in other ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from harness.config import Settings
from harness.decisions import Observations, decide
from harness.gate.evaluations.evaluation import Evaluation, read_plan
from harness.gate.evaluations.slices import case_slices
from harness.gate.planning.simulation import Shape, observed, sampled
from harness.gate.sampling.ledger import Entry, Family, enter_looks
from harness.gate.sampling.order import order_of
from harness.records import Case, Role, Verdict, VerdictKind
from harness.statistics.arrays import FloatArray
from harness.store.ledger import LookRow, Settle
from tests.bench.sampling import ROOT
from tests.decisions.observations import replace
from tests.simulated import SlicedShape, means_of, uneven

Wrong = Literal["red", "green"]
KINDS: tuple[Wrong, ...] = ("red", "green")
RERUNS = 6


@dataclass(frozen=True)
class Command:
    """The command that runs the gate, which an adversary may change from run to run.

    Attributes:
        samples: of a case, times those of the start; at most 8.
        cases: blocks of cases: the first are those of the start, each other one adds half as many.
        most: of the samples of all cases, the share that may be drawn.
        design, about, margin: as markers have them; None for those of the start.
        fresh: how many times all was drawn anew.
        chosen: the evaluations that run, as `-k` and `--lf` choose them; None for all.
    """

    samples: int = 1
    cases: int = 1
    most: float = 1.0
    seed: int = 0
    design: str | None = None
    about: str | None = None
    margin: float | None = None
    fresh: int = 0
    chosen: tuple[int, ...] | None = None


Move = Callable[[Command, tuple[int, ...], np.random.Generator], Command]
MOVES: Mapping[str, Move] = {
    "samples": lambda command, *_: replace(command, samples=min(8, 2 * command.samples)),
    "cases": lambda command, *_: replace(command, cases=command.cases + 1),
    "max_samples": lambda command, _, rng: replace(command, most=float(rng.choice([0.4, 0.7, 1.0]))),
    "seed": lambda command, *_: replace(command, seed=command.seed + 1),
    "design": lambda command, *_: replace(command, design="fixed" if command.design != "fixed" else "sequential"),
    "about": lambda command, *_: replace(command, about="population" if command.about != "population" else "suite"),
    "margin": lambda command, _, rng: replace(command, margin=float(rng.choice([0.03, 0.05, 0.08]))),
    "fresh": lambda command, *_: replace(command, fresh=command.fresh + 1),
    "lf": lambda command, left, _: replace(command, chosen=left),
}
"""The changes from one run to the next, given what has not passed, as `--lf` has it, and chance."""
ADVERSARIES: Mapping[str, tuple[str, ...]] = {
    "more samples": ("samples",),
    "more cases": ("cases",),
    "other seeds and designs": ("seed", "design"),
    "all drawn anew": ("fresh",),
    "only what is not decided, with more samples": ("lf", "samples"),
    "anything": (),
}
"""The moves of each in turn and from the start again; any of all at random where there is none."""


class _Looks:
    """A ledger that is kept in memory."""

    def __init__(self) -> None:
        self.rows: Sequence[LookRow] = ()

    def settle(self, candidate: str, settle: Settle) -> None:
        """See `harness.store.ledger.LookStore`."""
        rows = (*self.rows, *settle(self.rows))
        self.rows = list({(row.evaluation_id, row.number): row for row in rows}.values())


@dataclass
class _Truth:
    """The truth of one evaluation, (n,) means of all cases so far, and all that was drawn of it."""

    shape: Shape
    drop: float
    rng: np.random.Generator
    means: dict[Role, FloatArray] = field(default_factory=dict)
    blocks: int = 0
    drawn: dict[tuple[Role, int], FloatArray] = field(default_factory=dict)

    def grow(self, blocks: int) -> None:
        """Make the cases of so many blocks: in each, the candidate is as far from the other as is true."""
        while self.blocks < blocks:
            size = max(1, self.shape.cases // 2) if self.blocks else self.shape.cases
            ours, theirs = means_of(replace(self.shape, cases=size), self.drop, self.rng)
            assert theirs is not None
            if isinstance(self.shape, SlicedShape) and self.drop == 0:
                ours = uneven(self.shape, theirs)
            for role, new in (("candidate", ours), ("baseline", theirs)):
                self.means[role] = np.concatenate([self.means.get(role, np.empty(0)), new])  # type: ignore[index,call-overload]
            self.blocks += 1

    def scores(self, role: Role, generation: int, samples: int) -> FloatArray:
        """Scores of all cases, (cases, samples), each the same whenever it is asked for."""
        known = self.drawn.get((role, generation), np.empty((0, 0)))
        if known.shape[0] < len(self.means[role]) or known.shape[1] < samples:
            new = sampled(self.means[role], max(samples, known.shape[1]), self.shape.spread.noise, self.rng)
            new[: known.shape[0], : known.shape[1]] = known
            self.drawn[role, generation] = known = new
        return known[:, :samples]


def attacked(moves: Sequence[str], wrong: Wrong, shapes: Sequence[Shape], seed: Sequence[int]) -> bool:
    """Tell whether someone who reruns a gate six times by these moves gets a wrong verdict once.

    For a false red nothing is worse: each evaluation is as good as what it is weighed against. For a false green one is
    worse by its margin, over the cases that it has, and it is that one that the adversary wants to pass.
    """
    rng = np.random.default_rng(seed)
    truths = [_Truth(shape, 0.0 if wrong == "red" or i else shape.margin, rng) for i, shape in enumerate(shapes)]
    looks, command, left = _Looks(), Command(), set(range(len(shapes)))
    for number in range(RERUNS + 1):
        before = command
        if number:
            move = moves[(number - 1) % len(moves)] if moves else str(rng.choice(list(MOVES)))
            command = MOVES[move](command, tuple(sorted(left or range(len(shapes)))), rng)
        verdicts = _run(truths, command, looks, is_fresh=command.fresh > before.fresh)
        found = {int(verdict.id): verdict.verdict for verdict in verdicts}
        if wrong == "red" and any(kind.is_red for kind in found.values()):
            return True
        is_within = truths[0].drop >= (truths[0].shape.margin if command.margin is None else command.margin)
        if wrong == "green" and found.get(0) is VerdictKind.PASSED and is_within:
            return True
        left = left - found.keys() | {name for name, kind in found.items() if kind is not VerdictKind.PASSED}
    return False


def _run(truths: Sequence[_Truth], command: Command, looks: _Looks, *, is_fresh: bool) -> tuple[Verdict, ...]:
    """One run of the gate: entered into the ledger, drawn in its order, and decided by the gate's rule."""
    evaluations = {}
    for number in range(len(truths)) if command.chosen is None else command.chosen:
        truths[number].grow(command.cases)
        evaluations[number] = _evaluation(number, truths[number], command)
    newest = (command.fresh,) if is_fresh else tuple(range(command.fresh, -1, -1))
    family = Family(
        candidate="candidate",
        against="baseline",
        evaluations=tuple(map(str, range(len(truths)))),
        confidence_level=0.95,
        seed=command.seed,
        draws={"candidate": newest, "baseline": newest},
        is_fresh=is_fresh,
    )
    known = enter_looks(looks, family, "run", list(evaluations.values()))
    entries = [_observed(truths[number], each, known[str(number)]) for number, each in evaluations.items()]
    return decide(entries, 0.95, looks={name: entry.look for name, entry in known.items()}, tells_lost=False)


def _evaluation(number: int, truth: _Truth, command: Command) -> Evaluation:
    shape, samples = truth.shape, truth.shape.samples * command.samples
    n_cases, slices = len(truth.means["candidate"]), shape.slices if isinstance(shape, SlicedShape) else 0
    marker = {
        "samples": samples,
        "margin": shape.margin if command.margin is None else command.margin,
        # A fixed design is refused where it does not fit.
        "design": "sequential" if command.most < 1 else command.design or shape.design,
        "about": command.about or shape.about,
        **({"max_samples": round(command.most * n_cases * samples)} if command.most < 1 else {}),
        **({"slices": ["slice"], "slice_margin": shape.margin} if slices else {}),
    }
    plan = read_plan(marker, Settings(root=ROOT), where="bench")
    cases = tuple(Case({"id": str(case), "slice": str(case % max(1, slices))}) for case in range(n_cases))
    return Evaluation(str(number), plan, cases, lambda: None, lambda _: "error")


def _observed(truth: _Truth, evaluation: Evaluation, entry: Entry) -> Observations:
    order, plan = order_of(evaluation, 2, 0, drawn=entry.order).cases, evaluation.plan
    ours, theirs = (
        truth.scores(role, (entry.draws(role) or (0,))[0], plan.samples)[np.array(order)]
        for role in ("candidate", "baseline")
    )
    shape = replace(truth.shape, margin=plan.margin, design=plan.design, about=plan.about, cases=len(order))  # type: ignore[arg-type]
    return replace(
        observed(shape, ours, theirs, evaluation.id),
        case_ids=tuple(evaluation.cases[number].id for number in order),
        stakes=None if entry.question is None else entry.question.stakes,
        slices=case_slices(
            plan.slice_fields,
            evaluation.cases,
            entry.order or order,
            entry.question.stakes.horizon if entry.question else 0,
        ),
        slice_margin=truth.shape.margin,
    )
