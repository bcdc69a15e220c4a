"""Documents come out of their files as they went in, and what becomes of one depends on it and the options alone."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from datatrove.data import Document
from hypothesis import given
from hypothesis import strategies as st

from harness.stages.data.steps.step import ShardedCorpus, place_of, shard_of
from tests.other_hashes import elsewhere
from tests.stages.data.steps.judging import document, made
from tests.stages.data.steps.test_filters import texts

pytestmark = pytest.mark.service

STEPS = ["url", "text", "language", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii"]
SENTENCE = " The river rose in the night and this is of the kind that we have with us."
METADATA = [{}, {"url": "https://example.org/porn/xxx"}, {"is_html": True}, {"url": "https://example.org/a"}]


def outcomes(seed: int) -> list[str]:
    """What becomes of some texts in the order of a seed, each twice if that is odd: a line for each step.

    28 have every length with every metadata.
    """
    some = [
        (f"{text}{SENTENCE * (number % 7)} a{number}@acme.org (415) 555-2671 8.8.8.8", METADATA[number % 4])
        for number, text in enumerate(texts(28))
    ]
    order = [number for number in range(len(some)) for _ in range(1 + seed % 2)]
    random.Random(seed).shuffle(order)
    lines = []
    for step in STEPS:
        judge, found = made(step), {}
        for number in order:
            text, metadata = some[number]
            one = document(text, **metadata)
            told = [judge(one), one.text, one.metadata]
            assert found.setdefault(number, told) == told
        lines.append(f"{step} {json.dumps(found, sort_keys=True)}")
    return lines


@pytest.mark.nightly
def test_other_orders_repeats_processes_and_hashes_change_nothing() -> None:
    there = elsewhere(
        "from tests.stages.data.steps.test_step import outcomes; print(*outcomes(2), sep='\\n')", "-W", "error"
    )
    assert [line.partition(" ")[0] for line in there] == STEPS
    for one, other in zip(outcomes(1), there, strict=True):
        assert one == other


def row(one: Document) -> dict[str, object]:
    return {"id": one.id, "text": one.text, "metadata": one.metadata}


def test_documents_come_out_as_they_went_in(tmp_path: Path) -> None:
    shards = ShardedCorpus(tmp_path / "shards", 2)
    first = document("Ünïcode \n\u2028 \x00 😀", url="https://example.org/", nested={"a": [1, None]}, is_html=True)
    shards.write(0, map(row, [first, document("")]))
    assert list(shards.read(0)) == [first, document("")]
    before = shards.path(0).read_bytes()
    shards.write(0, map(row, [first, document("")]))
    assert shards.path(0).read_bytes() == before


def test_a_file_that_could_not_be_written_whole_leaves_the_one_before(tmp_path: Path) -> None:
    shards = ShardedCorpus(tmp_path, 1)
    shards.write(0, [row(document("before"))])

    def failing() -> object:
        yield row(document("half"))
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        shards.write(0, failing())  # type: ignore[arg-type]
    assert [one.text for one in shards.read(0)] == ["before"]
    assert [path.name for path in tmp_path.iterdir()] == ["00000.jsonl"]


@pytest.mark.nightly
@given(st.lists(st.text(max_size=8), max_size=30, unique=True), st.integers(1, 12))
def test_files_hold_stretches_of_one_order_however_many_there_are(ids: list[str], n_shards: int) -> None:
    ordered = sorted(ids, key=place_of)
    shards = [shard_of(name, n_shards) for name in ordered]
    assert shards == sorted(shards)
    assert all(0 <= shard < n_shards for shard in shards)
