"""The documents that a seed trains on, in its order."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import CorpusError
from harness.stages.data.ablation.plan import END, AblationPlan
from harness.stages.data.ablation.vocabulary import BytePairVocabulary

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Text = tuple[str, str]
"""The id of a document, and its text."""
_ENCODED_AT_ONCE = 64
_LONGEST = 4096
"""Characters of a text that is drawn as a whole. A longer one would be much of what a seed trains on, all at once: a
model whose training ended in a document of 700,000 characters had forgotten the others (0.98 nats a byte, not 0.65).
"""


@dataclass(frozen=True, slots=True)
class DrawnTokens:
    """The tokens that a seed trains on.

    Attributes:
        tokens: (n_tokens,), those of documents with `END` after each.
        n_documents: how many documents they are of, or parts of long ones; one that is read again is counted again.
        n_bytes: how many bytes of text they are of; of the document that is cut about.
        epochs: how often the corpus was read; less than 1 where it has more.
    """

    tokens: npt.NDArray[np.int64]
    n_documents: int
    n_bytes: int
    epochs: float


def draw_tokens(
    texts: Iterable[Text], seed: int, plan: AblationPlan, vocabulary: BytePairVocabulary, corpus: str
) -> DrawnTokens:
    """As many tokens as a plan trains on, of documents in the order of a seed.

    A document's place comes from the seed and its id alone, so that two corpora give the documents that they share in
    the same order, and neither the order of the files nor that of their lines counts. The parts of a long one have
    places of their own. Of a corpus that has more than is needed those are kept in memory that come first, and no
    others.

    Args:
        corpus: its name, for messages.

    Raises:
        CorpusError: it has no text, or would have to be read more often than the plan allows.
    """
    import numpy as np

    needed = plan.trained_tokens
    documents, size = _first_documents(texts, seed, needed * vocabulary.longest)
    if not documents:
        raise CorpusError(
            f"The corpus {corpus} has no text to train on; `steelyard corpus stats {corpus}` says what removed it."
        )
    tokens = np.empty(needed, dtype=np.int64)
    filled = n_documents = n_bytes = 0
    for epoch, (text, encoded) in _rounds(documents, seed, vocabulary):
        if epoch and not n_documents % len(documents):
            _refuse_too_many(needed, filled / epoch, plan, corpus)
        part = [*encoded, END][: needed - filled]
        tokens[filled : filled + len(part)] = part
        filled, n_documents = filled + len(part), n_documents + 1
        n_bytes += round(n_bytes_of(text) * min(1.0, len(part) / max(1, len(encoded))))
        if filled == needed:
            break
    return DrawnTokens(tokens, n_documents, n_bytes, n_bytes / size)


def _first_documents(texts: Iterable[Text], seed: int, enough: int) -> tuple[list[Text], int]:
    """The documents that come first in a seed's order and have so many bytes; and how many all have."""
    heap: list[tuple[int, str, str, int]] = []
    size = kept = 0
    for identity, text in _in_parts(texts):
        n_bytes = n_bytes_of(text)
        heapq.heappush(heap, (-_place(seed, 0, identity), identity, text, n_bytes))
        size, kept = size + n_bytes, kept + n_bytes
        while kept - heap[0][3] >= enough:
            kept -= heapq.heappop(heap)[3]
    return [(identity, text) for _, identity, text, _ in heap], size


def _in_parts(texts: Iterable[Text]) -> Iterator[Text]:
    """The texts, long ones in parts that end with a word where there are words."""
    for identity, text in texts:
        start = number = 0
        while start < len(text):
            end = start + _LONGEST
            space = text.find(" ", end, end + _LONGEST)
            end = end if space < 0 else space
            yield (f"{identity}\n{number}" if number else identity), text[start:end]
            start, number = end, number + 1


def _rounds(
    documents: Sequence[Text], seed: int, vocabulary: BytePairVocabulary
) -> Iterator[tuple[int, tuple[str, list[int]]]]:
    """The documents with their tokens, in another order each time; without an end."""
    epoch = 0
    while True:
        ordered = sorted(documents, key=lambda each: (_place(seed, epoch, each[0]), each[0]))
        for start in range(0, len(ordered), _ENCODED_AT_ONCE):
            part = [text for _, text in ordered[start : start + _ENCODED_AT_ONCE]]
            for text, encoded in zip(part, vocabulary.encode(part), strict=True):
                yield epoch, (text, encoded)
        epoch += 1


def _refuse_too_many(needed: int, size: float, plan: AblationPlan, corpus: str) -> None:
    """Refuse a corpus that would be read too often.

    Args:
        size: how many tokens it has.
    """
    if needed > size * plan.most_epochs:
        raise CorpusError(
            f"The corpus {corpus} has {int(size):,} tokens, so that {needed:,} of them would read it "
            f"{needed / size:.1f} times, more than most_epochs = {plan.most_epochs:g}. Train on fewer (tokens = "
            f"{int(size * plan.most_epochs):,} or less, the same for every corpus), or allow more epochs."
        )


def _place(seed: int, epoch: int, identity: str) -> int:
    digest = hashlib.blake2b(f"{seed}|{epoch}|{identity}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def n_bytes_of(text: str) -> int:
    """Count the bytes of a text.

    >>> n_bytes_of("Größe")
    7
    """
    return len(text.encode("utf-8", "replace"))


def text_key(text: str) -> str:
    """The same for texts that differ in nothing but case and spaces.

    >>> text_key("A  text\\n") == text_key("a text"), text_key("a text") == text_key("a test")
    (True, False)
    """
    return hashlib.sha256(" ".join(text.lower().split()).encode("utf-8", "replace")).hexdigest()


def refuse_held_out(texts: Iterable[Text], held_out: Collection[str], corpus: str, where: str) -> Iterator[Text]:
    """The texts as they come, where none of them is held out.

    Args:
        held_out: keys of the texts that no model may have seen (`text_key`).
        where: the file that has them, for messages.

    Raises:
        CorpusError: one is.
    """
    for identity, text in texts:
        if text_key(text) in held_out:
            raise CorpusError(
                f"The corpus {corpus} holds a document that is held out: {identity!r} is in {where}, too. A model that "
                "was trained on it is measured by what it remembers: take it out of either."
            )
        yield identity, text
