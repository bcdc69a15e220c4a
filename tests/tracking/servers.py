"""A real server of MLflow, one that dies or asks for a password in front of it, and one that never answers."""

from __future__ import annotations

import base64
import http.client
import http.server
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.ports import held_port
from tests.tracking.forks import QUIET, in_a_fork
from tests.waiting import wait_until


def make_database(path: Path) -> Path:
    """A new database of MLflow, which takes some seconds: to be copied by those who need an empty one."""
    in_a_fork("tests.tracking.making", f"sqlite:///{path}", folder=path.parent)
    return path


class MlflowServer:
    """`mlflow server` on 127.0.0.1, over a database in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._stack = ExitStack()
        self.port = self._stack.enter_context(held_port())
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        places = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
        listen = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *places, *listen],
                cwd=folder,
                env={**os.environ, **QUIET},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._await()

    def _await(self) -> None:
        try:
            wait_until(lambda: self._process.poll() is not None or self._answers())
            assert self._process.poll() is None, self.log.read_text()
        except AssertionError:
            self.stop()
            raise

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5):
                return True
        except OSError:
            return False

    def stop(self) -> None:
        """End it with all its workers; an upload that is under way is lost."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, 15)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, 9)
                self._process.wait()
        self._stack.close()


class Gatekeeper:
    """Passes requests on to a server.

    Attributes:
        seen: method and path of each request.

    Args:
        target: the server's address.
        password: what whoever comes must bring, as "user:password".
        dies_after: requests that are passed on; then it listens no longer.
    """

    def __init__(self, target: str, *, password: str = "", dies_after: int = 1_000_000) -> None:
        self.seen: list[str] = []
        keeper = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                keeper.seen.append(f"{self.command} {self.path.partition('?')[0]}")
                if len(keeper.seen) > dies_after:
                    self.close_connection = True
                    self.connection.close()
                    return
                wanted = base64.b64encode(password.encode()).decode()
                if password and self.headers.get("Authorization") != f"Basic {wanted}":
                    self._reply(401, b"You are not authenticated.", "text/plain")
                    return
                there = http.client.HTTPConnection(target.removeprefix("http://"), timeout=60)
                there.request(self.command, self.path, body, dict(self.headers))
                got = there.getresponse()
                self._reply(got.status, got.read(), got.headers.get("Content-Type", ""), dict(got.headers))
                there.close()

            def _reply(self, status: int, body: bytes, kind: str, headers: Any = ()) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for name, value in dict(headers).items():
                    if name.lower().startswith("x-mlflow"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.address = f"http://{self.host}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()


class Website:
    """A server of something else, which says the same to everybody."""

    def __init__(self, status: int, body: bytes) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()


class Silence:
    """A socket that takes connections and says nothing."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def stop(self) -> None:
        """Close it."""
        self._socket.close()
