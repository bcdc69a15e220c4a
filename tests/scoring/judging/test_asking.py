import math
from dataclasses import replace

import pytest

from harness.records import Sample, TokenLogprob
from harness.scoring.judging.asking import CHOICES, JudgeQuestion, MalformedAnswerError

jsonschema = pytest.importorskip("jsonschema")
RATING = JudgeQuestion((), "score", {score: float(score) for score in (1, 3, 5)})
PREFERENCE = JudgeQuestion((), "choice", CHOICES)


def test_an_answer_is_held_to_its_scale_with_the_reason_first() -> None:
    schema = RATING.schema
    assert list(schema["properties"]) == ["reason", "score"]
    for score in (1, 3, 5):
        jsonschema.validate({"reason": "r", "score": score}, schema)
    for wrong in ({"reason": "r", "score": 2}, {"score": 1}, {"reason": "r", "score": "1"}, {"reason": "r"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_a_preference_is_a_b_or_a_tie() -> None:
    assert list(PREFERENCE.schema["properties"]) == ["reason", "choice"]
    assert [PREFERENCE.read(Sample(f'{{"reason": "r", "choice": "{choice}"}}'))[0] for choice in ("A", "tie", "B")] == [
        *(1.0, 0.5, 0.0)
    ]


def test_a_rating_is_read_with_its_reason() -> None:
    assert RATING.read(Sample('{"reason": "all \\"there\\"", "score": 3}')) == (3.0, 'all "there"')
    assert RATING.read(Sample('{"score": 5.0, "reason": ""}')) == (5.0, "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", r'it is no object with "reason" and "score": \'3\''),
        ("", r"it is no JSON: ''"),
        ('```json\n{"reason": "r", "score": 3}\n```', r"it is no JSON: '```json"),
        ('{"reason": "r", "score": 3', r"it is no JSON"),
        ('{"reason": "r"}', r'no object with "reason" and "score"'),
        ('{"score": 3}', r'no object with "reason" and "score"'),
        ('{"reason": 7, "score": 3}', r'no object with "reason" and "score"'),
        ('[{"reason": "r", "score": 3}]', r"no object"),
        ('{"reason": "r", "score": 2}', r"the score 2 is none of 1, 3, 5"),
        ('{"reason": "r", "score": 10}', r"the score 10 is none of 1, 3, 5"),
        ('{"reason": "r", "score": 3.5}', r"the score 3.5 is none of"),
        ('{"reason": "r", "score": "3"}', r"the score '3' is none of"),
        ('{"reason": "r", "score": true}', r"the score True is none of"),
        ('{"reason": "r", "score": null}', r"the score None is none of"),
        ('{"reason": "r", "score": NaN}', r"the score nan is none of"),
        ('{"reason": "r", "score": 1e999}', r"the score inf is none of"),
        ('{"reason": "r", "score": [3]}', r"the score \[3\] is none of"),
        ("[" * 100_000, r"it is no JSON"),
        ('{"reason": "' + "x" * 1_000_000, r"it is no JSON: '\{\"reason\": \"x{60,70}…$"),
    ],
    ids=lambda value: value[:30],
)
def test_what_follows_no_form_is_no_answer(text: str, message: str) -> None:
    with pytest.raises(MalformedAnswerError, match=message):
        RATING.read(Sample(text))


@pytest.mark.parametrize("choice", ['"C"', '"a"', "1", "null", '["A"]', '"A or B"'])
def test_a_choice_that_is_none_is_no_answer(choice: str) -> None:
    with pytest.raises(MalformedAnswerError, match="is none of A, tie, B"):
        PREFERENCE.read(Sample(f'{{"reason": "r", "choice": {choice}}}'))


def test_an_answer_that_was_cut_says_so() -> None:
    with pytest.raises(MalformedAnswerError, match="it is no JSON and was cut at max_tokens"):
        RATING.read(Sample('{"reason": "and so', finish_reason="length"))


def weighed(text: str, *tokens: TokenLogprob) -> float:
    return replace(RATING, is_weighted=True).read(Sample(text, logprobs=tokens))[0]


def token(text: str, probability: float, **others: float) -> TokenLogprob:
    top = ((text, math.log(probability)), *((name, math.log(value)) for name, value in others.items()))
    return TokenLogprob(text, math.log(probability), top)


TEXT = '{"reason": "2 of 4", "score": 3}'


def test_a_weighted_score_is_the_mean_under_the_probabilities_of_the_scale() -> None:
    """Whatever else was possible at that place (a quotation mark, a score beyond the scale) has no weight."""
    place = token("3", 0.4, **{"5": 0.3, "1": 0.1, "4": 0.1, '"': 0.1})
    assert weighed(TEXT, token("2", 0.9), token(" 4", 0.9), place, token("}", 1.0)) == pytest.approx(
        (3 * 0.4 + 5 * 0.3 + 1 * 0.1) / 0.8
    )


def test_a_score_is_found_whatever_its_token_holds_beside_it() -> None:
    assert weighed(TEXT, token(": 3}", 0.5, **{": 5}": 0.5})) == pytest.approx(4.0)
    assert weighed(TEXT, token(" 3", 0.25, **{"3": 0.25, " 5": 0.5})) == pytest.approx(4.0)


def test_the_drawn_score_counts_though_it_is_not_among_the_most_probable() -> None:
    assert weighed(TEXT, TokenLogprob("3", math.log(0.1), (("5", math.log(0.3)),))) == pytest.approx(4.5)


def test_probabilities_as_small_as_can_be_still_weigh() -> None:
    assert weighed(TEXT, TokenLogprob("3", -2000.0, (("5", -2000.0), ("1", -math.inf)))) == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("text", "tokens", "message"),
    [
        (
            '{"score": 3, "reason": "1 of 2"}',
            (token("3", 0.9), token("2", 0.9)),
            "the token of its score can't be told",
        ),
        (TEXT, (), "the token of its score can't be told"),
        (TEXT, (token("2", 0.9), token("}", 0.9)), "the token of its score can't be told"),
        (TEXT, (TokenLogprob("3", -math.inf),), "no score of the scale has a probability"),
    ],
)
def test_a_score_whose_token_can_not_be_told_is_no_answer(text, tokens, message) -> None:
    with pytest.raises(MalformedAnswerError, match=message):
        weighed(text, *tokens)
