"""Checks of how much of an expected text an answer has: token F1, ROUGE, BLEU, chrF.

Each is a score of one answer. A mean of BLEU or chrF over answers is not the corpus BLEU or chrF that papers print.
"""

from __future__ import annotations

import collections
import functools
import re
import string
from typing import Any

from harness.errors import CheckError
from harness.records import Score
from harness.scoring.checks.given import answer_text, import_library, listed, references, shown
from harness.scoring.checks.text import Expected

_ARTICLE = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ROUGE = re.compile(r"rouge([1-9]|L|Lsum)")


def token_f1(answer: str, expected: Expected) -> Score:
    """The F1 of SQuAD: words shared with the expected text, or with the nearest of several.

    Case, ASCII punctuation and English articles do not count. Where the answer or the expected text has no words left,
    it is 1 if neither has any.

    Source: Rajpurkar et al. (2016), SQuAD; the official evaluation script, version 2.0.

    >>> token_f1("the black cat", "a cat").value
    0.6666666666666666
    """
    texts = references(expected, "token_f1", blank=True)
    words = _squad_words(answer_text(answer, "token_f1"))
    value, nearest = max((_f1(words, _squad_words(text)), text) for text in texts)
    return _share(value, (nearest,))


def _squad_words(text: str) -> list[str]:
    return _ARTICLE.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def _f1(words: list[str], wanted: list[str]) -> float:
    if not words or not wanted:
        return float(words == wanted)
    shared = sum((collections.Counter(words) & collections.Counter(wanted)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(words), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def rouge(answer: str, expected: Expected, *, kind: str = "rougeL") -> Score:
    """ROUGE's F measure against the expected text, or the nearest of several, by the package rouge-score.

    Args:
        answer: the answer.
        expected: a text, or several.
        kind: "rouge1" to "rouge9" (n-grams), "rougeL" (longest common subsequence) or "rougeLsum" (line by line).

    Raises:
        CheckError: an expected text has no letter a–z or digit, and rouge-score sees no other; an unknown kind; the
            package is not installed.

    >>> rouge("the cat sat", "the cat sat on the mat", kind="rouge1").value
    0.6666666666666666
    """
    texts = references(expected, "rouge")
    if not _ROUGE.fullmatch(kind):
        raise CheckError(f"rouge: kind = {kind!r} is none. Kinds: rouge1 to rouge9, rougeL, rougeLsum.")
    scorer = _rouge_scorer(kind)
    for text in texts:
        if not re.search("[a-z0-9]", text.lower()):
            raise CheckError(
                f"rouge: expected = {shown(text)} has no letter a–z and no digit, and rouge-score reads no other; "
                "use chrf, which reads any script."
            )
    text_given = answer_text(answer, "rouge")
    value, nearest = max((float(scorer.score(text, text_given)[kind].fmeasure), text) for text in texts)
    return _share(value, (nearest,))


@functools.lru_cache(maxsize=16)
def _rouge_scorer(kind: str) -> Any:
    return import_library("rouge_score.rouge_scorer", "rouge").RougeScorer([kind])


def bleu(answer: str, expected: Expected) -> Score:
    """Sentence BLEU against one or several references together, by sacrebleu with WMT's tokenizer, divided by 100.

    Raises:
        CheckError: sacrebleu is not installed.

    >>> bleu("The cat sat on the mat.", "The cat sat on the mat.").value
    1.0
    """
    metric = import_library("sacrebleu", "bleu").BLEU(effective_order=True)
    return _sacrebleu(metric, answer, references(expected, "bleu"), "bleu")


def chrf(answer: str, expected: Expected) -> Score:
    """chrF against the nearest of the references, by sacrebleu, divided by 100: n-grams of characters, in any script.

    Raises:
        CheckError: sacrebleu is not installed.

    >>> chrf("hello", "hello").value
    1.0
    """
    return _sacrebleu(import_library("sacrebleu", "chrf").CHRF(), answer, references(expected, "chrf"), "chrf")


def _sacrebleu(metric: Any, answer: Any, texts: tuple[str, ...], check: str) -> Score:
    # Sums of logarithms may end a hair above 100.
    value = min(float(metric.sentence_score(answer_text(answer, check), list(texts)).score) / 100, 1.0)
    return _share(value, texts)


def _share(value: float, texts: tuple[str, ...]) -> Score:
    return Score(1.0) if value == 1 else Score(value, f"{value:.2f} against {listed(texts)}")
