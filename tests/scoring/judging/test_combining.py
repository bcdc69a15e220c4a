import pytest

from harness.records import ScoringRule
from harness.scoring.judging.asking import JudgeAnswer
from harness.scoring.judging.combining import judgement, preference, rating
from tests.scoring.judging.rubrics import rubric

BY = ScoringRule(("f1",), "r1")


def answer(judge: str, *opinions: float) -> JudgeAnswer:
    return JudgeAnswer(judge, tuple((value, f"because {value:g}") for value in opinions))


def test_one_score_is_mapped_to_0_and_1_with_the_judges_reason() -> None:
    score = rating(rubric(), [answer("j", 5)], BY)
    assert (score.value, score.reason, score.judged_by) == (1.0, "5 on 1 to 5: because 5", BY)
    assert rating(rubric(), [answer("j", 3.818)], BY).reason == "3.82 on 1 to 5: because 3.818"


def test_repeats_give_their_mean_their_noise_and_the_reason_nearest_to_it() -> None:
    score = rating(rubric(), [answer("j", 1, 3, 5, 3)], BY)
    assert score.value == 0.5
    assert score.reason == "1, 3, 5, 3 (noise 0.41) on 1 to 5: because 3"


def test_a_panel_gives_the_mean_of_its_judges_and_their_spread() -> None:
    """Each judge weighs the same, however often it was asked."""
    score = rating(rubric(), [answer("mild", 5, 5), answer("strict", 1, 1)], BY)
    assert score.value == 0.5
    assert score.reason == (
        "mild 5, 5 (noise 0.00), strict 1, 1 (noise 0.00) on 1 to 5, spread 0.71: mild: because 5 | strict: because 1"
    )


@pytest.mark.parametrize(
    ("shown_first", "shown_second", "value", "reason"),
    [
        (1.0, 0.0, 1.0, "better in both orders: because 1"),
        (0.0, 1.0, 0.0, "worse in both orders: because 0"),
        (0.5, 0.5, 0.5, "tie in both orders: because 0.5"),
        (1.0, 1.0, 0.5, "better when shown first as A, worse when shown second as B: because 1 | because 1"),
        (0.5, 0.0, 0.75, "tie when shown first as A, better when shown second as B: because 0.5 | because 0"),
    ],
)
def test_a_preference_is_the_mean_of_both_orders(shown_first, shown_second, value, reason) -> None:
    """What stands first in the second order is the other answer."""
    score = preference([answer("j", shown_first, shown_second)], BY)
    assert (score.value, score.reason) == (value, reason)
    assert score.flip == (shown_first != 1 - shown_second)
    assert score.first_wins == (shown_first + shown_second) / 2


def test_repeated_preferences_are_counted() -> None:
    score = preference([answer("j", 1, 0, 1, 1)], BY)
    assert (score.value, score.reason) == (0.75, "better 3, tie 0, worse 1 of 4: because 1")
    assert (score.flip, score.first_wins) == (0.5, 0.75)


def test_a_panel_of_preferences_gives_their_mean() -> None:
    score = preference([answer("a", 1, 0), answer("b", 1, 1)], BY)
    assert (score.value, score.flip, score.first_wins) == (0.75, 0.5, 0.75)
    assert score.reason.startswith("a 1.00, b 0.50, spread 0.35: a: better in both orders: because 1 | b: better when")


def opinions(*values: float | None):
    return tuple(None if value is None else (value, "r") for value in values)


def test_what_a_judge_did_is_told_for_the_report() -> None:
    made = judgement(JudgeAnswer("j", opinions(1, 3, 5), ("cut",)), rubric())
    assert (made.judge, made.n_answers, made.n_malformed, made.values) == ("j", 4, 1, (0.0, 0.5, 1.0))
    assert (made.flip, made.first_wins, made.is_complete) == (None, None, True)


def test_flips_and_wins_of_what_stands_first_are_shares() -> None:
    made = judgement(JudgeAnswer("j", opinions(1, 1, 1, 0), ()), None)
    assert (made.flip, made.first_wins, made.values) == (0.5, 0.75, ())


def test_a_judgement_that_lacks_an_answer_has_no_shares() -> None:
    made = judgement(JudgeAnswer("j", opinions(1, None), ("no JSON", "no JSON")), None)
    assert (made.n_answers, made.n_malformed, made.flip, made.is_complete) == (3, 2, None, False)
