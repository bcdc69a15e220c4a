"""The loopback server does what tests and benchmarks rely on."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import Fault, Loopback, Options


def post(base_url: str, path: str = "/chat/completions", **payload: Any) -> dict[str, Any]:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Q"}], **payload}).encode()
    with urllib.request.urlopen(urllib.request.Request(base_url + path, body), timeout=60) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def texts(answer: dict[str, Any]) -> list[str]:
    return [choice["message"]["content"] for choice in answer["choices"]]


@pytest.mark.service
def test_as_a_program_it_prints_its_address_first_and_ends_on_request() -> None:
    command = [sys.executable, "-m", "tests.loopback", "--default", "hi", "--fault", "500:first=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as server:
        assert server.stdout is not None
        base_url = server.stdout.readline().strip()
        with pytest.raises(urllib.error.HTTPError, match="500") as failed:
            post(base_url)
        failed.value.close()
        assert texts(post(base_url, n=3)) == ["hi"] * 3
        with urllib.request.urlopen(base_url.removesuffix("/v1") + "/stats") as response:
            assert json.load(response) == {"requests": 2, "choices": 3, "faults": 1, "in_flight": 0, "max_in_flight": 1}
        with urllib.request.urlopen(base_url + "/models") as response:
            assert json.load(response)["data"][0]["id"] == "loopback"
        server.terminate()
        assert server.wait(timeout=60) == 0


def test_the_same_requests_get_the_same_answers_from_every_server() -> None:
    drawn = []
    for _ in range(2):
        server = Loopback(Options(answers={"Q": {"a": 0.5, "b": 0.5}}))
        drawn.append([texts(post(server.base_url, n=20)) for _ in range(3)])
        server.stop()
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]


def test_a_stamp_is_a_number_that_each_request_has_of_its_own() -> None:
    server = Loopback(Options(default="about #", stamp="#"))
    try:
        said = [texts(post(server.base_url, messages=[{"role": "user", "content": prompt}])) for prompt in "aab"]
    finally:
        server.stop()
    assert said[0] == said[1] != said[2]
    assert said[0][0].removeprefix("about ").isdecimal()


def test_twins_are_answered_together() -> None:
    server = Loopback(Options(twins=2))
    with ThreadPoolExecutor() as pool:
        assert [texts(answer) for answer in pool.map(post, [server.base_url] * 2)] == [["ok"], ["ok"]]
    assert server.stats["max_in_flight"] == 2
    server.stop()


def test_faults_by_rate_depend_on_the_request_and_its_attempt() -> None:
    fault = Fault("500", rate=0.3)
    struck = [fault.strikes(b"body", number, attempt) for number in (0, 9) for attempt in range(1000)]
    assert struck[:1000] == struck[1000:]
    assert 250 < sum(struck[:1000]) < 350


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("429", Fault("429", rate=1)),
        ("drop:first=5", Fault("drop", first=5)),
        ("429:attempts=2:retry_after=0.1", Fault("429", attempts=2, retry_after="0.1")),
        ("hang:rate=0.5", Fault("hang", rate=0.5)),
    ],
)
def test_a_fault_is_read_from_the_command_line(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="'explode' is neither an HTTP status nor one of hang, drop"):
        Fault("explode")


def test_a_port_that_is_taken_is_an_error(loopback: Any) -> None:
    port = int(loopback().base_url.rsplit(":", 1)[1].removesuffix("/v1"))
    with pytest.raises(OSError, match="in use"):
        loopback(port=port)
