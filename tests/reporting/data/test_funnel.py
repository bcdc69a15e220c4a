"""The funnel of a corpus, for people and as JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.reporting.corpora import statistics_view, summary
from harness.reporting.shared.grid import folded
from harness.reporting.shared.text import cells
from tests.reporting.data.corpora import STATISTICS


def test_json_has_the_keys_that_were_promised() -> None:
    document = STATISTICS.as_json()
    assert list(document) == [
        *("name", "fingerprint", "documents_in", "documents_out", "tokens_in", "tokens_out", "token_unit", "seconds"),
        "steps",
    ]
    assert document["steps"][3] == {
        "step": "minhash",
        "in": 5102,
        "out": 4102,
        "removed": 1000,
        "seconds": 30.55,
        "reasons": {"near_duplicate": 1000},
    }


def test_a_step_has_a_row_and_below_all_its_reasons_the_most_frequent_first() -> None:
    assert list(folded(statistics_view(STATISTICS))) == [
        "clean",
        "  4,102 of 6,458 documents kept (64 %)",
        "  812,345 of 1,000,000 words (81 %)",
        "  built in 12 s, fingerprint 0f3a0f3a0f3a",
        "",
        "step               in    out  removed  seconds  left",
        "language        6,458  5,158     20 %      2.1  80 %",
        "gopher_quality  5,158  5,102    1.1 %      8.0  79 %",
        "pii             5,102  5,102      0 %      0.3  79 %",
        "minhash         5,102  4,102     20 %     30.6  64 %",
        "language        language_not_kept 1,200, language_below_threshold 100",
        "gopher_quality  gopher_reason_10 10, gopher_reason_9 9, gopher_reason_8 8,",
        "                gopher_reason_7 7, and 6 more",
        "minhash         near_duplicate 1,000",
    ]


@pytest.mark.parametrize(("width", "encoding"), [(80, "utf-8"), (60, "utf-8"), (44, "utf-8"), (80, "ascii")])
def test_it_fits_the_terminal(width: int, encoding: str) -> None:
    lines = list(folded(statistics_view(STATISTICS), width, encoding))
    assert max(map(cells, lines)) <= width
    "\n".join(lines).encode(encoding)


def test_a_corpus_without_steps_says_so() -> None:
    assert (
        list(folded(statistics_view(replace(STATISTICS, steps=()))))[-1] == "  no step: the documents are as they come"
    )


def test_an_empty_corpus_has_no_shares() -> None:
    empty = replace(STATISTICS, documents_in=0, documents_out=0, tokens_in=0, tokens_out=0, token_unit="small")
    assert summary(empty) == "0 of 0 documents kept (-)"
    assert "0 of 0 tokens of small (-)" in "\n".join(folded(statistics_view(empty)))
