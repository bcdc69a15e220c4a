"""What slices come to, and what their evaluation makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from harness.decisions import decide, decided_after, first_looks
from harness.decisions.rule import n_comparisons
from harness.records import Verdict, VerdictKind
from tests.bench.bench_slices import UNEVEN, broken, shuffled, unbroken, verdict_of
from tests.decisions.observations import replace
from tests.decisions.suites import INCONCLUSIVE, PASSED, REGRESSED
from tests.simulated import SlicedShape, sliced

TOPICS = SlicedShape(cases=120, samples=3, margin=0.1, slices=4, about="suite")


def scores(shape=TOPICS, *, lost=(), every=0.0):
    """All right in both versions, but for the candidate's slices that are lost; drawn in a random order."""
    ours, theirs = np.ones((shape.cases, shape.samples)), np.ones((shape.cases, shape.samples))
    for number in lost:
        ours[number :: shape.slices] = 0.0
    if every:
        ours[:: round(1 / every)] = 0.0
    return shuffled(sliced(shape, ours, theirs), np.random.default_rng(1))


def kinds(verdict: Verdict) -> dict[str, str]:
    return {each.value: str(each.verdict) for each in verdict.slices}


# ------------------------------------------------------------------------------------------------------- what is red


@pytest.mark.parametrize("about", ["suite", "population"])
def test_a_lost_slice_is_red_though_the_mean_is_within_the_margin(about):
    shape = replace(TOPICS, cases=600, slices=20, about=about)
    verdict = verdict_of(scores(shape, lost=[3]))
    assert verdict.verdict is REGRESSED
    assert "slice 3 (30 cases) lower by more than 0.10" in verdict.reason
    worst = verdict.slices[0]
    assert (worst.field, worst.value, worst.n_cases, worst.verdict) == ("slice", "3", 30, REGRESSED)
    assert (worst.candidate.value, worst.baseline.value, worst.difference.value) == (0.0, 1.0, -1.0)
    assert worst.difference.high < -0.1
    assert REGRESSED not in {each.verdict for each in verdict.slices[1:]}


def test_a_slice_that_is_lower_by_less_than_its_margin_is_not_red():
    shape = replace(TOPICS, cases=1200, samples=20, slices=2)
    entry = scores(shape, lost=())
    entry.candidate[[int(name) % 2 == 1 and int(name) % 40 == 1 for name in entry.case_ids]] = 0.0  # 1 of 20 in slice 1
    verdict = verdict_of(replace(entry, slice_margin=0.2, margin=0.2))
    assert kinds(verdict) == {"0": "passed", "1": "passed"}
    assert verdict.slices[0].value == "1"
    strict = verdict_of(replace(entry, slice_margin=0.0, margin=0.2))
    assert kinds(strict)["1"] == "regressed"


def test_what_is_shown_to_be_lower_and_not_by_the_margin_is_open():
    shape = replace(TOPICS, cases=80, samples=20, slices=2)
    entry = scores(shape)
    entry.candidate[[int(name) % 10 == 1 for name in entry.case_ids]] = 0.0
    verdict = verdict_of(replace(entry, slice_margin=0.199, margin=0.3))
    assert (verdict.slices[0].value, verdict.slices[0].verdict) == ("1", INCONCLUSIVE)
    assert verdict.slices[0].reason == "lower, not shown to be by more than 0.20"
    assert verdict.verdict is PASSED


def test_against_a_threshold_a_slice_fails_below_it_by_more_than_the_margin():
    shape = replace(TOPICS, threshold=0.7)
    entry = scores(shape, lost=[2])
    verdict = verdict_of(replace(entry, baseline=None))
    assert verdict.verdict is VerdictKind.FAILED
    assert verdict.reason.startswith("slice 2 (16 cases) below the threshold 0.70 by more than 0.10; all cases: proven")
    assert verdict.slices[0].baseline is None
    assert verdict.slices[0].difference.value == pytest.approx(-0.7)


def test_of_two_open_comparisons_the_one_that_needs_more_is_the_reason_of_a_slice():
    for each in verdict_of(scores(replace(TOPICS, cases=24, threshold=0.9))).slices:
        assert each.verdict is INCONCLUSIVE
        assert f"about {each.samples_needed // each.n_cases} more samples a case would decide it" in each.reason


def test_lower_is_better_where_the_measure_says_so():
    entry = replace(scores(lost=[1]), higher_is_better=False)
    verdict = verdict_of(replace(entry, candidate=1 - entry.candidate, baseline=1 - entry.baseline))
    assert verdict.slices[0].value == "1"
    assert verdict.slices[0].difference.low > 0.1
    assert "higher by more than 0.10" in verdict.reason


def test_an_aim_at_no_difference_is_red_for_a_slice_on_either_side():
    entry = replace(scores(replace(TOPICS, samples=8), lost=[1]), aim="same")
    turned = replace(entry, candidate=entry.baseline, baseline=entry.candidate)
    for one in (entry, turned):
        assert kinds(verdict_of(one))["1"] == "regressed"


def test_several_red_slices_are_counted_and_named():
    verdict = verdict_of(scores(replace(TOPICS, cases=600, slices=20, margin=0.3), lost=[3, 7]))
    assert verdict.reason.startswith(
        "2 slices are worse: slice 3 (30 cases) lower by more than 0.30; slice 7; all cases:"
    )


# ---------------------------------------------------------------------------------------------- what passes, and when


def test_slices_never_keep_an_evaluation_from_passing():
    verdict = verdict_of(scores(replace(TOPICS, samples=1, cases=100, slices=20)))
    assert verdict.verdict is PASSED
    assert set(kinds(verdict).values()) == {"inconclusive"}


def test_sampling_goes_on_until_every_slice_is_settled():
    shape = replace(TOPICS, cases=800, slices=2)
    entry = scores(shape)
    alone = decided_after([replace(entry, slices=())], 0.045, 0.045)
    together = decided_after([entry], 0.045, 0.045)
    assert alone < together < 800
    assert verdict_of(entry).n_cases > alone
    assert set(kinds(verdict_of(entry)).values()) == {"passed"}
    assert decided_after([scores(replace(shape, cases=100, slices=10))], 0.045, 0.045) is None


def test_a_red_evaluation_tells_which_slices_are_worse():
    shape = replace(TOPICS, cases=800, slices=2)
    verdict = verdict_of(scores(shape, lost=[1]))
    assert kinds(verdict) == {"1": "regressed", "0": "passed"}
    assert verdict.n_cases < 800


def test_of_slices_that_are_not_drawn_nothing_is_known():
    entry = scores(TOPICS, lost=[1])
    ids = [row for row, name in enumerate(entry.case_ids) if int(name) % 4 != 2][:40]
    verdict = verdict_of(replace(entry.rows(ids), stopped_at="max_requests 10"))
    unknown = next(each for each in verdict.slices if each.value == "2")
    assert (unknown.n_cases, unknown.n_planned, unknown.candidate) == (0, 30, None)
    assert (unknown.verdict, unknown.reason) == (INCONCLUSIVE, "no case has a score")


def test_a_slice_of_a_single_case_is_weighed_by_its_samples():
    entry = scores(replace(TOPICS, cases=40, slices=2, samples=40))
    one = entry.case_ids[5]
    entry.candidate[5] = 0.0
    own = replace(entry.slices[0], value="one", case_ids=frozenset([one]), size=1, horizon=1)
    verdict = verdict_of(replace(entry, slices=(*entry.slices, own)))
    assert (verdict.slices[0].value, verdict.slices[0].verdict) == ("one", REGRESSED)


def test_a_part_of_the_cases_shows_slices_and_decides_nothing():
    verdict = verdict_of(replace(scores(lost=[1]), undecided="a part"))
    assert verdict.verdict is INCONCLUSIVE
    assert {each.verdict for each in verdict.slices} == {INCONCLUSIVE}
    assert verdict.slices[0].difference.value == -1.0


def test_with_nothing_required_slices_are_measured():
    verdict = verdict_of(replace(scores(lost=[1]), baseline=None))
    assert (verdict.verdict, verdict.slices[0].reason) == (PASSED, "nothing required")
    assert {each.difference for each in verdict.slices} == {None}


# ------------------------------------------------------------------------------------------------------- error rates


def test_slices_together_are_one_comparison_more_for_each_that_all_cases_have():
    entry = scores()
    assert n_comparisons([replace(entry, slices=())]) == 1
    assert n_comparisons([entry]) == 2
    assert n_comparisons([replace(entry, threshold=0.5, max_lost=0)]) == 5


def test_bounds_are_those_of_the_levels_that_all_slices_share():
    wide, narrow = verdict_of(scores(replace(TOPICS, slices=20))), verdict_of(scores(replace(TOPICS, slices=2)))
    assert "upper bound one-sided at 0.998988, both simultaneous over 20 slices" in wide.slices[0].difference.method
    assert "upper bound one-sided at 0.989875, both simultaneous over 2 slices" in narrow.slices[0].difference.method


@pytest.mark.service
@pytest.mark.parametrize("about", ["suite", "population"])
def test_one_topic_of_twenty_that_is_wholly_broken_is_found(about):
    """Of 1,000 gates of each kind at least 990 find it: `make bench ARGS=slices`."""
    shape = SlicedShape(cases=600, samples=1, margin=0.1, slices=20, about=about)
    found = [verdict_of(broken(shape, np.random.default_rng([3, gate])), 20) for gate in range(15)]
    assert [each.verdict is REGRESSED for each in found] == [True] * 15
    assert sum(each.slices[0].value == "3" and each.slices[0].verdict is REGRESSED for each in found) >= 14


@pytest.mark.service
@pytest.mark.parametrize("kind", ["alike", "spread", "clusters"])
def test_slices_at_their_margins_are_seldom_red(kind):
    shape = replace(UNEVEN, cases=120, slices=6)
    reds = sum(verdict_of(unbroken(shape, kind, np.random.default_rng([4, g]))).verdict.is_red for g in range(40))
    assert reds <= 4


def test_what_came_later_takes_nothing_back():
    """The rows that decided it decide it again, whatever was drawn beyond them."""
    entry = scores(replace(TOPICS, cases=800, slices=2), lost=[1])
    end = decided_after([entry], 0.045, 0.045)
    assert [decided_after([entry.first(n)], 0.045, 0.045) for n in (end - 1, end, end + 50)] == [None, end, end]
    assert VerdictKind.REGRESSED in {each.verdict for each in verdict_of(entry.first(end + 50)).slices}


@pytest.mark.parametrize(("strict", "n_parts"), [({}, 2), ({"max_lost": 0}, 3)])
def test_what_slices_and_lost_cases_may_spend_stays_theirs_where_another_comparison_is_red(strict, n_parts):
    """Two evaluations share 0.0405. The mean of the first is red and frees its own part alone: its slices, lost cases
    and the other evaluation have no more together than there was.
    """
    worse = replace(scores(lost=[0, 1, 2, 3]), id="worse", **strict)
    other = replace(scores(), id="other", slices=(), **strict)
    first, second = decide([worse, other], 0.95, looks=first_looks(["worse", "other"]))
    half, others = 0.0405 / 2, 1 if not strict else 2
    assert first.verdict is REGRESSED
    freed = half / (1 - 0.5 / n_parts) / others
    assert second.checks[0].red_level == pytest.approx(freed)
    assert freed * others + half * (n_parts - 1) / n_parts <= 0.0405
