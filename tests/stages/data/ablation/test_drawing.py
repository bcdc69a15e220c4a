from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from harness.errors import CorpusError
from harness.stages.data.ablation.drawing import DrawnTokens, _in_parts, draw_tokens, refuse_held_out, text_key
from harness.stages.data.ablation.plan import END, AblationPlan
from harness.stages.data.ablation.vocabulary import BytePairVocabulary
from tests.stages.data.ablation.conftest import articles

TEXTS = articles(60)
VOCABULARY = BytePairVocabulary([text for _, text in TEXTS[:5]], 400)


def drawn(texts: list[tuple[str, str]], seed: int = 0, tokens: int = 4096, **options: float) -> DrawnTokens:
    return draw_tokens(texts, seed, AblationPlan(tokens=tokens, **options), VOCABULARY, "web")  # type: ignore[arg-type]


def documents(found: DrawnTokens) -> list[str]:
    """The texts that were drawn, in their order; the last may be cut."""
    ends = [-1, *np.flatnonzero(found.tokens == END).tolist(), len(found.tokens)]
    parts = [found.tokens[start + 1 : end].tolist() for start, end in pairwise(ends)]
    return [VOCABULARY.decode(part) for part in parts if part]


def test_exactly_as_many_tokens_as_planned() -> None:
    for tokens in (512, 1024, 5000):
        assert len(drawn(TEXTS, tokens=tokens).tokens) == tokens // 512 * 512


def test_neither_the_order_of_the_lines_nor_memory_counts() -> None:
    other = list(TEXTS)
    random.Random(0).shuffle(other)
    assert drawn(TEXTS).tokens.tolist() == drawn(other).tokens.tolist()
    assert drawn(TEXTS).tokens.tolist() == drawn(TEXTS, tokens=8192).tokens.tolist()[:4096], "all in memory, or not"


def test_seeds_have_orders_of_their_own() -> None:
    assert documents(drawn(TEXTS, 0))[:5] != documents(drawn(TEXTS, 1))[:5]


def test_corpora_give_the_documents_that_they_share_in_the_same_order() -> None:
    some = TEXTS[::2]
    shared = {text for _, text in some}
    whole = [text for text in documents(drawn(TEXTS, tokens=8192))[:-1] if text in shared]
    part = documents(drawn(some, tokens=8192))[: len(whole)]
    assert len(whole) >= 5
    assert whole == part


def test_a_small_corpus_is_read_again_in_another_order() -> None:
    few = TEXTS[:4]
    found = drawn(few, tokens=8192)
    first, second = documents(found)[:4], documents(found)[4:8]
    assert sorted(first) == sorted(second) == sorted(text for _, text in few)
    assert first != second
    assert found.epochs == pytest.approx(found.n_bytes / sum(len(text) for _, text in few))
    assert found.epochs == pytest.approx(found.n_documents / len(few), abs=0.5)
    assert 2 < found.epochs <= 4


def test_too_small_a_corpus_is_refused_with_a_way_out() -> None:
    with pytest.raises(CorpusError, match=r"web has [\d,]+ tokens, so that 40,960 .* most_epochs = 4") as failed:
        drawn(TEXTS[:4], tokens=40_960)
    allowed = int(str(failed.value).split("tokens = ")[1].split(" ")[0].replace(",", ""))
    assert drawn(TEXTS[:4], tokens=allowed).epochs <= 4.2
    assert drawn(TEXTS[:4], tokens=40_960, most_epochs=100).epochs > 4


def test_a_long_document_is_drawn_in_parts_here_and_there() -> None:
    """As one it would be all that a model reads last, and forgets the others for."""
    long = ("long", " ".join(f"zz{n}" for n in range(9000)))
    found = documents(drawn([*TEXTS, long], tokens=20_480))
    parts = [place for place, text in enumerate(found) if "zz" in text]
    assert len(parts) > 3
    assert max(len(found[place]) for place in parts) < 8200
    assert any(later - place > 1 for place, later in pairwise(parts)), "others between them"
    shared = [text for text in found[:-1] if "zz" not in text]
    assert shared == documents(drawn(TEXTS, tokens=20_480))[: len(shared)], "and the others are where they were"


@pytest.mark.parametrize("text", ["x" * 10_000, "word " * 3000, "東" * 9000])
def test_parts_are_the_whole_text(text: str) -> None:
    parts = list(_in_parts([("a", text)]))
    assert "".join(part for _, part in parts) == text
    assert [identity for identity, _ in parts][:2] == ["a", "a\n1"]
    assert len(parts) >= 2


@pytest.mark.parametrize("texts", [[], [("a", ""), ("b", "")]])
def test_a_corpus_without_text_is_refused(texts: list[tuple[str, str]]) -> None:
    with pytest.raises(CorpusError, match="web has no text to train on; `steelyard corpus stats web`"):
        drawn(texts)


def test_what_is_held_out_may_not_be_trained_on() -> None:
    held_out = {text_key(TEXTS[0][1])}
    kept = list(refuse_held_out(TEXTS[1:], held_out, "web", "held_out.jsonl"))
    assert kept == TEXTS[1:]
    changed = [("copy", TEXTS[0][1].upper().replace(" ", "\n"))]
    with pytest.raises(CorpusError, match=r"web holds a document that is held out: 'copy' is in held_out.jsonl"):
        list(refuse_held_out(changed, held_out, "web", "held_out.jsonl"))
