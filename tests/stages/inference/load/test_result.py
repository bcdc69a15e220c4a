"""One request is an error or has latencies, and a result has the keys that scripts read."""

from __future__ import annotations

import json

from harness.stages.inference.load.figures import figures
from harness.stages.inference.load.plan import LoadPlan
from harness.stages.inference.load.result import LoadResult, RequestRecord

KEYS = [
    "valid",
    "invalid_reasons",
    "requests",
    "completed",
    "errors",
    "duration_s",
    "rate_planned",
    "rate_achieved",
    "schedule_delay_s",
    "ttft_s",
    "ttft_scheduled_s",
    "itl_s",
    "tpot_s",
    "e2e_s",
    "output_tokens_per_s",
    "requests_per_s",
    "goodput_per_s",
    "prompt_tokens",
    "completion_tokens",
    "client_cpu",
]
LATENCIES = [key for key in KEYS if key.endswith("_s") and key not in ("duration_s",) and "_per_s" not in key]


def test_the_json_has_the_keys_that_scripts_read() -> None:
    record = RequestRecord(0, 0.0, 0.1, 2.0, ttft_s=1.0, gaps_s=((0.5, 1.0),), prompt_tokens=3, completion_tokens=2)
    result = LoadResult(
        valid=True,
        invalid_reasons=(),
        notes=(),
        rate_planned=1.0,
        client_cpu=0.0,
        records=(record,),
        **figures([record], LoadPlan(rate=1.0)),
    )
    document = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert set(KEYS) <= set(document)
    assert "records" not in document
    assert len(LATENCIES) == 6
    for key in LATENCIES:
        assert list(document[key]) == ["mean", "p50", "p90", "p95", "p99", "max", "n"]


def test_an_error_has_no_latency() -> None:
    record = RequestRecord(0, 0.0, 0.1, 2.0, error="timeout")
    assert (record.ttft_s, record.ttft_scheduled_s, record.itl_s, record.tpot_s, record.e2e_s) == (None,) * 5
    assert record.delay_s == 0.1
