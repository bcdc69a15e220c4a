"""Starts the process in which MLflow runs.

It is one of its own for four reasons. MLflow reads its time limits from the environment, which belongs to the tests.
Its warnings and its tracer would be theirs, too. A server that hangs is left behind with the process. And its import
costs those alone who use it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.config import child_environment
from harness.config.addresses import secrets_of, split_credentials, without_credentials
from harness.errors import MlflowError, SettingsError
from harness.models.processes.ends import how_it_ended
from harness.models.processes.frames import encode_frame, parse_frame

REQUEST_S = 10
"""Seconds that a server may take for one request."""

_TRANSFER_S = 30
_LAST_LINES = 3
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(REQUEST_S),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": str(_TRANSFER_S),
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
}


def require_mlflow(wanted_by: str) -> None:
    """See that MLflow is installed."""
    if importlib.util.find_spec("mlflow") is None:
        raise SettingsError(
            f'{wanted_by} needs MLflow, which is not installed here. Install it with: pip install "steelyard[mlflow]"'
        )


class MlflowProcess:
    """One process, for one question. It loads MLflow while the question is still being made.

    Args:
        module: whose `main` runs there.
        folder: its working folder.
    """

    def __init__(self, module: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=child_environment(_ENVIRONMENT),
            start_new_session=True,
        )

    def ask(self, address: str, question: Mapping[str, Any], deadline_s: float | None = None) -> dict[str, Any]:
        """The answer to the question about the MLflow at `address`.

        The password in an address goes through the pipe, which nobody else can read.

        Raises:
            MlflowError: MLflow refused, or gave no answer in time; the message shows no password.
        """
        clean, user, password = split_credentials(address)
        shown = without_credentials(address)
        login = {"address": clean, "shown": shown, "user": user, "password": password, "secrets": secrets_of(address)}
        try:
            answer, errors = self._process.communicate(encode_frame({"login": login, **question}), deadline_s)
        except subprocess.TimeoutExpired:
            raise MlflowError(f"{shown} did not take it within {deadline_s:.0f} s.") from None
        finally:
            self._end()
        message = parse_frame(answer)
        if message is None:
            raise MlflowError(f"The process in which MLflow ran {_how_it_ended(self._process.returncode, errors)}")
        if "failed" in message:
            raise MlflowError(message["failed"])
        return message

    def _end(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """End it, whatever it does."""
        self._end()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _how_it_ended(code: int, errors: bytes) -> str:
    """Without what a traceback's frames say, which could hold what was asked."""
    if code < 0:
        return f"{how_it_ended(code)}."
    lines = [line.strip() for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    return f"{how_it_ended(code)}: {' | '.join(lines[-_LAST_LINES:])}"
