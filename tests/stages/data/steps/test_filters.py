"""The quality filters are datatrove's with FineWeb's parameters, and fail at no text."""

from __future__ import annotations

import random

import pytest
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)

from tests.stages.data.steps.judging import document, judged, made

pytestmark = pytest.mark.service

QUALITY = ["gopher_repetition", "gopher_quality", "c4", "fineweb"]


def words(count: int, prefix: str = "word") -> list[str]:
    return [f"{prefix}{chr(97 + index % 26)}{chr(97 + index // 26 % 26)}" for index in range(count)]


def prose(count: int) -> str:
    """A text of so many different words, with stop words among them."""
    return " ".join(["the", "of", *words(count - 2)])


@pytest.mark.parametrize("step", QUALITY)
@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t\r\n\u2003"])
def test_a_text_of_nothing_is_removed_as_empty(step: str, text: str) -> None:
    assert judged(step, text) == "empty"


@pytest.mark.parametrize("step", QUALITY)
def test_a_text_beyond_the_bound_is_removed_unread(step: str) -> None:
    assert judged(step, "a" * 101, max_characters=100) == "text_too_large"
    assert judged(step, "a" * 100, max_characters=100) != "text_too_large"


@pytest.mark.parametrize("step", QUALITY)
@pytest.mark.parametrize(
    "text", ["a", "!!!", "\u200b", "IS_ALPHA", "one two", "日本語のテキスト", "😀" * 50, "\x00\x07", "1 2 3"]
)
def test_a_short_or_odd_text_does_not_make_it_fail_with_every_rule_as_loose_as_it_gets(step: str, text: str) -> None:
    loose = {
        "gopher_quality": {
            "min_doc_words": 1,
            "min_avg_word_length": 0,
            "max_non_alpha_words_ratio": 0,
            "min_stop_words": 0,
        },
        "c4": {"min_num_sentences": -1, "min_words_per_line": -1},
        "fineweb": {"line_punct_thr": 0, "short_line_thr": 1},
        "gopher_repetition": {"top_n_grams": [], "dup_n_grams": []},
    }
    judged(step, text, **loose[step])


SENTENCES = [f"This is sentence number {name} of the text." for name in words(6)]


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("Please enable javascript to see this.", {"filter_javascript": False}),
        ("Read our privacy policy before you go.", {"filter_policy": False}),
        ("Two words.", {"min_words_per_line": 2}),
        ("It is " + "a" * 1001 + " long.", {"max_word_length": 1001}),
    ],
)
def test_c4_removes_a_line_unless_its_rule_is_off(line: str, option: dict[str, int]) -> None:
    text = "\n".join([*SENTENCES, line])
    kept, loose = document(text), document(text)
    assert made("c4")(kept) is None
    assert kept.text == "\n".join(SENTENCES)
    assert made("c4", **option)(loose) is None
    assert loose.text == text


def test_c4_leaves_lines_without_a_full_stop_as_fineweb_did_and_c4_itself_did_not() -> None:
    text = "\n".join([*SENTENCES, "A heading of three words"])
    default, strict = document(text), document(text)
    assert made("c4")(default) is None
    assert default.text == text
    assert made("c4", filter_no_terminal_punct=True)(strict) is None
    assert strict.text == "\n".join(SENTENCES)


def test_a_text_of_which_c4_leaves_nothing_is_empty() -> None:
    assert judged("c4", "no\nno", min_num_sentences=-1) == "empty"


def line(index: int, length: int, end: str = ".") -> str:
    body = f"{index:03} " + "ab cde " * length
    return body[: length - 1] + end


def test_fineweb_s_threshold_of_repeated_characters_is_the_one_that_made_it() -> None:
    """0.01, as in its script and its table; 0.1, as in its text, would keep these."""
    beyond = "\n".join([*(line(index, 100) for index in range(97)), line(0, 100)])
    assert judged("fineweb", beyond) == "char_dup_ratio"
    assert judged("fineweb", beyond, char_duplicates_ratio=0.1) is None


def texts(count: int) -> list[str]:
    """Texts that fall to every filter, and texts that do not."""
    draw = random.Random(15)
    vocabulary = [*["the", "of", "and", "to", "that", "with"] * 10, *words(300, "ord")]
    made_up = []
    for _ in range(count):
        pool = draw.sample(vocabulary, draw.choice([3, 30, 300]))
        rows = [
            " ".join(draw.choices(pool, k=draw.choice([2, 5, 14]))) + draw.choice([".", ".", "", "...", " {", " #"])
            for _ in range(draw.choice([1, 6, 25]))
        ]
        made_up.append("\n".join(rows + rows[: draw.choice([0, 0, 0, len(rows)])]))
    return made_up


@pytest.mark.parametrize(
    ("step", "by_hand"),
    [
        ("gopher_repetition", GopherRepetitionFilter()),
        ("gopher_quality", GopherQualityFilter()),
        ("c4", C4QualityFilter(filter_no_terminal_punct=False)),
        ("fineweb", FineWebQualityFilter()),
    ],
    ids=QUALITY,
)
def test_the_defaults_are_those_of_fineweb_s_script(step: str, by_hand: GopherQualityFilter) -> None:
    ours = made(step)
    reasons = set()
    for text in texts(400):
        theirs = document(text)
        found = by_hand.filter(theirs)
        reason = found[1] if isinstance(found, tuple) else None
        own = document(text)
        assert ours(own) == reason
        assert own.text == theirs.text
        reasons.add(reason)
    assert None in reasons
    assert len(reasons) >= 3
