"""Someone who wants a certain verdict, sees everything, and runs the gate again and again in other ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.decisions import Observations, decide
from harness.gate.evaluations.evaluation import Ending, Evaluation, EvaluationPlan
from harness.gate.evaluations.slices import SlicePlan, case_slices
from harness.gate.planning.calibration import GateShare, Wrong
from harness.gate.planning.simulation import Shape, observed, sampled, true_means, uneven
from harness.gate.sampling.bets import Draws
from harness.gate.sampling.ledger import Entry, Family, LookLedger
from harness.gate.sampling.order import order_of
from harness.records import Case, Role, Verdict, VerdictKind
from harness.statistics.arrays import FloatArray
from harness.statistics.intervals.proportions import clopper_pearson_interval
from harness.store.ledger import LookRow, Settle

_MORE_CASES = 0.5
"""New cases are so many times those that there were at first."""
_MOST_SAMPLES = 8
"""Samples are raised to so many times those of the start."""


@dataclass(frozen=True, slots=True)
class Command:
    """The command that runs the gate, which an adversary may change from run to run.

    Attributes:
        samples: of a case, times those of the start.
        cases: blocks of cases: the first are those of the start, each other one adds half as many.
        most: of the samples of all cases, the share that may be drawn, as `max_samples` bounds them.
        seed, design, about, margin: as the options and markers have them; None for those of the start.
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


Move = Callable[[Command, "Position"], Command]


@dataclass(frozen=True, slots=True)
class Position:
    """The facts that an adversary goes by before a rerun: what has not passed, as `--lf` has it, and chance."""

    left: tuple[int, ...]
    rng: np.random.Generator


def _margin(command: Command, position: Position) -> Command:
    return replace(command, margin=float(position.rng.choice([0.03, 0.05, 0.08])))


def _most(command: Command, position: Position) -> Command:
    return replace(command, most=float(position.rng.choice([0.4, 0.7, 1.0])))


MOVES: Mapping[str, Move] = {
    "samples": lambda command, _: replace(command, samples=min(_MOST_SAMPLES, 2 * command.samples)),
    "cases": lambda command, _: replace(command, cases=command.cases + 1),
    "max_samples": _most,
    "seed": lambda command, _: replace(command, seed=command.seed + 1),
    "design": lambda command, _: replace(command, design="fixed" if command.design != "fixed" else "sequential"),
    "about": lambda command, _: replace(command, about="population" if command.about != "population" else "suite"),
    "margin": _margin,
    "fresh": lambda command, _: replace(command, fresh=command.fresh + 1),
    "lf": lambda command, position: replace(command, chosen=position.left),
}
"""The changes that may be made from one run to the next."""


@dataclass(frozen=True, slots=True)
class Adversary:
    """Someone who reruns by certain moves.

    Attributes:
        moves: in turn and from the start again, or any of them at random.
        at_random: whether chance chooses.
        sees_ahead: whether every move is tried before one is made, so that the one that comes out as wanted is found.
            Nobody can do so where a move draws new samples: this is more than any real person can.
    """

    name: str
    moves: tuple[str, ...] = tuple(MOVES)
    at_random: bool = False
    sees_ahead: bool = False

    def next(self, command: Command, number: int, position: Position) -> list[Command]:
        """The commands of which one is the rerun of this number, counted from 0: the first is made if none helps."""
        names = self.moves
        if not self.at_random:
            return [MOVES[names[number % len(names)]](command, position)]
        shuffled = [str(name) for name in position.rng.permutation(names)]
        return [MOVES[name](command, position) for name in (shuffled if self.sees_ahead else shuffled[:1])]


ADVERSARIES = (
    Adversary("more samples", ("samples",)),
    Adversary("more cases", ("cases",)),
    Adversary("other seeds and designs", ("seed", "design")),
    Adversary("all drawn anew", ("fresh",)),
    Adversary("only what is not decided, with more samples", ("lf", "samples")),
    Adversary("anything", at_random=True),
)
SEER = Adversary("whatever comes out as wanted, known ahead", at_random=True, sees_ahead=True)
"""Worse than anybody can be, and ten times as long to simulate."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The share of gates in which an adversary got a wrong verdict."""

    adversary: str
    wrong: Wrong
    rate: GateShare


def is_exceeded(attempts: Sequence[Attempt], nominal: float) -> bool:
    """Tell whether any rate lies above the nominal one by more than chance explains (0.05 over all, Bonferroni)."""
    level = 1 - 0.05 / max(1, len(attempts))
    return any(
        clopper_pearson_interval(each.rate.count, each.rate.gates, level, "greater").low > nominal for each in attempts
    )


class _Looks:
    """A ledger that is kept in memory."""

    def __init__(self, rows: Sequence[LookRow] = ()) -> None:
        self.rows: Sequence[LookRow] = rows

    def settle(self, candidate: str, against: str, settle: Settle) -> Sequence[LookRow]:
        """See `harness.store.ledger.LookStore`."""
        own = [row for row in self.rows if (row.candidate, row.against) == (candidate, against)]
        rows = {(row.evaluation_id, row.number): row for row in (*own, *settle(own))}
        self.rows = list(rows.values())
        return self.rows


@dataclass(slots=True)
class _Truth:
    """The truth of one evaluation, and all that was drawn of it.

    Attributes:
        candidate, baseline: true means of all cases so far, (n,); no baseline against a threshold.
    """

    shape: Shape
    drop: float | None
    rng: np.random.Generator
    candidate: FloatArray = field(default_factory=lambda: np.empty(0))
    baseline: FloatArray | None = None
    blocks: int = 0
    drawn: dict[tuple[Role, int], FloatArray] = field(default_factory=dict)

    def grow(self, blocks: int) -> None:
        """Make the cases of so many blocks: in each, the candidate is as far from the other as is true."""
        while self.blocks < blocks:
            size = self.shape.cases if not self.blocks else max(1, round(_MORE_CASES * self.shape.cases))
            candidate, baseline = true_means(replace(self.shape, cases=size), self.drop, self.rng)
            if self.shape.slices and self.drop == 0 and baseline is not None:
                candidate = uneven(self.shape, baseline)
            self.candidate = np.concatenate([self.candidate, candidate])
            if baseline is not None:
                self.baseline = np.concatenate([np.empty(0) if self.baseline is None else self.baseline, baseline])
            self.blocks += 1

    def scores(self, role: Role, generation: int, samples: int) -> FloatArray:
        """Scores of all cases, (cases, samples), each the same whenever it is asked for."""
        means = self.candidate if role == "candidate" else self.baseline
        assert means is not None
        known = self.drawn.get((role, generation), np.empty((0, 0)))
        wide = max(samples, known.shape[1])
        if known.shape[0] < len(means) or known.shape[1] < wide:
            new = sampled(means, wide, self.shape.spread.noise, self.rng)
            new[: known.shape[0], : known.shape[1]] = known
            self.drawn[role, generation] = known = new
        return known[:, :samples]


@dataclass(frozen=True, slots=True)
class Trial:
    """The gates and reruns with which adversaries are tried.

    Attributes:
        gates: how many candidates, each with a ledger of its own.
        reruns: after the first run, at most.
        seed: of all that is drawn.
    """

    gates: int
    reruns: int = 6
    confidence_level: float = 0.95
    seed: tuple[int, ...] = (0,)


def attack(
    adversary: Adversary,
    wrong: Wrong,
    shapes: Sequence[Shape],
    trial: Trial,
    advance: Callable[[], None] = lambda: None,
) -> Attempt:
    """Measure how often someone who reruns a gate so many times gets a wrong verdict once.

    For a false red nothing is worse: each evaluation is as good as what it is weighed against. For a false green one is
    worse by its margin, over the cases that it has, and it is that one that the adversary wants to pass.

    Args:
        wrong: which verdict is wanted.
        advance: called after each gate.
    """
    count = 0
    for gate in range(trial.gates):
        count += _succeeds(adversary, wrong, shapes, trial, np.random.default_rng([*trial.seed, gate]))
        advance()
    return Attempt(adversary.name, wrong, GateShare(count, trial.gates))


def _succeeds(
    adversary: Adversary, wrong: Wrong, shapes: Sequence[Shape], trial: Trial, rng: np.random.Generator
) -> bool:
    drops = [0.0 if wrong == "red" or number else shape.margin for number, shape in enumerate(shapes)]
    truths = [_Truth(shape, drop, rng) for shape, drop in zip(shapes, drops, strict=True)]
    wanted = range(len(shapes)) if wrong == "red" else [0]
    looks, command, left = _Looks(), Command(), set(range(len(shapes)))
    for number in range(trial.reruns + 1):
        before, known = command, looks.rows
        position = Position(tuple(left or range(len(shapes))), rng)
        options = adversary.next(command, number - 1, position) if number else [command]
        for option in reversed(options):  # the first is tried last, and stays
            command, looks = option, _Looks(known)
            verdicts = _run(truths, command, looks, trial.confidence_level, is_fresh=command.fresh > before.fresh)
            found = {int(verdict.id): verdict.verdict for verdict in verdicts}
            if any(_is_wrong(found.get(i), wrong, truths[i], command) for i in wanted):
                return True
        left -= found.keys()
        left |= {name for name, kind in found.items() if kind is not VerdictKind.PASSED}
    return False


def _is_wrong(kind: VerdictKind | None, wrong: Wrong, truth: _Truth, command: Command) -> bool:
    """Tell whether a verdict is the wrong one that is wanted: a pass at a margin that the drop reaches, or a red."""
    if kind is None:
        return False
    if wrong == "red":
        return kind.is_red
    margin = truth.shape.margin if command.margin is None else command.margin
    return kind is VerdictKind.PASSED and truth.drop is not None and truth.drop >= margin


def _run(
    truths: Sequence[_Truth], command: Command, looks: _Looks, confidence_level: float, *, is_fresh: bool
) -> tuple[Verdict, ...]:
    """One run of the gate: entered into the ledger, drawn in its order, and decided by the gate's rule."""
    chosen = range(len(truths)) if command.chosen is None else command.chosen
    evaluations, entries = {}, []
    for number in chosen:
        truths[number].grow(command.cases)
        evaluations[number] = _evaluation(number, truths[number], command)
    has_baseline = any(truth.baseline is not None for truth in truths)
    newest = tuple(range(command.fresh, -1, -1)) if not is_fresh else (command.fresh,)
    roles: tuple[Role, ...] = ("candidate", "baseline") if has_baseline else ("candidate",)
    draws: dict[str, Draws] = dict.fromkeys(roles, newest)
    family = Family(
        candidate="candidate",
        against="baseline" if has_baseline else "",
        evaluations=tuple(map(str, range(len(truths)))),
        confidence_level=confidence_level,
        seed=command.seed,
        draws=draws,
        is_fresh=is_fresh,
    )
    ledger = LookLedger(looks, family, "run")
    known = ledger.enter(list(evaluations.values()))
    for number, evaluation in evaluations.items():
        entries.append(_observed(truths[number], evaluation, known[str(number)]))
    shares = {name: entry.look for name, entry in known.items()}
    return decide(entries, confidence_level, looks=shares, tells_claims=False)


def _evaluation(number: int, truth: _Truth, command: Command) -> Evaluation:
    shape, samples = truth.shape, truth.shape.samples * command.samples
    design = command.design or shape.design
    if command.most < 1:
        design = "sequential"  # a fixed one is refused where it does not fit
    plan = EvaluationPlan(
        cases=None,
        samples=samples,
        threshold=shape.threshold,
        margin=shape.margin if command.margin is None else command.margin,
        margin_is_default=False,
        max_samples=None if command.most == 1 else round(command.most * len(truth.candidate) * samples),
        per="suite",
        cluster=None,
        requirement=None,
        design=design,  # type: ignore[arg-type]
        about=command.about or shape.about,  # type: ignore[arg-type]
        slices=SlicePlan(("slice",), shape.margin) if shape.slices else None,
    )
    turns = max(1, shape.slices)
    cases = tuple(Case({"id": str(case), "slice": str(case % turns)}) for case in range(len(truth.candidate)))
    return Evaluation(str(number), plan, cases, _no_body, _no_ending)


def _observed(truth: _Truth, evaluation: Evaluation, entry: Entry) -> Observations:
    order = order_of(evaluation, 2, 0, drawn=entry.order(evaluation)).cases
    rows = np.array(order)
    plan = evaluation.plan
    found: dict[Role, FloatArray] = {}
    for role in ("candidate", "baseline") if truth.baseline is not None else ("candidate",):
        generation = (entry.draws(role) or (0,))[0]
        found[role] = truth.scores(role, generation, plan.samples)[rows]
    shape = replace(truth.shape, margin=plan.margin, design=plan.design, about=plan.about, cases=len(rows), slices=0)  # type: ignore[arg-type]
    scores = observed(shape, found["candidate"], found.get("baseline"), evaluation.id)
    return replace(
        scores,
        case_ids=tuple(evaluation.cases[number].id for number in order),
        stakes=None if entry.bets is None else entry.bets.stakes,
        max_lost=plan.max_lost,
        slices=case_slices(plan.slices, evaluation.cases, entry.order(evaluation) or order, entry.horizon),
        slice_margin=truth.shape.margin,
    )


def _no_body() -> None:
    """Stands for a body: scores are simulated."""


def _no_ending(_: BaseException) -> Ending:
    return "error"
