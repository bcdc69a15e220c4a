from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from harness.errors import EngineError
from harness.stages.foundation.divergence import PositionDivergence, TextDivergence, read_positions, summarise


def text(*kl: float, same: bool = True, own: float = -1.0, reference: float = -1.0) -> TextDivergence:
    change = math.exp(own) - math.exp(reference)
    return TextDivergence(tuple(PositionDivergence(each, each / 2, same, change, own, reference) for each in kl), True)


def test_figures_over_all_positions_of_all_texts() -> None:
    found = summarise([text(0.1, 0.3), text(0.2, own=-2.0), text(*[0.0] * 97, same=False)])
    assert (found["texts"], found["positions"], found["is_lower_bound"]) == (3, 100, True)
    assert found["kl"]["mean"] == pytest.approx(0.006)
    assert found["kl_reverse"]["mean"] == pytest.approx(0.003)
    assert found["kl"]["median"] == 0.0
    assert found["kl"]["max"] == 0.3
    assert found["kl"]["p95"] == 0.0
    assert found["same_top"] == pytest.approx(0.03)
    assert found["perplexity_ratio"] == pytest.approx(math.exp(0.01))
    assert found["change_rms"] == pytest.approx(math.sqrt((math.exp(-1) - math.exp(-2)) ** 2 / 100))


def test_texts_that_are_split_otherwise_are_counted_and_noted() -> None:
    texts = [text(*[0.1] * 60), replace(text(0.2), is_split_alike=False)]
    found = summarise(texts)
    assert found["split_otherwise"] == 1
    assert found["notes"][0].startswith(
        "their tokenizers split 1 of 2 texts differently; both were given the tokens of"
    )
    assert summarise(texts[:1])["split_otherwise"] == 0


def test_a_percentile_that_so_few_positions_do_not_support_is_not_told() -> None:
    few = summarise([text(*[0.1] * 18), text(*[0.2] * 18)])
    assert few["kl"]["p90"] == pytest.approx(0.2)
    assert [few["kl"][name] for name in ("p95", "p99", "p99.9")] == [None] * 3
    assert few["notes"][0].startswith("36 tokens do not support p95 (59), p99 (299), p99.9 (2,995): ")
    many = summarise([text(*range(2994)), text(2994.0)])
    assert (many["kl"]["p99.9"], many["notes"]) == (pytest.approx(2991.006), [])
    assert summarise([text(*range(2994))])["kl"]["p99.9"] is None


def test_texts_are_what_is_counted_and_not_their_positions() -> None:
    """Ten times as many positions of the same texts say nothing more of other texts."""
    few, many = (summarise([text(*[value] * n) for value in (0.1, 0.2, 0.4)]) for n in (2, 20))
    for side in ("low", "high"):
        assert few["kl"][side] == pytest.approx(many["kl"][side])
    assert summarise([text(0.1, 0.2)])["kl"]["low"] is None, "one text says nothing of others"


def test_equal_divergences_have_no_interval_and_are_valid_json() -> None:
    found = summarise([text(0.0, 0.0), text(0.0, 0.0)])
    assert (found["kl"]["mean"], found["kl"]["low"], found["kl"]["high"]) == (0.0, None, None)
    json.dumps(found, allow_nan=False)


def test_a_text_s_measure_says_what_it_is() -> None:
    measure = text(0.1, 0.3, same=False).kl
    assert (measure.value, measure.unit, measure.higher_is_better) == (pytest.approx(0.2), "nats/token", False)
    assert measure.reason == "at most 0.3 nats; another most probable token at 2 of 2 positions; a lower bound"


def test_what_is_known_in_part_has_no_jensen_shannon_divergence() -> None:
    whole = TextDivergence((PositionDivergence(0.1, 0.2, True, 0.0, -1.0, -3.0, 0.04),) * 2, False)
    assert whole.js.value == pytest.approx(0.04)
    assert (whole.log_likelihood, whole.reference_log_likelihood) == (-1.0, -3.0)
    with pytest.raises(EngineError, match="needs both distributions whole"):
        _ = text(0.1, 0.2).js


def test_an_answer_of_the_process_is_read() -> None:
    found = read_positions({"positions": [[0.1, 0.2, True, 0.0, -1.0, -1.0]], "is_lower_bound": False})
    assert found == TextDivergence((PositionDivergence(0.1, 0.2, True, 0.0, -1.0, -1.0),), False)
