"""Requests that are left unanswered, which the middle of the pairs does not tell."""

import numpy as np
import pytest

from harness.decisions import decide
from tests.decisions.observations import observed, replace
from tests.decisions.suites import INCONCLUSIVE, PASSED


def blocks(unanswered, answers, **changes):
    """Pairs of blocks, of which the candidate left shares of the requests unanswered and is else about as quick."""
    unanswered = np.asarray(unanswered)
    shares = {f"c{i}": share for i, share in enumerate(unanswered.tolist())}
    fields = {"unit": "requests/s", "in_blocks": True, "margin_is_relative": True, "unanswered": shares}
    ours = 8 * (1 - unanswered) * answers
    return observed(ours[:, np.newaxis], np.full((len(ours), 1), 8.0), **{**fields, **changes})


def greens(shares_of, n_pairs, rng):
    """The share of green in 100 gates."""
    found = 0
    for _ in range(100):
        (verdict,) = decide([blocks(shares_of(n_pairs), np.exp(rng.normal(0, 0.02, n_pairs)))], 0.95)
        found += verdict.verdict is PASSED
    return found / 100


@pytest.mark.service
@pytest.mark.parametrize(("n_pairs", "most"), [(24, 0.05), (60, 0.02)])
@pytest.mark.parametrize(("n_requests", "burst"), [(20, 0.5), (20, 1 / 3), (4, None)])
def test_a_server_that_refuses_more_than_the_margin_in_few_blocks_is_not_green(n_pairs, most, n_requests, burst):
    """It refuses 7.5 % of all requests, of which the margin allows 5: its middle was that of one that refuses none."""
    rng = np.random.default_rng(17)

    def shares(n):
        if burst is None:
            return rng.binomial(n_requests, 0.075, n) / n_requests
        return np.where(rng.random(n) < 0.075 / burst, burst, 0.0)

    assert greens(shares, n_pairs, rng) <= most


def test_a_server_that_refuses_one_request_in_a_hundred_is_green():
    rng = np.random.default_rng(17)
    assert greens(lambda n: rng.binomial(20, 0.01, n) / 20, 24, rng) >= 0.95


def test_what_is_hidden_by_the_middle_is_said():
    (verdict,) = decide([blocks([0.5, 0.5] + [0.0] * 22, 1.0)], 0.95)
    assert verdict.verdict is INCONCLUSIVE
    assert verdict.reason.startswith(
        "the middle of the pairs passes, but the candidate left 4.17 % more of the requests unanswered "
        "than the baseline, in 2 of 24 blocks, and may leave 11.99 % more; mend the server, or measure more blocks"
    )


@pytest.mark.parametrize(("margin", "kind"), [(0.5, INCONCLUSIVE), (1.5, PASSED)])
def test_a_margin_in_the_unit_is_a_share_of_the_baseline(margin, kind):
    (verdict,) = decide([blocks([0.5, 0.5] + [0.0] * 22, 1.0, margin=margin, margin_is_relative=False)], 0.95)
    assert verdict.verdict is kind


def test_a_candidate_that_refuses_one_request_as_often_as_the_baseline_is_green():
    (verdict,) = decide([blocks([0.05, -0.05] * 12, np.ones(24))], 0.95)
    assert verdict.verdict is PASSED


def test_bursts_of_the_baseline_do_not_hide_those_of_the_candidate():
    """Six blocks against five counted as one of sixty."""
    (verdict,) = decide([blocks([0.5] * 6 + [-0.5] * 5 + [0.0] * 49, np.ones(60))], 0.95)
    assert verdict.verdict is INCONCLUSIVE
    assert "in 6 of 60 blocks, 4.17 % less in 5, and may leave 8.87 % more over all; mend" in verdict.reason


@pytest.mark.parametrize(("n_pairs", "baseline"), [(24, 0.05), (60, 0.1)])
def test_a_server_that_refuses_more_than_a_baseline_that_refuses_too_is_not_green(n_pairs, baseline):
    """Both in bursts; the candidate refuses 7.5 % more of all requests, of which the margin allows 5."""
    rng = np.random.default_rng(17)

    def bursts(share, n):
        return np.where(rng.random(n) < share / 0.5, 0.5, 0.0)

    assert greens(lambda n: bursts(baseline + 0.075, n) - bursts(baseline, n), n_pairs, rng) <= 0.05


def test_both_versions_that_refuse_one_request_in_a_hundred_are_green():
    rng = np.random.default_rng(17)
    assert greens(lambda n: (rng.binomial(20, 0.01, n) - rng.binomial(20, 0.01, n)) / 20, 24, rng) >= 0.95


def test_pairs_whose_unanswered_requests_are_not_known_are_not_green():
    (verdict,) = decide([replace(blocks([0.0] * 24, np.ones(24)), unanswered={})], 0.95)
    assert verdict.verdict is INCONCLUSIVE
    assert "the candidate left unanswered is not known: the blocks are of two runs, or the report is" in verdict.reason
