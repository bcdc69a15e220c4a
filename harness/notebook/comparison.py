"""Weighs scores that a script has, or stored runs, by the rule of a gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import numpy as np

from harness.config import Settings, typed
from harness.config.settings import check_setting
from harness.decisions import Observations, decide, first_looks
from harness.errors import UsageError, choices
from harness.gate.evaluations.evaluation import read_plan
from harness.gate.evaluations.kinds import misfits, without_ratio
from harness.gate.history.comparison import ComparisonOptions, sides
from harness.gate.history.comparison import compare as weigh
from harness.notebook.runs import LoadedRun, open_place, place_of
from harness.notebook.scores import PairedScores, paired_scores
from harness.notebook.weighing import Weighing
from harness.records import Kind, Measure, Plan, Report, Usage, VersionRef
from harness.reporting.shared.names import find_evaluations
from harness.reporting.terminal.comparison import notes
from harness.scoring.results import METRIC, Reading, read_result
from harness.store.location import without_password

_WHERE = "compare"
_OF_THE_MARKER = ("margin", "threshold", "aim", "about")
_OF_A_MEASURE = ("unit", "at_least", "at_most", "statistic")
_OF_RUNS = ("evaluation", "case", "store")


class WeighingRule(TypedDict, total=False):
    """The arguments of `compare` beside the two sides; all may be left out.

    Attributes:
        margin: the largest drop that still counts as no worse: 0.05 where it is left out, that of the run for a run.
        confidence_level: 1 - error rate: 0.95 where it is left out, that of the run for a run.
        threshold: the score that is required of the new side, whatever the old one does.
        aim, about: as the marker has them.
        unit, at_least, at_most, statistic: of a measure, as `Measure` has them, where scores are none in [0, 1]; with
            `aim`, which says which way is better.
        evaluation, case: of runs: shell patterns that choose among what they hold.
        store: of runs: the store that has them, a path or a URL, for the one of the settings.
    """

    margin: float | str
    confidence_level: float
    threshold: float
    aim: Literal["higher", "lower", "same"]
    about: Literal["suite", "population"]
    unit: str
    at_least: float
    at_most: float
    statistic: str
    evaluation: str
    case: str
    store: str | Path


def compare(new: Any, old: Any = None, **rule: Unpack[WeighingRule]) -> Weighing:
    """Weigh one side against another, case by case, by the rule by which a gate decides.

    Two arrays, or two data frames, are weighed as a gate weighs an evaluation of a fixed design at its first look, and
    give the same figures. That look may be wrong as often as the confidence level says; a script keeps no ledger, so
    whoever compares again and again until it is green, or many things at once, is wrong more often.

    >>> import numpy as np
    >>> verdict = compare(np.ones((60, 5)), np.ones((60, 5)), margin=0.1)
    >>> print(verdict.verdict, round(verdict.low, 2))
    passed -0.01

    Args:
        new: what is under test: scores as an array, (n_cases,) or (n_cases, n_samples) with NaN for what is missing;
            a data frame with the columns `case` and `score`, a row for each sample, and `cluster` where cases depend on
            each other; or the name of a stored run or version (`"latest"`), or a run that was loaded.
        old: what it must be no worse than, of the same kind. None for the baseline of a stored run, and for scores with
            a threshold alone.
        rule: what is required, and of what; see `WeighingRule`.

    Raises:
        UsageError: the sides can't be paired, or the rule can't be.
    """
    _check_words(rule, WeighingRule.__annotations__)
    if isinstance(new, str | LoadedRun):
        return _of_runs(new, old, rule)
    if isinstance(old, str | LoadedRun):
        raise UsageError("compare: old is a stored run and new is none; two runs are weighed, or two tables of scores.")
    _check_words(rule, [*_OF_THE_MARKER, "confidence_level", *_OF_A_MEASURE], " of scores")
    return _of_scores(paired_scores(new, old), rule)


def _check_words(rule: Mapping[str, Any], known: Any, of: str = "") -> None:
    for word in rule:
        if word not in known:
            raise UsageError(f"{_WHERE}{of}: {choices('keyword', word, known)}")


def _of_scores(scores: PairedScores, rule: Mapping[str, Any]) -> Weighing:
    kind, plan = _kind(rule), _plan(rule)
    level = check_setting("confidence_level", rule.get("confidence_level", 0.95), where=_WHERE)
    _check_range(scores, kind)
    observed = _observed(scores, kind, plan)
    wrong = [*misfits(METRIC, kind, plan.threshold, 0.0 if plan.margin_is_relative else plan.margin)]
    if wrong or (wrong := without_ratio(observed)):
        raise UsageError(f"{_WHERE}: {wrong[0]}.")
    if scores.baseline is None and plan.threshold is None:
        raise UsageError(f"{_WHERE}: nothing is required: give old scores, a threshold, or both.")
    verdicts = decide([observed], level, looks=first_looks([observed.id]))
    report = Report(
        run_id="",
        created="",
        exit_code=verdicts[0].verdict.exit_code,
        verdict=verdicts[0].verdict,
        confidence_level=level,
        candidate=VersionRef("new", ""),
        baseline=None if scores.baseline is None else VersionRef("old", ""),
        usage=Usage(),
        evaluations=verdicts,
    )
    return Weighing(report, scores.notes)


def _kind(rule: Mapping[str, Any]) -> Reading:
    """Read from the rule what the scores are: in [0, 1], or a measure."""
    given = {word: rule[word] for word in _OF_A_MEASURE if word in rule}
    higher = rule.get("aim") != "lower"
    if not given:
        return replace(read_result(1.0)[METRIC], higher_is_better=higher)
    if "unit" not in given:
        raise UsageError(f'{_WHERE}: {next(iter(given))} is of a measure, which has a unit, such as unit="s".')
    if "aim" not in rule:
        raise UsageError(
            f'{_WHERE}: unit={given["unit"]!r} does not say which way is better: add aim="lower", as of seconds, '
            'aim="higher", or aim="same" where neither is.'
        )
    least = given.get("at_least", 0.0 if "at_most" in given else None)
    value = 0.0 if least is None else least
    return read_result(Measure(value, higher_is_better=higher, **given))[METRIC]


def _plan(rule: Mapping[str, Any]) -> Plan:
    """Read from the rule what is required, as it is read from a marker."""
    given = {word: rule[word] for word in _OF_THE_MARKER if word in rule}
    return read_plan({**given, "design": "fixed"}, Settings(Path()), where=_WHERE, measures="unit" in rule)


def _check_range(scores: PairedScores, kind: Reading) -> None:
    least, most = kind.span
    for side, values in (("new", scores.candidate), ("old", scores.baseline)):
        if values is None:
            continue
        rows, columns = np.nonzero(np.isinf(values) | (values < least) | (values > most))
        if len(rows):
            what = 'scores lie in [0, 1]; of a measure, say its unit: unit="s"'
            if kind.unit is not None:
                what = "a measure is a finite number" + ("" if kind.at_most is None else f" from {least:g} to {most:g}")
            value, case = values[rows[0], columns[0]], scores.case_ids[rows[0]]
            raise UsageError(f"{_WHERE}: {side} holds {value:g} in {case}, and {what}.")


def _observed(scores: PairedScores, kind: Reading, plan: Plan) -> Observations:
    clusters, n_cases = scores.clusters, len(scores.case_ids)
    return Observations(
        id="new against old" if scores.baseline is not None else "new",
        metric=METRIC,
        plan=plan,
        case_ids=scores.case_ids,
        candidate=scores.candidate,
        baseline=scores.baseline,
        clusters=clusters,
        clusters_known_by=None if clusters is None else "field",
        largest_cluster=1 if clusters is None else max(Counter(clusters).values()),
        **kind.fields_of(Kind),
        n_planned=n_cases,
        suite_size=n_cases,
    )


def _of_runs(new: str | LoadedRun, old: Any, rule: Mapping[str, Any]) -> Weighing:
    _check_words(rule, ["margin", "confidence_level", *_OF_RUNS], " of stored runs")
    if not isinstance(old, str | LoadedRun | None):
        raise UsageError("compare: new is a stored run and old is none; two runs are weighed, or two tables of scores.")
    loaded = [each for each in (new, old) if isinstance(each, LoadedRun)]
    places = dict.fromkeys([*(each.store for each in loaded), *([place_of(rule["store"])] if "store" in rule else [])])
    if len(places) > 1:
        named = ", ".join(map(without_password, places))
        raise UsageError(f"compare: the runs are in different stores ({named}); `steelyard store merge` joins them.")
    ours, theirs = (each.id if isinstance(each, LoadedRun) else each for each in (new, new if old is None else old))
    chosen: dict[str, Any] = {"cases": rule["case"]} if "case" in rule else {}
    if "margin" in rule:
        chosen["margin"] = typed.check(typed.NotNegative, rule["margin"], "margin", where=_WHERE)
    if "confidence_level" in rule:
        chosen["confidence_level"] = check_setting("confidence_level", rule["confidence_level"], where=_WHERE)
    with open_place(next(iter(places), None)) as store:
        candidate, baseline = sides(store, ours, theirs)
        if "evaluation" in rule:
            ids = (verdict.id for verdict in candidate.report.evaluations)
            chosen["evaluations"] = find_evaluations(rule["evaluation"], ids, where=f"{_WHERE}: evaluation")
        comparison = weigh(store, candidate, baseline, ComparisonOptions(**chosen))
    weighed = f"{comparison.candidate.weighed}, against {comparison.baseline.weighed}"
    return Weighing(comparison.report, (weighed, *notes(comparison)))
