"""Finds the cases of an evaluation that are copies of each other, by what is written in them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.gate.evaluations.contents import plain
from harness.records import Case

_FEWEST_WORDS = 3
"""Cases whose texts are all shorter are never copies: ten that say `Hi` may be meant."""
_LONG = 20
"""Words of a text of which one can tell whether it is nearly another's."""
_MOST = 5_000
"""More texts are not looked through: it would take seconds before each run."""
_BUCKETS, _HASHES = 8, 20
"""A pair with a Jaccard similarity of 0.9 of its shingles of 5 words shares one of 8 buckets in 2 of 3 cases, one of
0.75 in 1 of 40."""


@dataclass(frozen=True, slots=True)
class Copies:
    """The cases of an evaluation that are copies.

    Attributes:
        labels: of each case the id of the first that it is a copy of, its own where it is none.
        example: the ids of two that are copies of each other.
    """

    labels: tuple[str, ...]
    example: tuple[str, str]

    @property
    def n_distinct(self) -> int:
        """The number of cases that are left where copies count once."""
        return len(set(self.labels))


def find_copies(cases: Sequence[Case]) -> Copies | None:
    """The cases that are copies of each other; None where there are none.

    Two are copies where all their fields but the id are equal, what is expected among them, after case folding and
    white space. Cases without a text of three words, and with what has no JSON form, are none.
    """
    first: dict[str, str] = {}
    labels, example = [], None
    for case in cases:
        label = first.setdefault(_content(case) or f"id {case.id}", case.id)
        labels.append(label)
        if label != case.id and example is None:
            example = label, case.id
    return None if example is None else Copies(tuple(labels), example)


def find_near(cases: Sequence[Case]) -> tuple[int, tuple[str, str]] | None:
    """How many cases nearly repeat the text of another one, and two that do; None where none do.

    It is told by the MinHash that corpora have, of texts of 20 words and more; without datatrove nothing is told.
    """
    texts = {case.id: _folded(" ".join(_texts(case.fields))) for case in cases}
    texts = {name: text for name, text in texts.items() if len(text.split()) >= _LONG}
    if not 2 <= len(texts) <= _MOST:
        return None
    try:
        from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
        from datatrove.utils.hashing import HashConfig, create_hash_func
    except ImportError:
        return None
    hashing = HashConfig(hash_fc="sha1")
    number_of = create_hash_func(hashing)
    config = MinhashConfig(num_buckets=_BUCKETS, hashes_per_bucket=_HASHES, hash_config=hashing)
    first: dict[Any, str] = {}
    near: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        signature = MinhashDedupSignature(folder, config)
        for name, text in texts.items():
            words = text.split()
            grams = [" ".join(words[i : i + config.n_grams]) for i in range(len(words) - config.n_grams + 1)]
            shingles = np.array([[number_of(gram)] for gram in grams], np.uint64)
            for place, hashes in enumerate(signature.get_signature(shingles)):
                other = first.setdefault((place, *hashes), name)
                if texts[other] != text:
                    near.setdefault(name, other)
    if not near:
        return None
    name, other = next(iter(near.items()))
    return len(near), (other, name)


def _content(case: Case) -> str | None:
    """All fields of a case but its id, after folding; None for what is no copy of anything."""
    fields = {name: value for name, value in case.fields.items() if name != "id"}
    if max((len(text.split()) for text in _texts(fields)), default=0) < _FEWEST_WORDS:
        return None
    try:
        return json.dumps(_folded_in(fields), sort_keys=True, default=plain)
    except (TypeError, ValueError, RecursionError):
        return None


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _folded_in(value: Any) -> Any:
    """The same value with all of its texts folded."""
    if isinstance(value, str):
        return _folded(value)
    if isinstance(value, Mapping):
        return {name: _folded_in(each) for name, each in value.items()}
    return [*map(_folded_in, value)] if isinstance(value, list | tuple) else value


def _texts(value: Any) -> Iterable[str]:
    """All texts in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if name != "id":
                yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
