"""An evaluation as a run sees it: cases, body, requirement. Knows nothing of pytest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal

from harness.config.settings import About, Billion, Design, Margin, Samples, Settings
from harness.config.typed import (
    Must,
    NotNegative,
    Number,
    Seed,
    Share,
    Table,
    Text,
    check,
    names_of,
    read,
)
from harness.decisions import share_of
from harness.decisions.betting import may_pass_early
from harness.errors import CaseError, MarkerError, SettingsError
from harness.gate.evaluations.resemblance import Copies
from harness.gate.evaluations.slices import check_slices, read_slices
from harness.records import Case, Plan
from harness.records.plan import Candidates
from harness.scoring.judging import Rubrics
from harness.stages.fixtures import STAGE_FIXTURES
from harness.stages.inference.blocks.plan import LOAD_WORDS, BlockPlan


def _is_cluster(value: Any) -> bool:
    return value in (None, False) or (isinstance(value, str) and bool(value.strip()))


@dataclass(frozen=True, slots=True)
class MarkerWords(Table):
    """The keywords of the marker. What a threshold or a margin may be depends on the body, and is looked at there."""

    word: ClassVar[str] = "marker keyword"
    cases: Any = None
    samples: Samples | None = None
    max_samples: Billion | None = None
    threshold: Any = None
    margin: Any = None
    aim: Literal["higher", "lower", "same"] | None = None
    about: About | None = None
    design: Design | None = None
    per: Literal["suite", "case"] = "suite"
    cluster: Annotated[Any, Must(_is_cluster, "is not a text; write it in quotes.")] = None
    slices: Any = None
    slice_margin: Any = None
    max_lost: Seed | None = None
    requirement: Text | None = None
    review: Literal["uncertain", "failures", "all"] | None = None
    weighs: Literal["model", "judge"] = "model"
    sealed: bool = False
    task: Any = None
    load: Any = None


KEYWORDS = tuple(names_of(MarkerWords))
TASK_WORDS = ("metric", "num_fewshot", "apply_chat_template")
_LIMITS = ("threshold", "margin", "slice_margin")
Ending = Literal["failed", "skipped", "aborted", "error"]
Aggregation = Callable[[Sequence[Any]], Mapping[str, float]]
"""Makes named figures of the parts of many bodies."""


def samples_for_recording(n_samples: int, candidates: Candidates = "noted") -> int:
    """Return how many samples of a case a recorded baseline should have, for gates with so many: it is drawn once. All
    candidates that are counted have one bound of it.

    >>> samples_for_recording(1), samples_for_recording(10), samples_for_recording(10, "counted")
    (20, 40, 80)
    """
    return max(20, 4 * n_samples) * (1 if candidates == "noted" else 2)


# -- the marker ---------------------------------------------------------------------------------------------------


def read_plan(
    keywords: Mapping[str, Any],
    settings: Settings,
    *,
    where: str,
    measures: bool = False,
    exact: bool = False,
    options: Collection[str] = (),
) -> Plan:
    """The plan of a marker.

    Args:
        settings: those of the project, with the options laid over.
        where: the test function, for messages.
        options: settings that the command line gave, which win; with `for_baseline` all is drawn, and more of it;
            with `draw` all.
        measures: whether the body may return a `Measure`, so that the threshold is not confined to [0, 1].
        exact: whether a body comes to the same each time, so that one sample of a case is enough unless more are asked.

    Raises:
        MarkerError: an unknown keyword (with the nearest), or a value that can't be.
    """
    for keyword in keywords:
        for table, members in (("load", LOAD_WORDS), ("task", TASK_WORDS)):
            if keyword in members:
                raise MarkerError(f'{where}: {keyword}= is no marker keyword but a word of {table}={{"{keyword}": …}}.')
    words = read(MarkerWords, keywords, where=where, error=MarkerError)
    given = {name: getattr(words, name) for name in keywords if name not in options}
    values = {name: value for name, value in given.items() if value is not None}
    values |= {name: _limit(name, values[name], where, measures) for name in _LIMITS if name in values}
    is_recorded, candidates = "for_baseline" in options, _candidates(words, settings)
    samples = values.get("samples", settings.samples)
    samples = samples_for_recording(samples, candidates) if is_recorded and "samples" not in options else samples
    samples, design = words.samples or 1 if exact else samples, values.get("design", settings.design)
    if words.review is not None or candidates != "noted" or {"for_baseline", "measured"} & {*options}:
        design = "fixed"
    elif words.per == "case":
        design = "fixed" if exact or design == "fixed" else "sequential"
    slice_fields = read_slices(keywords, where=where)
    plan = Plan(
        requirement=values.get("requirement"),
        threshold=values.get("threshold"),
        margin=values.get("margin", settings.margin),
        margin_is_default="margin" not in values and settings.margin_is_default,
        margin_is_relative=is_relative(words.margin),
        samples=samples,
        max_samples=None if "measured" in options else values.get("max_samples", settings.max_samples),
        per=words.per,
        design=design,
        about=values.get("about", settings.about),
        aim=words.aim,
        cluster=values.get("cluster"),
        slice_fields=slice_fields,
        slice_margin=values.get("slice_margin", values.get("margin", settings.margin)) if slice_fields else None,
        max_lost=values.get("max_lost"),
        weighs=words.weighs,
        review_mode=words.review,
        is_exact=exact,
        candidates=candidates,
    )
    _check_plan(plan, where, measures)
    return plan


def _candidates(words: MarkerWords, settings: Settings) -> Candidates:
    return "sealed" if words.sealed else settings.candidates


def _limit(name: str, value: Any, where: str, measures: bool) -> float:
    if name != "threshold" and is_relative(value):
        if not measures:
            raise MarkerError(
                f"{where}: {name} = {value!r} is a share of what the baseline measured, and a score lies in [0, 1]: "
                "write a number, such as margin=0.05. A body that returns harness.Measure may have one in per cent."
            )
        return share_of_baseline(value, where)
    bounded, free = (Share, Number) if name == "threshold" else (Margin, NotNegative)
    try:
        limit: float = check(free if measures else bounded, value, name, where=where)
    except SettingsError as error:
        raise MarkerError(f"{error} A body that returns harness.Measure may have one in its unit.") from None
    return limit


def is_relative(margin: Any) -> bool:
    """Tell whether a margin is written in per cent, as "10 %"."""
    return isinstance(margin, str) and margin.strip().endswith("%")


def share_of_baseline(margin: str, where: str) -> float:
    """The share that a margin in per cent is of what the baseline measured."""
    try:
        percent = float(margin.strip().removesuffix("%"))
    except ValueError:
        percent = math.nan
    if not 0 <= percent < 100:
        raise MarkerError(f"{where}: margin = {margin!r} is no share from 0 up to 100 %, such as margin='10 %'.")
    return percent / 100


def _check_plan(plan: Plan, where: str, measures: bool) -> None:
    """Refuse a plan under which a version that is never right would pass, or that could never be decided."""
    threshold, margin = plan.threshold, plan.margin
    if not measures and plan.aim in (None, "higher") and threshold and margin >= threshold:
        raise MarkerError(
            f"{where}: margin = {margin:g}{', the default,' if plan.margin_is_default else ''} lets everything pass "
            f"against threshold = {threshold:g}: a score of 0 is no further below it. Lower the margin; a body that "
            "returns a measure says so: `-> harness.Measure`."
        )
    is_open = threshold is None or plan.margin_is_default or margin == 0
    if is_open and plan.per == "case" and plan.design != "fixed":  # it has to know what is demanded and allowed
        raise MarkerError(
            f'{where}: per="case" samples each case until it is decided, and needs a threshold and a margin above 0 '
            'for that, such as threshold=0.9, margin=0.1; or draw a fixed number of samples with design="fixed".'
        )
    if plan.review_mode is None:
        return
    clashes = {"per": plan.per == "case", "weighs": plan.weighs == "judge", "cluster": plan.cluster}
    for name, clash in {**clashes, "aim": plan.aim in ("lower", "same")}.items():
        if clash:
            raise MarkerError(
                f"{where}: review= asks people about a part of the cases, each weighed by itself, and does not go with "
                f"{name}={getattr(plan, name)!r}."
            )
    if margin == 0 or (threshold is not None and not margin < threshold < 1):
        shown = "" if threshold is None else f" and threshold = {threshold:g}"
        raise MarkerError(
            f"{where}: review= needs a margin above 0 and a threshold between the margin and 1: labels tell one "
            f"from the other. It has margin = {margin:g}{shown}."
        )


def with_blocks(plan: Plan, *, is_relative: bool) -> Plan:
    """The plan of an evaluation whose body takes `load`: pairs of blocks are its cases. Where the marker says no margin
    it is a share of the baseline's figure.
    """
    own = replace(plan, in_blocks=True, samples=1, design="fixed", about="population", cluster=False)
    return replace(own, margin_is_relative=plan.margin_is_relative or is_relative)


def with_design(plan: Plan, n_cases: int, confidence_level: float) -> Plan:
    """The plan with the design that decides more often for its size, where the plan leaves it open.

    About these cases that is the sequential one at any size, for it ends with all of them. About cases like these a
    small suite is decided more often by the bounds of all of it than by bets on the way.
    """
    if plan.design != "auto":
        return plan
    bets = plan.about == "suite" or may_pass_early(n_cases, plan.margin, (1 - confidence_level) * share_of(1))
    fits = plan.max_samples is None or n_cases * plan.samples <= plan.max_samples
    return replace(plan, design="sequential" if bets or not fits else "fixed")


def is_exact(wants: Collection[str]) -> bool:
    """Tell whether each run of a body that takes these fixtures comes to the same.

    >>> is_exact({"case", "weights"}), is_exact({"case", "weights", "model"}), is_exact({"case"})
    (True, False, False)
    """
    others = set(wants) - {"case"}
    return bool(others) and all(name in STAGE_FIXTURES and STAGE_FIXTURES[name].is_exact for name in others)


def _check_counted(plan: Plan, where: str) -> None:
    """Refuse to count candidates where they have no draws of their own that a verdict is about."""
    clashes = {"load=": plan.in_blocks, "review=": plan.review_mode, 'per="case"': plan.per == "case"}
    clash = next((name for name, is_so in clashes.items() if is_so), 'about="population"')
    if plan.candidates != "noted" and (plan.about != "suite" or clash in clashes):
        asked = "sealed=True" if plan.candidates == "sealed" else 'candidates = "counted"'
        raise MarkerError(
            f"{where}: {asked} does not go with {clash}: candidates are counted by draws of their own on the same "
            'cases, so that a verdict is about all of these cases (about="suite"), by their scores.'
        )


def check_evaluation(plan: Plan, cases: tuple[Case, ...], *, where: str, is_part: bool = False) -> None:
    """Refuse what can't be run, by a `MarkerError` or `CaseError`, before anything is paid for."""
    check_slices(plan.slice_fields, cases, where=where, is_part=is_part)
    _check_counted(plan, where)
    lacking = next((case for case in cases if plan.cluster and plan.cluster not in case), None)
    if lacking is not None:
        raise CaseError(
            f"{where}: cluster={plan.cluster!r}, but case {lacking.id!r} has no such field: {', '.join(lacking)}."
        )
    drawn, what = len(cases) * plan.samples, f"{len(cases)} cases × {plan.samples} samples are "
    if plan.design == "sequential":
        drawn, what = plan.samples, "a sequential design draws at least "
    if plan.max_samples is not None and drawn > plan.max_samples:
        raise MarkerError(
            f"{where}: {what}{drawn:,} samples, more than max_samples = {plan.max_samples:,}. "
            "Lower samples, choose cases with --case, or raise max_samples."
        )


# -- the evaluation -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One test function with its cases: the unit that gets a verdict.

    Attributes:
        id: stable and unique in the run.
        body: called as `body(case=…, model=…, baseline=…, judge=…)` with those of `wants` that it names.
        classify: what an exception of the body means.
        wants: which of "case", "model", "baseline", "judge" and the stage fixtures the body takes.
        arguments: what the body gets besides, the same for all calls.
        aggregation: makes figures over all cases of the parts that the body's readings have; None where it has none.
        rubrics: those that its body names to the judge.
        copies: its cases that are copies of each other; None where there are none, or they were not looked for.
        is_part: whether it is measured and decides nothing: `--case` leaves cases out, or it is drawn for a hybrid.
        prompting, metric: how documents of its task become prompts, and which metrics are weighed; "" without one.
        may_measure: whether its body may return a `Measure`, of which not every kind can be bet on.
        blocks: of time that are measured under load, for a body that takes `load`; None for all others.
    """

    id: str
    plan: Plan
    cases: tuple[Case, ...]
    body: Callable[..., Any]
    classify: Callable[[BaseException], Ending]
    wants: frozenset[str] = frozenset({"case", "model"})
    arguments: Mapping[str, Any] = field(default_factory=dict)
    aggregation: Aggregation | None = None
    rubrics: Rubrics = field(default_factory=Rubrics)
    copies: Copies | None = None
    is_part: bool = False
    prompting: str = ""
    metric: str = ""
    may_measure: bool = False
    blocks: BlockPlan | None = None

    @property
    def is_pairwise(self) -> bool:
        """True if the body itself compares candidate and baseline, so that it is not run for the baseline alone."""
        return "baseline" in self.wants

    @property
    def weighs_judge(self) -> bool:
        """True if the version under test is the judge, so that none is named beside it."""
        return self.plan.weighs == "judge"

    @property
    def no_anchor(self) -> str:
        """Why it is weighed against the baseline alone, whatever the anchor; "" where it is weighed against both."""
        kinds = {
            "its body compares with the baseline itself": self.is_pairwise,
            "blocks are measured in pairs": self.plan.in_blocks,
            "people are shown the answers of candidate and baseline": self.plan.review_mode is not None,
        }
        return next((why for why, is_so in kinds.items() if is_so), "")

    @property
    def needs_version(self) -> bool:
        """True if the version under test itself is asked, and not a judge alone."""
        return self.weighs_judge or bool(self.wants & {"model", "baseline"})

    @property
    def bound_names(self) -> frozenset[str]:
        """The fixtures of the version under test: those that the body wants, and those that weighing needs beside."""
        beside = {"server"} if self.plan.in_blocks else {"model"} if self.weighs_judge else frozenset()
        return self.wants | beside

    @property
    def stages(self) -> tuple[str, ...]:
        """The stage fixtures that the body takes, in the order of their table."""
        return tuple(name for name in STAGE_FIXTURES if name in self.bound_names)

    @property
    def clusters(self) -> tuple[object, ...] | None:
        """The value of the cluster field of each case; else what it is a copy of, where any is one and that counts.

        People label cases one by one (`review`), so there copies count as cases.
        """
        if name := self.plan.cluster:
            return tuple(str(case[name]) for case in self.cases)
        counts = name is None and self.plan.review_mode is None
        return self.copies.labels if self.copies is not None and counts else None


def clusters_of(evaluation: Evaluation, kept: Sequence[int]) -> dict[str, Any]:
    """The clusters of these cases as observations have them: the user's, else what is a copy of what."""
    labels = None if evaluation.clusters is None else tuple(evaluation.clusters[i] for i in kept)
    if labels is not None and evaluation.plan.cluster:
        return {"clusters": labels, "clusters_known_by": "field"}
    if labels is not None and len(set(labels)) < len(labels):
        return {"clusters": labels, "clusters_known_by": "texts"}
    return {}


def bet_on_together(evaluation: Evaluation) -> int:
    """The most cases that are one bet by their sum: the user's largest cluster. Copies are one by their mean."""
    return max(Counter(evaluation.clusters if evaluation.plan.cluster else None).values(), default=1)
