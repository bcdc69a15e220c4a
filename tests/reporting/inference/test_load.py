"""A load as a person reads it."""

from __future__ import annotations

from dataclasses import replace

from harness.reporting.load import LoadReport, view
from harness.reporting.shared.grid import folded
from harness.stages.inference.load.figures import LoadResult, figures
from harness.stages.inference.load.plan import DOUBTS, LoadPlan
from tests.stages.inference.load.rows import row

PLAN = LoadPlan(rate=2.5, seconds=60.0, objective={"ttft": 0.5})


def result(number: int = 300) -> LoadResult:
    rows = [
        row(
            index,
            scheduled_s=index * 0.2,
            sent_s=index * 0.2 + 0.001,
            done_s=index * 0.2 + 12.0,
            ttft_s=0.05 + 0.001 * index,
            gaps_s=((0.0055, 63.0),),
            prompt_tokens=130,
            completion_tokens=64,
        )
        for index in range(number)
    ]
    server = {"ttft_mean_s": 0.1, "requests": 300.0}
    return replace(figures(rows, PLAN), rate_planned=3.75, client_cpu=0.031, server=server, others_cpu=0.1)


def shown(plan: LoadPlan, of: LoadResult) -> list[str]:
    return list(folded(view(LoadReport("served", plan, of))))


def test_the_table_is_aligned_and_fits_80_columns() -> None:
    lines = shown(PLAN, result())
    assert lines[0] == "steelyard load   served   2.5 requests/s (Poisson)   seed 0"
    assert lines[2].split() == ["ms", "mean", "p50", "p90", "p95", "p99", "max", "n"]
    assert lines[3].split() == ["first", "token", "200", "199", "319", "334", "346", "349", "300"]
    assert lines[5].split()[:4] == ["between", "tokens", "5.50", "5.50"]
    assert lines[5].split()[-1] == "18,900"
    table = lines[2:9]
    assert len({len(line) for line in table}) == 1
    assert max(map(len, lines)) <= 80
    assert lines[-2].startswith("valid     no doubt about client, schedule, cache")
    assert lines[-1].strip() == "steal"


def test_what_the_plan_accepts_is_not_said_to_be_beyond_doubt() -> None:
    lines = shown(replace(PLAN, accept=frozenset({"machine"})), result())
    text = " ".join(" ".join(lines).split())
    assert text.endswith("valid machine accepted; no doubt about client, schedule, cache, preemptions, tokens, steal")
    everything = replace(PLAN, accept=frozenset(DOUBTS))
    assert "no doubt" not in " ".join(shown(everything, result()))


def test_what_was_not_measured_is_no_number() -> None:
    lines = shown(LoadPlan(concurrency=2), result(3))
    assert lines[0] == "steelyard load   served   2 in flight   seed 0"
    assert lines[3].split() == ["first", "token", "51.0", "-", "-", "-", "-", "52.0", "3"]


def test_reasons_and_errors_are_folded_and_never_cut() -> None:
    reason = "A cache answered 50% of the prompts' tokens (20,288 of 40,576), which makes the first token come sooner."
    whole = replace(result(), valid=False, invalid_reasons=(reason,), errors={"http_429": 7, "timeout": 1})
    text = "\n".join(shown(PLAN, whole))
    assert "errors    http_429 7, timeout 1" in text
    assert reason in " ".join(text.split())
    assert "\nINVALID   A cache" in text
    assert "valid     no doubt" not in text


def test_what_a_server_says_moves_no_cursor() -> None:
    whole = replace(result(), valid=False, invalid_reasons=("The server said: \x1b[31mred",))
    assert "\x1b" not in "\n".join(shown(PLAN, whole))
