"""What looks may spend, and how red is corrected in a batch."""

import numpy as np
import pytest

from harness.decisions import Look, decide, first_looks, look_at, share_of, single_looks
from harness.decisions.looks import next_share, ordinal
from harness.records import VerdictKind
from harness.statistics.multiplicity import weighted_holm_levels
from tests.decisions.observations import observed, share_right


def test_all_looks_together_spend_at_most_all_also_where_each_may_choose_its_draws():
    assert sum(share_of(k) for k in range(1, 200)) <= 1
    assert sum(share_of(k) * max(1, k - 1) for k in range(1, 200)) == pytest.approx(1)


def test_a_look_is_counted_from_1():
    with pytest.raises(ValueError, match="below 1"):
        share_of(0)


def test_the_first_looks_of_a_gate_share_red_and_not_green():
    looks = first_looks("abcd")
    assert {round(look.share, 6) for look in looks.values()} == {0.9}
    assert sum(look.red_share for look in looks.values()) == pytest.approx(0.81)


def test_the_best_of_many_shares_the_level():
    assert look_at(1, 1, 1, best_of=30).share == pytest.approx(0.03)


def test_a_verdict_says_which_look_it_is_and_is_found_again_from_that():
    entry = observed(share_right(85, 100), share_right(90, 100))
    looks = {entry.id: look_at(2, 1, 4, because="samples 5 → 10")}
    (verdict,) = decide([entry], 0.95, looks=looks)
    assert (verdict.look.number, verdict.look.level) == (2, pytest.approx(0.0025))
    assert verdict.reason.endswith("; second look (samples 5 → 10): decided at 0.0025")
    (again,) = decide([entry], 0.95, looks={entry.id: verdict.look})
    assert again == verdict


def test_a_later_look_takes_more_evidence():
    entry = observed(np.ones((80, 5)), np.ones((80, 5)), n_planned=80, design="sequential")
    kinds = [decide([entry], 0.95, looks={entry.id: look_at(k, 1, 1)})[0].verdict for k in (1, 2)]
    assert kinds == [VerdictKind.PASSED, VerdictKind.INCONCLUSIVE]


def test_advice_is_reckoned_at_the_level_of_the_next_look():
    rng = np.random.default_rng(3)
    scores = [(rng.random((30, 5)) < 0.7).astype(float) for _ in range(2)]
    entry = observed(*scores, about="suite", margin=0.05, n_planned=30)
    alone, kept = (decide([entry], 0.95, looks=looks)[0] for looks in (None, first_looks([entry.id])))
    assert alone.verdict is kept.verdict is VerdictKind.INCONCLUSIVE
    assert kept.samples_needed > 1.5 * alone.samples_needed
    assert "more samples a case would decide it" in kept.reason


def test_numbers_of_looks_in_words():
    assert [ordinal(number) for number in (1, 2, 7, 11, 22, 23)] == ["first", "second", "7th", "11th", "22nd", "23rd"]


def test_nothing_is_kept_of_what_is_looked_at_once():
    assert next_share(single_looks(["a"])["a"]) == 1.0
    assert next_share(Look(2)) == pytest.approx(0.25)


def test_weights_of_comparisons_that_are_not_here_are_kept_for_them():
    levels = weighted_holm_levels([0.001, 0.03], [0.0125, 0.0125], [0.25, 0.25])
    assert levels.tolist() == pytest.approx([0.025, 0.05 / 3]) or levels[1] == pytest.approx(0.0125 / 0.75)
