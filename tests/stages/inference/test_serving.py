"""The fixture `server`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.config.settings import load_settings
from harness.errors import CapabilityError, EngineError, NotInLineageError, SettingsError
from harness.models.version import Version, load_version
from harness.stages.inference.serving import Server, ServerAddress, start_server
from harness.stages.lineage import StageContext


def server_of(folder: Path, table: str, *, is_offline: bool = False) -> Server:
    (folder / "steelyard.toml").write_text(f"[models.it]\n{table}\n", encoding="utf-8")
    settings = load_settings(folder)
    context = StageContext(settings, is_offline=is_offline)
    return start_server(load_version(settings.version("it"), folder), context)


SERVED = 'engine = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"'


def test_a_version_with_an_address_is_there_and_is_not_ended(tmp_path: Path) -> None:
    server = server_of(tmp_path, SERVED)
    assert server.address == "http://127.0.0.1:9/v1"
    with pytest.raises(EngineError, match="/metrics can't be read"):
        server.metrics()
    with pytest.raises(CapabilityError, match="no weights"):
        _ = server.description
    server.close()


@pytest.mark.parametrize("fails", [False, True])
def test_its_first_use_starts_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """It was started for blocks that are in the store; and each evaluation waited anew for one that did not start."""
    started: list[str] = []
    told: list[str] = []

    @contextmanager
    def serve(version: Version, *_: Any, **__: Any) -> Iterator[ServerAddress]:
        started.append(version.name)
        if fails:
            raise EngineError("vLLM's server ended.")
        yield ServerAddress(version, "http://127.0.0.1:9/v1", "m", pid=1 << 30)

    def start() -> None:
        try:
            server.start()
        except EngineError as error:
            told.append(str(error))

    monkeypatch.setattr("harness.stages.inference.serving.serve", serve)
    server = server_of(tmp_path, SERVED)
    server.close()
    assert started == []
    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (started, told) == (["it"], ["vLLM's server ended."] * 4 * fails)
    server.close()


def test_offline_none_is_started(tmp_path: Path, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nothing/is/started")
    text = f'engine = "vllm"\nweights = "{tiny_llama}"\ndtype = "bfloat16"'
    server = server_of(tmp_path, text, is_offline=True)
    assert server.description.in_engine.dtype == "bfloat16"
    with pytest.raises(EngineError, match="--offline starts no server"):
        server.start()
    server.close()
    assert server_of(tmp_path, SERVED, is_offline=True).address == "http://127.0.0.1:9/v1"


def test_a_version_that_nobody_serves_has_none(tmp_path: Path) -> None:
    with pytest.raises(NotInLineageError, match="it has no server"):
        server_of(tmp_path, 'engine = "scripted"\ndefault = "yes"')


def test_an_endpoint_is_its_own_address_and_its_key_comes_from_the_environment_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = 'engine = "openai"\nbase_url = "http://h:8000/v1/"\nmodel = "m"\napi_key_env = "STEELYARD_TEST_KEY"'
    with pytest.raises(SettingsError, match="STEELYARD_TEST_KEY is not set"):
        server_of(tmp_path, table).start()
    monkeypatch.setenv("STEELYARD_TEST_KEY", "secret")
    address = server_of(tmp_path, table).start()
    assert (address.base_url, address.model, address.root_url) == ("http://h:8000/v1", "m", "http://h:8000")
    assert address.headers == {"Authorization": "Bearer secret"}
    assert "secret" not in repr(address)


def test_load_is_not_put_on_several_replicas(tmp_path: Path) -> None:
    table = 'engine = "openai"\nbase_url = ["http://h/v1/", "http://i/v1"]\nmodel = "m"'
    with pytest.raises(SettingsError, match="'it' has several servers; load is put on one"):
        server_of(tmp_path, table).start()


def test_its_counters_are_asked_for_with_its_key_and_past_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were asked for without a key, through the proxy of the environment."""
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(f"requests {self.path}".encode())

        def log_message(self, *_: Any) -> None: ...

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("OWN_KEY", "secret")
    with HTTPServer(("127.0.0.1", 0), Handler) as there:
        threading.Thread(target=there.handle_request, daemon=True).start()
        table = SERVED.replace("127.0.0.1:9", f"127.0.0.1:{there.server_port}") + '\napi_key_env = "OWN_KEY"'
        assert server_of(tmp_path, table).metrics() == "requests /metrics"
    assert asked == ["Bearer secret"]
