"""Requests are written as the version asks and as the server can take them."""

from __future__ import annotations

import json
from typing import Any

from harness.models.spec import engine_spec
from harness.stages.inference.load.payloads import RequestForm
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt
from tests.stages.inference.load.addresses import address_at

URL = "http://127.0.0.1:8000/v1"
VLLM, OTHER = RequestForm(engine_spec("vllm").server), RequestForm(None)


def body(plan: LoadPlan | None = None, form: RequestForm = OTHER, **settings: Any) -> dict[str, Any]:
    plan = plan or LoadPlan(rate=1.0)
    found: dict[str, Any] = json.loads(form.body(PlannedPrompt("hi"), 4, address_at(URL, **settings), plan))
    return found


def asked(plan: LoadPlan, form: RequestForm) -> int | None:
    return form.asked_tokens(PlannedPrompt("hi"), plan)


def test_a_request_has_the_versions_template_system_text_and_sampling() -> None:
    found = body(system="Be brief.", template="Q: {prompt}", sampling={"temperature": 0.3, "seed": 10})
    assert found == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Q: hi"}],
        "temperature": 0.3,
        "seed": 14,
        "max_tokens": 64,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert asked(LoadPlan(rate=1.0), OTHER) is None


def test_vllm_is_asked_for_an_exact_length_and_a_cache_of_its_own() -> None:
    found, other = body(form=VLLM), body(form=VLLM)
    assert found["ignore_eos"] is True
    assert found["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert found["cache_salt"] != other["cache_salt"]
    assert asked(LoadPlan(rate=1.0), VLLM) == 64


def test_a_plan_may_leave_the_end_to_the_model_and_the_cache_to_the_server() -> None:
    plan = LoadPlan(rate=1.0, ends_itself=True, cached=True, output_tokens=9)
    found = body(plan, VLLM)
    assert not {"ignore_eos", "cache_salt"} & set(found)
    assert found["max_tokens"] == 9
    assert asked(plan, VLLM) is None


def test_a_server_that_wants_other_fields_gets_them() -> None:
    newer = OTHER.mended("http_400", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
    assert newer is not None
    assert body(form=newer)["max_completion_tokens"] == 64
    assert "max_tokens" not in body(form=newer)
    older = OTHER.mended("http_422", "stream_options: extra fields not permitted")
    assert older is not None
    assert "stream_options" not in body(form=older)
    assert older.mended("http_422", "stream_options: extra fields not permitted") is None
    assert OTHER.mended("http_500", "max_completion_tokens") is None
