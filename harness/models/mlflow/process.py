"""The worker in which MLflow runs.

It is one of its own for four reasons. MLflow reads its time limits from the environment, which belongs to the tests.
Its warnings and its tracer would be theirs, too. A server that hangs is left behind with the process. And its import
costs those alone who use it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.config.addresses import secrets_of, split_credentials, without_credentials
from harness.errors import EngineError, MlflowError, SettingsError
from harness.models.processes.worker import WaitingWorker

REQUEST_S = 10
"""Seconds that a server may take for one request."""

_TRANSFER_S = 30
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
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
    "PYTHONWARNINGS": "ignore",
}


def require_mlflow(wanted_by: str) -> None:
    """See that MLflow is installed."""
    if importlib.util.find_spec("mlflow") is None:
        raise SettingsError(
            f'{wanted_by} needs MLflow, which is not installed here. Install it with: pip install "steelyard[mlflow]"'
        )


class MlflowWorker(WaitingWorker):
    """A worker that asks MLflow. It loads MLflow while the question is still being made.

    Args:
        target: a module, of whose functions those that `asks_mlflow` made can be asked for.
        folder: its working folder.
    """

    def __init__(self, target: str, folder: Path) -> None:
        super().__init__(target, name="MLflow", env=_ENVIRONMENT, folder=folder)
        self.begin("load")

    def ask_at(
        self, address: str, op: str, question: Mapping[str, Any], deadline_s: float | None = None
    ) -> dict[str, Any]:
        """The answer to a question about the MLflow at `address`.

        The password in an address goes through the pipe, which nobody else can read.

        Raises:
            MlflowError: MLflow refused, or gave no answer in time; the message shows no password.
        """
        clean, user, password = split_credentials(address)
        shown, secrets = without_credentials(address), secrets_of(address)
        login = {"address": clean, "shown": shown, "user": user, "password": password, "secrets": secrets}
        try:
            return dict(self.call(op, {"login": login, "asked": question}, timeout_s=deadline_s))
        except TimeoutError:
            raise MlflowError(f"{shown} did not take it within {deadline_s:.0f} s.") from None
        except EngineError as error:
            raise MlflowError(redacted(str(error), secrets)) from None


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without any of the secrets."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
