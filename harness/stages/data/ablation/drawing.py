"""The documents that a seed trains on, in its order, as bytes."""

from __future__ import annotations

import gzip
import hashlib
import heapq
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import CorpusError
from harness.stages.data.ablation.plan import END, AblationPlan

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Text = tuple[str, str]
"""The id of a document, and its text."""


@dataclass(frozen=True, slots=True)
class DrawnTokens:
    """What a seed trains on.

    Attributes:
        tokens: (n_tokens,), the bytes of documents with a token after each.
        n_documents: how many documents they are of, the last of them cut.
        epochs: how often the corpus was read; less than 1 where it has more tokens.
    """

    tokens: npt.NDArray[np.int64]
    n_documents: int
    epochs: float


def read_texts(paths: Iterable[Path]) -> Iterator[Text]:
    """The ids and texts of documents in files of JSON lines, compressed or not."""
    for path in paths:
        opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
        with opened as lines:
            for line in lines:
                record = json.loads(line)
                yield str(record["id"]), record["text"]


def draw_tokens(texts: Iterable[Text], seed: int, plan: AblationPlan, corpus: str) -> DrawnTokens:
    """As many tokens as a plan trains on, of documents in the order of a seed.

    A document's place comes from the seed and its id alone, so that two corpora give the documents that they share in
    the same order, and neither the order of the files nor that of their lines counts. Of a corpus that has more than is
    needed those are kept in memory that come first, and no others.

    Args:
        corpus: its name, for messages.

    Raises:
        CorpusError: it has no text, or would have to be read more often than the plan allows.
    """
    import numpy as np

    needed = plan.trained_tokens
    drawn, size = _first_documents(texts, seed, needed)
    if not size:
        raise CorpusError(
            f"The corpus {corpus} has no text to train on; `steelyard corpus stats {corpus}` says which step removed it."
        )
    epochs = needed / size
    if epochs > plan.most_epochs:
        raise CorpusError(
            f"The corpus {corpus} has {size:,} tokens (bytes, and one for each end), so that {needed:,} of them would "
            f"read it {epochs:.1f} times, more than most_epochs = {plan.most_epochs:g}. Train on fewer "
            f"(tokens={int(size * plan.most_epochs):,} or less, the same for every corpus), or allow more epochs."
        )
    tokens = np.empty(needed, dtype=np.int64)
    filled = n_documents = epoch = 0
    while filled < needed:
        for encoded in drawn if epoch == 0 else _reordered(drawn, seed, epoch):
            part = np.frombuffer(encoded[1], dtype=np.uint8)[: needed - filled]
            tokens[filled : filled + len(part)] = part
            filled, n_documents = filled + len(part), n_documents + 1
            if filled < needed:
                tokens[filled] = END
                filled += 1
            if filled == needed:
                break
        epoch += 1
    return DrawnTokens(tokens, n_documents, epochs)


def _first_documents(texts: Iterable[Text], seed: int, needed: int) -> tuple[list[tuple[str, bytes]], int]:
    """The documents that come first in a seed's order and have as many tokens together; and how many all have."""
    heap: list[tuple[int, str, bytes]] = []
    size = kept = 0
    for identity, text in texts:
        if not text:
            continue
        encoded = text.encode("utf-8", "replace")
        heapq.heappush(heap, (-_place(seed, 0, identity), identity, encoded))
        size, kept = size + len(encoded) + 1, kept + len(encoded) + 1
        while kept - len(heap[0][2]) - 1 >= needed:
            kept -= len(heapq.heappop(heap)[2]) + 1
    ordered = sorted(heap, key=lambda each: (-each[0], each[1]))
    return [(identity, encoded) for _, identity, encoded in ordered], size


def _reordered(documents: Sequence[tuple[str, bytes]], seed: int, epoch: int) -> list[tuple[str, bytes]]:
    return sorted(documents, key=lambda each: (_place(seed, epoch, each[0]), each[0]))


def _place(seed: int, epoch: int, identity: str) -> int:
    digest = hashlib.blake2b(f"{seed}|{epoch}|{identity}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


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
