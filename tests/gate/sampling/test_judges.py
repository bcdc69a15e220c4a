import math

import pytest

from harness.gate.sampling.judges import CountedBodies, Judges
from harness.records import Judgement

EVERY = CountedBodies(cases=(0, 1, 2), n_samples=2, clusters=None, by_samples=False)


def rated(*values: float, judge: str = "j", malformed: int = 0, complete: bool = True) -> Judgement:
    n_answers = len(values) + malformed
    return Judgement(judge, n_answers, malformed, values=values, is_complete=complete)


def preferred(flip: float, first_wins: float, judge: str = "j") -> Judgement:
    return Judgement(judge, 2, flip=flip, first_wins=first_wins)


def test_answers_of_all_bodies_that_count_are_counted() -> None:
    judges = Judges()
    judges.keep(("candidate", 0, 0), [rated(1.0, malformed=1)])
    judges.keep(("baseline", 0, 0), [rated(1.0)])
    judges.keep(("candidate", 2, 1), [rated(1.0, malformed=1)])
    judges.keep(("candidate", 2, 2), [rated(1.0, malformed=1)])
    judges.keep(("candidate", 7, 0), [rated(1.0, malformed=1)])
    (summary,) = judges.summaries(EVERY, 0.95)
    assert (summary.name, summary.n_answers, summary.n_malformed) == ("j", 5, 2)
    assert (summary.noise, summary.flip, summary.first_wins) == (None, None, None)


def test_noise_is_the_standard_deviation_within_answers_pooled_over_them() -> None:
    """Differences between answers are no noise of the judge."""
    judges = Judges()
    judges.keep(("candidate", 0, 0), [rated(0.0, 0.5)])
    judges.keep(("candidate", 1, 0), [rated(1.0, 1.0, 1.0)])
    judges.keep(("candidate", 2, 0), [rated(0.25)])
    (summary,) = judges.summaries(EVERY, 0.95)
    assert summary.noise == pytest.approx(math.sqrt(0.125 / 3))


def test_flips_are_a_mean_over_cases_with_an_interval() -> None:
    judges = Judges()
    for sample in range(2):
        judges.keep(("candidate", 0, sample), [preferred(1.0, 1.0)])
        judges.keep(("candidate", 1, sample), [preferred(0.0, 0.5)])
    judges.keep(("candidate", 2, 0), [preferred(0.0, 0.5)])
    (summary,) = judges.summaries(EVERY, 0.95)
    assert summary.flip.value == pytest.approx(1 / 3)
    assert summary.first_wins.value == pytest.approx(2 / 3)
    assert 0 <= summary.flip.low < 1 / 3 < summary.flip.high <= 1
    assert "t on case means, 2 df" in summary.flip.method


def test_a_lower_level_gives_a_narrower_interval() -> None:
    judges = Judges()
    for case in range(30):
        judges.keep(("candidate", case, 0), [preferred(case % 2, 0.5)])
    counted = CountedBodies(range(30), 1, None, by_samples=False)
    (wide,), (narrow,) = judges.summaries(counted, 0.95), judges.summaries(counted, 0.8)
    assert wide.flip.low < narrow.flip.low < narrow.flip.high < wide.flip.high


def test_cases_that_depend_on_each_other_count_together() -> None:
    judges = Judges()
    for case in range(8):
        judges.keep(("candidate", case, 0), [preferred(float(case < 4), 0.5)])
    alone = CountedBodies(range(8), 1, None, by_samples=False)
    together = CountedBodies(range(8), 1, [case // 2 for case in range(8)], by_samples=False)
    (apart,), (clustered,) = judges.summaries(alone, 0.95), judges.summaries(together, 0.95)
    assert clustered.flip.standard_error > apart.flip.standard_error


@pytest.mark.parametrize("by_samples", [True, False])
def test_of_a_single_case_samples_are_the_units(by_samples: bool) -> None:
    judges = Judges()
    for sample in range(20):
        judges.keep(("candidate", 0, sample), [preferred(float(sample % 4 == 0), 0.5)])
    (summary,) = judges.summaries(CountedBodies((0,), 20, None, by_samples), 0.95)
    assert summary.flip.value == 0.25
    assert 0.04 < summary.flip.low < 0.25 < summary.flip.high < 0.6


def test_the_order_in_which_bodies_end_changes_nothing() -> None:
    entries = [
        (("candidate", case, sample), [rated(0.1 * case, 0.3, 0.7 * sample)]) for case in (0, 1, 2) for sample in (0, 1)
    ]
    there, back = Judges(), Judges()
    for place, given in entries:
        there.keep(place, given)
    for place, given in reversed(entries):
        back.keep(place, given)
    assert there.summaries(EVERY, 0.95) == back.summaries(EVERY, 0.95)


def test_judges_that_left_a_body_without_a_judgement_are_an_error_that_counts_their_answers() -> None:
    judges = Judges()
    judges.keep(("candidate", 0, 0), [rated(1.0), rated(1.0, judge="k", malformed=1)])
    judges.keep(("candidate", 1, 0), [rated(malformed=2, complete=False), rated(1.0, judge="k")])
    judges.keep(("candidate", 2, 0), [rated(malformed=2, complete=False)])
    assert judges.errors(lambda place: place[1] < 1) == []
    assert judges.errors(lambda place: place[1] < 2) == [
        "judge j: 2 of 3 answers did not follow the form or the scale that it was given, so that 1 body got no "
        "judgement; name a judge that keeps to it, or draw anew with --fresh"
    ]
    (both,) = judges.errors(lambda _: True)
    assert both.startswith("judge j: 4 of 5 answers did not follow the form or the scale")
    assert "2 bodies got no judgement" in both


def test_an_evaluation_without_judges_has_none() -> None:
    judges = Judges()
    judges.keep(("candidate", 0, 0), [])
    assert judges.summaries(EVERY, 0.95) == ()
    assert judges.errors(lambda _: True) == []
