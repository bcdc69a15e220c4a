"""What a server tells of itself, read from one that tells it."""

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
from harness.stages.inference.load import counters
from harness.stages.inference.load.counters import difference, is_reachable, read_counters, server_spec
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


def test_between_two_readings_only_what_was_counted_meanwhile_is_told() -> None:
    before = {"requests": 5.0, "ttft_sum_s": 1.0, "ttft_count": 5.0, "itl_sum_s": 0.0, "itl_count": 0.0}
    after = {"requests": 9.0, "ttft_sum_s": 3.0, "ttft_count": 9.0, "itl_sum_s": 0.0, "itl_count": 0.0}
    assert difference(before, after) == {"requests": 4.0, "ttft_mean_s": 0.5}


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
    monkeypatch.setattr(counters, "_TIMEOUT_S", 0.3)
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
