"""Words are what is left without case, punctuation and layout, and each keeps its place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.stages.data.overlap.words import places_of, spaced_parts, word_of, words_of

TEXTS = st.text(st.sampled_from("aB1é-\u00ad\n\r >.,_ \u00a0ﬁ中が\u3099ｶﾞ。"), max_size=60)


@given(TEXTS)
def test_each_word_is_at_its_place(text: str) -> None:
    assert [word_of(text[begin:end]) for begin, end in places_of(text)] == words_of(text)


@given(TEXTS)
def test_case_and_punctuation_change_nothing(text: str) -> None:
    assert words_of(text.upper().lower()) == words_of(text.lower())
    assert words_of(f"“{text}” …") == words_of(f" {text} ") or text[-1:] in "-\u00ad"


def test_what_unicode_calls_compatible_is_one_word() -> None:
    assert words_of("ﬁne ＦＩＮＥ e\u0301t\u00e9") == ["fine", "fine", "été"]


def test_other_scripts_keep_their_letters() -> None:
    assert words_of("Лима — столица Перу!") == ["лима", "столица", "перу"]


def test_a_word_that_is_divided_is_one_only_at_the_end_of_a_line() -> None:
    assert words_of("con-\ntain") == words_of("con-\r\n  > tain") == words_of("con\u00ad\ntain") == ["contain"]
    assert words_of("con- tain") == ["con", "tain"]
    assert words_of("apples -\nbread") == ["apples", "bread"]


def test_a_character_of_a_script_without_spaces_is_a_word() -> None:
    """A sentence was one word, so that a case of a sentence was too short to be looked for."""
    assert words_of("「東京」は、日本の首都。") == list("東京は日本の首都")
    assert words_of("用GPT-4写的 text，中文") == ["用", "gpt4", "写", "的", "text", "中", "文"]
    assert words_of("ｶﾞｽ か\u3099") == ["ガ", "ス", "が"]
    text = "「東京」は、Tokyo。"
    assert [text[begin:end] for begin, end in places_of(text)] == ["「東", "京」", "は、", "Tokyo。"]


@given(st.text(st.sampled_from("aB1é- \n.,«ßд서ก"), max_size=60))
def test_texts_with_spaces_are_split_at_these_alone(text: str) -> None:
    assert spaced_parts(text) == text.split()
    assert words_of(text.replace("-\n", "-")) == [
        each for each in map(word_of, text.replace("-\n", "-").split()) if each
    ]
