"""The most that a gate can ask and cost, by what the store has. No model is asked, and nothing is built or made."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from statistics import fmean
from typing import Any, NamedTuple

from harness.config import Settings
from harness.config.artifacts import Builds, knowing
from harness.config.roles import candidate_name, judge_names, names_against
from harness.errors import StoreError, UsageError
from harness.gate.evaluations.evaluation import Evaluation
from harness.gate.history.answers import StoredAnswer, answers_of_run
from harness.gate.runs.notes import evaluation_notes
from harness.gate.runs.opening import BASELINE_FIRST_INDEX
from harness.gate.sampling.order import order_of
from harness.models.version import load_version
from harness.records import Price, Role, Sample
from harness.stages.building import built
from harness.store import Store, store_url

_NEWEST = 10
"""Runs that are looked at."""


class Left(NamedTuple):
    """What is left to ask, at most, beside what is stored: a body counts for one, or for the longest conversation that
    is. `cost` is at the dearest of each evaluation, `wall_s` at their mean latency; None where they are not known.
    """

    n_requests: int
    n_stored: int
    cost: float | None
    wall_s: float | None


def forecast(
    settings: Settings,
    evaluations: Sequence[Evaluation],
    *,
    recorded: Collection[Role] = (),
    is_drawn_anew: bool = False,
) -> Left:
    """The most that a gate of these evaluations can ask, within the limits of the settings.

    Args:
        recorded: the roles that no version is asked in.
        is_drawn_anew: whether nothing that is stored counts.

    Raises:
        UsageError: no candidate or judge can be told, or the store can't be read.
    """
    asking = [each for each in evaluations if (each.needs_version or "judge" in each.wants) and each.blocks is None]
    judges = judge_names(settings) if any(map(_is_judged, asking)) else ()
    roles: dict[Role, str] = {"candidate": candidate_name(settings), **names_against(settings, recorded)}
    answers: dict[str, list[StoredAnswer]] = defaultdict(list)
    bodies: dict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
    for answer, is_own in _stored(settings, {each.id: each for each in asking}, roles, judges):
        answers[answer.evaluation_id].append(answer)
        if is_own and not is_drawn_anew:
            bodies[answer.evaluation_id, answer.role].add((answer.case_id, answer.sample_index))
    n, n_kept, cost, wall_s = 0, 0, 0.0, 0.0
    for each in asking:
        order = order_of(each, len(roles) + len(recorded), settings.seed, may_be_cut=settings.limits.bounded)
        samples = [answer.sample for answer in answers[each.id] if answer.sample is not None]
        n_judged = len(judges) * (1 + each.is_pairwise) * _is_judged(each)
        n_asks = max((1 + len(answer.earlier) for answer in answers[each.id]), default=1) * each.needs_version
        own = {role: name for role, name in roles.items() if role != "anchor" or not each.no_anchor}
        for role in [*own][: 1 if each.is_pairwise else None]:
            sides = list(own.values()) if each.is_pairwise else [own[role]]
            n_own = min(order.n_bodies, sum(sample < order.n_samples for _, sample in bodies[each.id, role]))
            left, n_of_body = order.n_bodies - n_own, n_asks * len(sides) + n_judged
            n, n_kept = n + left * n_of_body, n_kept + n_own * n_of_body
            if left:
                costs = [_cost(sample, settings.version(name).price) for name in sides for sample in samples]
                is_known = costs and not n_judged and not any(map(math.isnan, costs))
                cost += left * len(sides) * (max(costs) if is_known else math.nan)
                latencies = [sample.latency_s for sample in samples if sample.latency_s is not None]
                wall_s += left * len(sides) * (fmean(latencies) if latencies and not n_judged else math.nan)
    limits = settings.limits
    n = n if limits.max_requests is None else min(n, limits.max_requests)
    return Left(n, n_kept, _least(cost, limits.max_cost), _least(wall_s / settings.concurrency, limits.deadline_s))


def _stored(
    settings: Settings, asking: Mapping[str, Evaluation], roles: Mapping[Role, str], judges: Sequence[str]
) -> Iterator[tuple[StoredAnswer, bool]]:
    """The answers that the newest runs have of these evaluations, and whether a gate would have each from the store:
    drawn of the same version in the same role, for the same cases, by the same code and judges.
    """
    own, versions = _digests(evaluation_notes((each, "") for each in asking.values())), {*roles.values(), *judges}
    with suppress(StoreError), Store.open(store_url(settings), readonly=True) as store:
        with knowing(Builds(store.builds.contents(), is_offline=True)):
            prints = {name: _fingerprint(settings, name) for name in versions}
        for run in reversed(store.runs()[-_NEWEST:]):
            theirs = _digests(run.spec)
            is_same = {name for name in theirs if theirs[name] == own.get(name)}
            if {each["fingerprint"] for each in run.spec.get("judges", ())} != {prints[each] for each in judges}:
                is_same -= {name for name in asking if _is_judged(asking[name])}
            oldest = {role: time.time() - (settings.version(roles[role]).max_age_s or math.inf) for role in roles}
            wanted = {role: (prints[roles[role]], BASELINE_FIRST_INDEX * (role != "candidate")) for role in roles}
            noted = {role: (each["fingerprint"], each["first_index"]) for role in roles if (each := run.spec.get(role))}
            same_roles = {role for role in noted if noted[role] == wanted[role]}
            only = {name: [case.id for case in asking[name].cases] for name in asking.keys() & theirs.keys()}
            for answer in answers_of_run(store, run, only):
                if answer.sample is not None:
                    is_own = answer.evaluation_id in is_same and answer.role in same_roles
                    yield answer, is_own and (answer.sample.drawn_at or 0) >= oldest[answer.role]


def _fingerprint(settings: Settings, name: str) -> str:
    """The fingerprint of a version; "" of one that is not built, or that can't be read: nothing of it is stored."""
    with suppress(UsageError, OSError):
        return load_version(built(settings, name, offline=True), settings.root, offline=True).fingerprint
    return ""


def _digests(notes: Mapping[str, Any]) -> dict[str, tuple[str, str | None]]:
    """The digests of the cases and of the code of each evaluation."""
    code, sets = notes.get("code", {}), notes.get("datasets", ())
    return {name: (each["digest"], code.get(name)) for each in sets for name in each["evaluations"]}


def _is_judged(evaluation: Evaluation) -> bool:
    return "judge" in evaluation.wants and not evaluation.weighs_judge


def _cost(sample: Sample, price: Price | None) -> float:
    if price is None or sample.prompt_tokens is None or sample.completion_tokens is None:
        return math.nan if sample.cost is None else sample.cost
    return price.of(sample.prompt_tokens, sample.completion_tokens)


def _least(*figures: float | None) -> float | None:
    return min((each for each in figures if each is not None and not math.isnan(each)), default=None)
