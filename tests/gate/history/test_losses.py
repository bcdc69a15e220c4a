"""What lost cases have in common is told where it is more than chance, and nothing else is."""

import random

import pytest

from harness.gate.history.answers import StoredAnswer
from harness.gate.history.losses import Feature, _seen, common_feature
from harness.records import Role, Sample, ScoreRow
from tests.reporting import example_reports as examples

CALL, NONE = Feature("call", "look_up"), frozenset[Feature]()


def with_these(*features: Feature) -> frozenset[Feature]:
    return frozenset(features)


def test_what_only_the_lost_do_is_told_with_how_many_have_it() -> None:
    gone = Feature("no longer call", "look_up")
    found = common_feature([with_these(gone)] * 5 + [with_these(CALL)], [with_these(CALL)] * 15, 0.05)
    assert found is not None
    assert (found.feature, found.n_with, found.n_others_with) == (gone, 5, 0)


def test_the_p_value_is_that_of_fishers_tea_for_each_feature_that_was_tried() -> None:
    """Fisher, The Design of Experiments (1935), chapter 2: of 8 cups all 4 are told right in 1 of 70 ways."""
    cut = Feature("cut")
    found = common_feature([with_these(cut)] * 4, [NONE] * 4, 0.05)
    assert found is not None
    assert found.p_value == pytest.approx(1 / 70)
    other = with_these(Feature("field", "topic billing"))
    found = common_feature([with_these(cut) | other, *[with_these(cut)] * 3], [NONE] * 3 + [other], 0.05)
    assert found is not None
    assert found.p_value == pytest.approx(2 / 70)


@pytest.mark.parametrize("n_lost", [2, 3, 10])
def test_what_the_others_have_as_often_is_not_told(n_lost: int) -> None:
    assert common_feature([with_these(CALL)] * n_lost, [with_these(CALL)] * 20, 0.05) is None


def test_what_two_of_four_have_is_not_told() -> None:
    """Too few could show more than chance."""
    assert common_feature([with_these(Feature("cut"))] * 2, [NONE] * 2, 0.05) is None


def test_a_reason_is_told_only_where_nothing_else_is() -> None:
    said = with_these(Feature("reason", "no capital"))
    short = with_these(Feature("shorter"))
    found = common_feature([said | short] * 5 + [said] * 2, [NONE] * 15, 0.05)
    assert found is not None
    assert found.feature.kind == "shorter"
    found = common_feature([said] * 5, [NONE] * 15, 0.05)
    assert found is not None
    assert found.feature == Feature("reason", "no capital")


def test_where_every_case_is_lost_a_change_is_told_by_the_sign_test() -> None:
    gone = with_these(Feature("no longer call", "look_up"))
    found = common_feature([gone] * 6, [], 0.05)
    assert found is not None
    assert found.p_value == pytest.approx(0.5**6)
    assert common_feature([gone] * 4, [], 0.05) is None
    assert common_feature([with_these(Feature("field", "topic orders"))] * 20, [], 0.05) is None
    mixed = [gone] * 6 + [with_these(Feature("now call", "look_up"))] * 4
    assert common_feature(mixed, [], 0.05) is None


def test_features_that_have_nothing_to_do_with_the_loss_are_told_at_most_as_often_as_the_level_says() -> None:
    draw = random.Random(7)
    told = 0
    for _ in range(400):
        features = [Feature("field", f"topic {name}") for name in "abcde"] + [Feature("call", name) for name in "fg"]
        cases = [frozenset(each for each in features if draw.random() < 0.5) for _ in range(30)]
        told += common_feature(cases[:10], cases[10:], 0.05) is not None
    assert told <= 0.05 * 400 + 2.33 * (400 * 0.05 * 0.95) ** 0.5


def drawn(role: Role, index: int, *, calls: bool) -> StoredAnswer:
    """An answer that is right where it calls the tool."""
    row = ScoreRow("e", "score", role, "f", "peru", index, float(calls))
    sample = Sample("It is.", tool_calls=({"function": {"name": "look_up", "arguments": "{}"}},) if calls else None)
    return StoredAnswer("e", "peru", role, role, index, {"score": row}, sample)


@pytest.mark.parametrize(("n_without", "feature"), [(1, CALL), (4, Feature("no longer call", "look_up"))])
def test_a_tool_is_called_where_most_answers_of_a_case_call_it(n_without: int, feature: Feature) -> None:
    answers = [drawn("candidate", index, calls=index >= n_without) for index in range(5)]
    answers += [drawn("baseline", index, calls=index != 0) for index in range(5)]
    assert _seen(answers, examples.regressed(), {}) == {"peru": with_these(feature)}
