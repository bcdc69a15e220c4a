"""The worker in which MLflow runs: its time limits are variables of the environment, its warnings and its tracer would
be the tests', a server that hangs is left behind with the process, and its import takes seconds.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.config.addresses import secrets_of, split_credentials, without_credentials
from harness.errors import EngineError, MlflowError, SettingsError, SteelyardError, install
from harness.models.processes.worker import WaitingWorker

_REQUEST_S = 10
"""Seconds that a server may take for one request."""
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": str(_REQUEST_S),
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "false",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "GIT_PYTHON_REFRESH": "quiet",
    "PYTHONWARNINGS": "ignore",
}
_MOST_CHARACTERS = 500
_OLDEST = (3, 4)
"""The first release that takes spans."""
_LOGIN = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."


def require_mlflow(wanted_by: str) -> None:
    """See that MLflow is installed."""
    if importlib.util.find_spec("mlflow") is None:
        raise SettingsError(
            f"{wanted_by} needs MLflow, which is not installed here. Install it with: {install('mlflow')}"
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

        Raises:
            MlflowError: MLflow refused, or gave no answer in time; the message shows no password.
        """
        login = Login(*split_credentials(address), without_credentials(address), secrets_of(address))
        try:
            return dict(self.call(op, {"login": asdict(login), "asked": dict(question)}, timeout_s=deadline_s))
        except TimeoutError:
            raise MlflowError(f"{login.shown} did not take it within {deadline_s:.0f} s.") from None
        except EngineError as error:
            raise MlflowError(login.redacted(str(error))) from None


@dataclass(frozen=True, slots=True)
class Login:
    """The address of MLflow, of a server without user and password; as messages may show it; and what none may hold."""

    address: str
    user: str
    password: str
    shown: str
    secrets: Sequence[str]

    def redacted(self, text: str) -> str:
        """The text without any of the secrets."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def load() -> None:
    """Import MLflow, which takes seconds."""
    import mlflow  # noqa: F401


Work = Callable[[Login, dict[str, Any]], dict[str, Any]]


def asks_mlflow(work: Work) -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]:
    """Make an operation of what asks MLflow: it logs in, and explains to a user what goes wrong."""

    def operation(login: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
        import mlflow

        known = Login(**login)
        if known.user:
            os.environ["MLFLOW_TRACKING_USERNAME"] = known.user
            os.environ["MLFLOW_TRACKING_PASSWORD"] = known.password
        try:
            mlflow.set_tracking_uri(known.address)
            mlflow.set_registry_uri(known.address)
            _probe(known)
            return work(known, asked)
        except Exception as error:  # noqa: BLE001  whatever MLflow and its libraries raise must reach the parent
            raise MlflowError(_explained(error, known)) from None

    return operation


def _probe(login: Login) -> None:
    """Ask for a sign of life, once, so that a server that hangs costs seconds; MLflow asks a database ten times."""
    if login.address.startswith("http"):
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        host = get_default_host_creds(login.address)
        answer = http_request(host, "/version", "GET", max_retries=0, timeout=_REQUEST_S, raise_on_status=False)
        release = re.fullmatch(r"(\d+)\.(\d+)\.\S+", answer.text.strip()) if answer.status_code == 200 else None
        if release is not None and (int(release[1]), int(release[2])) < _OLDEST:
            oldest = ".".join(map(str, _OLDEST))
            raise MlflowError(f"{login.shown} is MLflow {release[0]}; {oldest} or newer is needed.")
    elif login.address.startswith(("postgresql", "mysql")):
        from sqlalchemy import create_engine

        create_engine(login.address, connect_args={"connect_timeout": _REQUEST_S}).connect().close()


def _explained(error: Exception, login: Login) -> str:
    """Explain to a user what went wrong, without anything that is secret."""
    text = login.redacted(str(error))
    if isinstance(error, SteelyardError):
        return text
    for pattern, meaning in _MEANINGS:
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            return meaning.format(shown=login.shown)
    line = " ".join(text.split()) or type(error).__name__
    return f"{login.shown}: {line[:_MOST_CHARACTERS].rstrip('.')}."


_MEANINGS = (
    (r"connection refused|NewConnectionError", "Nothing listens at {shown}."),
    (r"NameResolutionError|name or service not known|getaddrinfo", "The host of {shown} is not known."),
    (r"timed out|timeout exception", "{shown} did not answer in time."),
    (r"error code 401|UNAUTHENTICATED|not authenticated", "{shown} refused the login. " + _LOGIN),
    (r"error code 403|PERMISSION_DENIED|permission denied", "{shown} does not allow it to this user. " + _LOGIN),
    (r"error code 404 != 200|not in a valid JSON format", "{shown} is not a server of MLflow."),
    (r"5\d\d error responses|error code 5\d\d", "{shown} failed with an HTTP 5xx error: its log says why."),
    (r"RemoteDisconnected|connection reset by peer", "{shown} ended the connection without an answer."),
    (r"database schema", "The database {shown} is of another release of MLflow. Renew it: mlflow db upgrade ADDRESS"),
    (r"unable to open database file", "The file of {shown} can't be opened: its folder is missing or not readable."),
    (r"file is not a database", "{shown} is not a database."),
)
