"""What a server tells of itself, read from one that tells it; requests are written as it takes them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.errors import EngineError
from harness.models.spec import engine_spec
from harness.stages.inference import serving
from harness.stages.inference.load.plan import LoadPlan, PlannedPrompt
from harness.stages.inference.load.target import RequestForm, counts_since, is_reachable, read_counters, server_spec
from tests.stages.inference.load.addresses import address_at

pytestmark = pytest.mark.service

METRICS = """# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="m"} 100.0
vllm:prompt_tokens_total{engine="1",model_name="m"} 20.0
vllm:prompt_tokens_created{engine="0",model_name="m"} 1.7e+09
vllm:num_preemptions_total{engine="0",model_name="m"} 2.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.1",model_name="m"} 4.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} 1.5
vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 3.0
"""

VLLM = engine_spec("vllm").server
Pages = dict[str, tuple[int, str]]


@pytest.fixture
def pages() -> Iterator[Callable[[Pages], str]]:
    """`pages({"/metrics": (200, "…")})`: the address of a server that has these."""
    servers: list[ThreadingHTTPServer] = []

    def start(known: Pages) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, text = known.get(self.path, (404, "no"))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_GET

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/v1"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def models(*entries: dict[str, Any]) -> tuple[int, str]:
    return 200, json.dumps({"data": list(entries)})


def test_counters_are_added_up_over_engines(pages: Callable[[Pages], str]) -> None:
    found = read_counters(address_at(pages({"/metrics": (200, METRICS)})), VLLM)
    assert found == {"prompt_tokens": 120.0, "preemptions": 2.0, "ttft_sum_s": 1.5, "ttft_count": 3.0}


@pytest.mark.parametrize("page", [(404, "no"), (200, "process_cpu_seconds_total 3\n")])
def test_a_server_without_vllms_counters_has_none(pages: Callable[[Pages], str], page: tuple[int, str]) -> None:
    assert read_counters(address_at(pages({"/metrics": page})), VLLM) == {}


def test_between_two_readings_only_what_was_counted_meanwhile_is_told(pages: Callable[[Pages], str]) -> None:
    before = {"prompt_tokens": 20.0, "ttft_sum_s": 0.5, "ttft_count": 1.0}
    found = counts_since(before, address_at(pages({"/metrics": (200, METRICS)})), VLLM, 3)
    assert found == {"prompt_tokens": 100.0, "preemptions": 2.0, "ttft_mean_s": 0.5}


def test_a_server_says_whose_it_is(pages: Callable[[Pages], str]) -> None:
    assert server_spec(address_at(pages({"/v1/models": models({"id": "m", "owned_by": "vllm"})}))) is VLLM
    for page in (models({"id": "n"}), (404, "no"), (200, "no json"), (200, '{"data": 3}'), (200, '{"data": ["m"]}')):
        assert server_spec(address_at(pages({"/v1/models": page}))) is None


def test_a_server_that_is_not_there_is_told_and_one_that_refuses_is(pages: Callable[[Pages], str]) -> None:
    with pytest.raises(EngineError, match=r"No server answers at http://127\.0\.0\.1:1/v1 \(Connection refused\)"):
        server_spec(address_at("http://127.0.0.1:1/v1"))
    assert not is_reachable(address_at("http://127.0.0.1:1/v1"))
    assert is_reachable(address_at(pages({})))


@pytest.mark.parametrize("resets", [1, 0])
def test_one_connection_that_is_reset_or_an_answer_that_takes_long_is_no_end(
    monkeypatch: pytest.MonkeyPatch, resets: int
) -> None:
    monkeypatch.setattr(serving, "_PAGE_TIMEOUT_S", 0.3)
    held = []

    def take() -> None:
        """Take connections, and close the first ones; the others get no answer."""
        for number in range(resets + 1):
            held.append(listening.accept()[0])
            if number < resets:
                held[number].close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        taking = threading.Thread(target=take, daemon=True)
        taking.start()
        assert is_reachable(address_at(f"http://127.0.0.1:{listening.getsockname()[1]}/v1"))
        taking.join(1)  # where the first connection was left to time out, nothing comes after it
        held[-1].close()


URL = "http://127.0.0.1:8000/v1"
FORM, OTHER = RequestForm(VLLM), RequestForm(None)


def body(plan: LoadPlan | None = None, form: RequestForm = OTHER, **settings: Any) -> dict[str, Any]:
    plan = plan or LoadPlan(rate=1.0)
    found: dict[str, Any] = json.loads(form.bodies([PlannedPrompt("hi")] * 5, address_at(URL, **settings), plan)[4])
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
    found, other = body(form=FORM), body(form=FORM)
    assert found["ignore_eos"] is True
    assert found["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert found["cache_salt"] != other["cache_salt"]
    assert asked(LoadPlan(rate=1.0), FORM) == 64


def test_a_plan_may_leave_the_end_to_the_model_and_the_cache_to_the_server() -> None:
    plan = LoadPlan(rate=1.0, ends_itself=True, cached=True, output_tokens=9)
    found = body(plan, FORM)
    assert not {"ignore_eos", "cache_salt"} & set(found)
    assert found["max_tokens"] == 9
    assert asked(plan, FORM) is None


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
