from __future__ import annotations

import json
from dataclasses import replace

from harness.reporting.data.ablation import ablation_document, ablation_lines
from harness.reporting.terminal.report import Layout
from harness.stages.data.ablation.comparison import SeedPair
from harness.stages.data.ablation.power import seed_power
from harness.stages.data.ablation.results import TrainedModel

MODEL = TrainedModel(1, 0.5612, 0.9, 600_064, 1623, 1_759_095, 0.38, ((300_032, 0.7), (600_064, 0.5612)), 20.0)
LOSSES = ((0.5612, 0.6701), (0.5703, 0.6812), (0.5491, 0.6644))
PAIRS = [
    SeedPair(replace(MODEL, seed=seed, loss=one), replace(MODEL, seed=seed, loss=other, cloze=0.75, epochs=0.21))
    for seed, (one, other) in enumerate(LOSSES, 1)
]
LAYOUT = Layout(width=80, colour=False, encoding="utf-8", verbosity=0)


def test_figures_stand_by_seed_and_as_a_difference() -> None:
    lines = ablation_lines(("clean", "raw"), PAIRS, LAYOUT)
    assert lines[:2] == ["clean against raw: 3 seeds, 600,064 tokens of each", "read 0.38 and 0.21 times"]
    assert lines[4].split() == ["1", "0.5612", "0.6701", "-0.1089", "0.900", "0.750"]
    told = " ".join(lines)
    assert "held-out loss: -0.1117 nats/byte [-0.1198, -0.1036] (better; paired t over 3 seeds" in told
    assert "cloze: +0.1500 of questions" in told
    assert lines[-1].split() == ["600,064", "0.5612", "0.5612", "0.0000"]
    assert max(map(len, lines)) <= 80


def test_the_worse_one_is_called_so() -> None:
    turned = [SeedPair(each.second, each.first) for each in PAIRS]
    told = " ".join(ablation_lines(("raw", "clean"), turned, LAYOUT))
    assert "held-out loss: +0.1117 nats/byte [+0.1036, +0.1198] (worse;" in told
    assert "cloze: -0.1500 of questions" in told


def test_without_questions_there_are_no_answers() -> None:
    none = [SeedPair(replace(each.first, cloze=None), replace(each.second, cloze=None)) for each in PAIRS]
    told = " ".join(ablation_lines(("clean", "raw"), none, LAYOUT))
    assert "n/a" in told
    assert "of questions" not in told
    assert ablation_document(("clean", "raw"), seed_power(3), none)["cloze"] is None


def test_json_has_all_of_it() -> None:
    document = json.loads(json.dumps(ablation_document(("clean", "raw"), seed_power(3), PAIRS)))
    assert (document["first"], document["second"], document["tokens"]) == ("clean", "raw", 600_064)
    assert document["power"]["sign_p"] == 0.125
    assert document["pairs"][1]["second"]["loss"] == 0.6812
    assert document["loss"]["high"] < 0 < document["cloze"]["value"]
