"""Requests are written as the version asks and as the server can take them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import UsageError
from harness.stages.inference.load.connections import Target
from harness.stages.inference.load.counters import ServedModel
from harness.stages.inference.load.payloads import (
    RequestForm,
    asked_tokens,
    body_of,
    check_context,
    check_made_up,
    target_of,
    wire_request,
)
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt
from tests.stages.inference.load.addresses import address_at

URL = "http://127.0.0.1:8000/v1"
VLLM, OTHER = RequestForm(ServedModel(True, None)), RequestForm(ServedModel(False, None))


def body(plan: LoadPlan | None = None, form: RequestForm = OTHER, **settings: Any) -> dict[str, Any]:
    return body_of(PlannedPrompt("hi"), 4, address_at(URL, **settings), plan or LoadPlan(rate=1.0), form)


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
    assert asked_tokens(found) is None


def test_vllm_is_asked_for_an_exact_length_and_a_cache_of_its_own() -> None:
    found, other = body(form=VLLM), body(form=VLLM)
    assert found["ignore_eos"] is True
    assert found["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert found["cache_salt"] != other["cache_salt"]
    assert asked_tokens(found) == 64


def test_vllm_behind_a_gateway_that_takes_no_stream_options_is_asked_without_them() -> None:
    found = body(form=replace(VLLM, counts=False))
    assert "stream_options" not in found
    assert found["ignore_eos"] is True


def test_a_plan_may_leave_the_end_to_the_model_and_the_cache_to_the_server() -> None:
    found = body(LoadPlan(rate=1.0, ends_itself=True, cached=True, output_tokens=9), VLLM)
    assert not {"ignore_eos", "cache_salt"} & set(found)
    assert found["max_tokens"] == 9
    assert asked_tokens(found) is None


def test_messages_of_a_prompt_are_sent_as_they_are() -> None:
    prompt = PlannedPrompt(None, ({"role": "user", "content": "hello"},), 5)
    found = body_of(prompt, 0, address_at(URL), LoadPlan(rate=1.0), OTHER)
    assert (found["messages"], found["max_tokens"]) == ([{"role": "user", "content": "hello"}], 5)


def test_the_wire_has_the_whole_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_TEST_KEY", "secret")
    address = address_at("https://me@host:8443/api/v1/", engine_options={"api_key_env": "STEELYARD_TEST_KEY"})
    head, _, content = wire_request({"messages": ["é"]}, address).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /api/v1/chat/completions HTTP/1.1"
    assert "Host: host:8443" in lines
    assert "Authorization: Bearer secret" in lines
    assert f"Content-Length: {len(content)}" in lines
    assert json.loads(content) == {"messages": ["é"]}
    assert target_of(address) == Target("host", 8443, tls=True)
    assert target_of(address_at("http://host/v1")) == Target("host", 80)


def test_prompts_that_do_not_fit_with_their_answers_are_refused() -> None:
    bodies = [{"messages": [{"role": "user", "content": "a b c"}], "max_tokens": tokens} for tokens in (3, 8)]
    check_context(bodies, address_at(URL), ServedModel(False, 11))
    check_context(bodies, address_at(URL), ServedModel(False, None))
    with pytest.raises(UsageError) as caught:
        check_context(bodies, address_at(URL), ServedModel(False, 10))
    assert (
        "A prompt of at least 3 tokens and an answer of 8 tokens do not fit into the context of 'm', 10 tokens"
        in str(caught.value)
    )


def test_made_up_prompts_are_refused_before_they_are_made() -> None:
    plan = LoadPlan(rate=1.0, prompt_tokens=9_999_999)
    check_made_up(plan, address_at(URL), ServedModel(False, None))
    check_made_up(replace(plan, prompts=(PlannedPrompt("a"),)), address_at(URL), ServedModel(False, 11))
    with pytest.raises(UsageError, match="at least 9,999,999 tokens and an answer of 64 tokens do not fit"):
        check_made_up(plan, address_at(URL), ServedModel(False, 11))


def test_a_prompt_without_spaces_is_long_as_well() -> None:
    bodies = [{"messages": [{"role": "user", "content": "x" * 10_000}], "max_tokens": 1}]
    with pytest.raises(UsageError, match="at least 312 tokens"):
        check_context(bodies, address_at(URL), ServedModel(False, 100))


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
