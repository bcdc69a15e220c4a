"""How much of an expected text an answer has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import Score, checks
from harness.errors import CheckError

pytestmark = pytest.mark.service

TEXTS = st.text(alphabet="aàb the. ,-'\n5", max_size=40)


@pytest.mark.parametrize(
    ("answer", "expected", "value"),
    [
        ("Denver Broncos", "the Denver Broncos", 1.0),
        ("in the 1870s", "1870s", 2 / 3),
        ("10th and 11th centuries", "in the 10th and 11th centuries", 8 / 9),
        ("cat cat cat", "cat", 0.5),
        ("no", "yes", 0.0),
        ("", "", 1.0),
        ("the", "", 1.0),
        ("something", "", 0.0),
        ("", "something", 0.0),
        ("France", ["Normandy", "in France"], 2 / 3),
    ],
)
def test_token_f1_counts_shared_words(answer, expected, value) -> None:
    assert checks.token_f1(answer, expected).value == pytest.approx(value, abs=1e-12)


@pytest.fixture(scope="module")
def squad():
    """SQuAD's evaluation script, as transformers carries it."""
    return pytest.importorskip("transformers.data.metrics.squad_metrics")


@given(answer=TEXTS, expected=TEXTS)
def test_token_f1_is_that_of_squad(squad, answer: str, expected: str) -> None:
    assert checks.token_f1(answer, expected).value == squad.compute_f1(expected, answer)


@given(st.text(), st.text())
def test_token_f1_is_symmetric(one: str, other: str) -> None:
    assert checks.token_f1(one, other).value == pytest.approx(checks.token_f1(other, one).value, abs=1e-12)


@pytest.mark.parametrize(
    ("answer", "expected", "kind", "value"),
    [
        # Lin (2004), ROUGE: A Package for Automatic Evaluation of Summaries, sections 3.1 and 3.2.
        ("police kill the gunman", "police killed the gunman", "rougeL", 3 / 4),
        ("the gunman kill police", "police killed the gunman", "rougeL", 2 / 4),
        ("w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", "w1 w2 w3 w4 w5", "rougeLsum", 8 / 15),
        # The tests of rouge-score.
        ("testing", "testing one two", "rouge1", 1 / 2),
        ("testing one", "testing one two", "rouge2", 2 / 3),
        ("testing two", "testing one two", "rougeL", 4 / 5),
        ("", "testing one two", "rougeL", 0),
    ],
)
def test_rouge_gives_published_values(answer, expected, kind, value) -> None:
    assert checks.rouge(answer, expected, kind=kind).value == pytest.approx(value, abs=1e-12)


def test_rouge_takes_the_nearest_reference() -> None:
    assert checks.rouge("a b", ["c d", "a c"], kind="rouge1") == Score(0.5, "0.50 against 'a c'")


def test_rouge_does_not_score_what_it_can_not_read() -> None:
    with pytest.raises(CheckError, match="use chrf, which reads any script"):
        checks.rouge("Париж", "Париж")


@pytest.mark.parametrize("kind", ["rouge0", "rouge10", "L", "rougeLSum"])
def test_an_unknown_kind_of_rouge_is_an_error(kind) -> None:
    with pytest.raises(CheckError, match="Kinds: rouge1 to rouge9, rougeL, rougeLsum"):
        checks.rouge("a", "a", kind=kind)


@pytest.mark.parametrize(
    ("answer", "expected", "value"),
    # The tests of sacrebleu: the effective order of short texts; the brevity penalty of one word for two is 1/e.
    [("test", "a test", 0.3678794411714425), ("a test", "a test", 1.0), ("", "a test", 0.0)],
)
def test_bleu_gives_published_values(answer, expected, value) -> None:
    assert checks.bleu(answer, expected).value == pytest.approx(value, abs=1e-8)


def test_bleu_weighs_all_references_together() -> None:
    both = checks.bleu("a b c d e f", ["a b c x x x", "x x x d e f"]).value
    assert both > checks.bleu("a b c d e f", "a b c x x x").value


@pytest.mark.parametrize(
    ("answer", "expected", "value"),
    # The tests of sacrebleu, sentence-level chrF; with its epsilon smoothing, which moves the last one by 4e-6.
    [
        (
            "Co nás nejvíc trápí, protože lékaři si vybírají, kdo bude žít a kdo zemře.",
            "Nejvíce smutní jsme z toho, že musíme rozhodovat o tom, kdo bude žít a kdo zemře.",
            0.3914078509,
        ),
        (
            "Nebo prostě nemají vybavení, které by jim pomohlo, uvedli lékaři.",
            "A někdy nemáme ani potřebný materiál, abychom jim pomohli, popsali lékaři.",
            0.3122557079,
        ),
        (
            "Lapali po dechu, jejich životy skončily dřív, než skutečně začaly.",
            "Lapali po dechu a pak jejich život skončil - dřív, než skutečně mohl začít, připomněli.",
            0.5715704367,
        ),
    ],
)
def test_chrf_gives_published_values(answer, expected, value) -> None:
    assert checks.chrf(answer, expected).value == pytest.approx(value, abs=1e-5)


WORDS = st.lists(st.sampled_from(["cat", "dog", "the", "sat", "mat"]), min_size=1, max_size=12).map(" ".join)


@pytest.mark.parametrize("check", [checks.token_f1, checks.rouge, checks.bleu, checks.chrf])
@given(answer=WORDS, expected=WORDS)
def test_a_share_is_within_0_and_1_and_1_for_the_text_itself(check, answer, expected) -> None:
    assert 0 <= check(answer, expected).value <= 1
    assert check(f"{expected} fish", f"{expected} fish") == Score(1.0)


@pytest.mark.parametrize("check", [checks.rouge, checks.bleu, checks.chrf])
def test_a_blank_reference_is_an_error(check) -> None:
    with pytest.raises(CheckError, match="holds nothing to look for"):
        check("a", " ")
