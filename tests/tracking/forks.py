"""A process that has imported MLflow, which takes seconds, and does each task in a fork of its own.

So each reads and writes as a new process would: MLflow leaves connections open, which the tests would take for theirs.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
QUIET = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "PYTHONWARNINGS": "ignore",
    "HF_HUB_OFFLINE": "1",
}


def in_a_fork(module: str, *arguments: str, folder: Path = ROOT) -> str:
    """Call a module's `main` with arguments, in a process in this folder and with this environment; what it printed."""
    wanted = {"module": module, "arguments": arguments, "folder": str(folder), "environment": {**os.environ, **QUIET}}
    said, answers = _process().stdin, _process().stdout
    assert said is not None
    assert answers is not None
    said.write(json.dumps(wanted) + "\n")
    said.flush()
    answer: dict[str, Any] = json.loads(answers.readline())
    assert answer["status"] == 0, answer["printed"]
    return str(answer["printed"])


@cache
def _process() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", __name__],
        cwd=ROOT,
        env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    """Let it read its end, and wait for it."""
    with contextlib.suppress(OSError):
        process.communicate()


def main() -> None:
    """Answer each line of the input with one."""
    for name in ("mlflow", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"):
        importlib.import_module(name)
    for line in sys.stdin:
        with tempfile.TemporaryFile() as printed:
            child = os.fork()
            if child == 0:
                _work(json.loads(line), printed.fileno())
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            printed.seek(0)
            print(json.dumps({"status": status, "printed": printed.read().decode()}), flush=True)


def _work(wanted: Mapping[str, Any], printed: int) -> None:
    """Do one task, in the fork, which ends here."""
    status = 1
    try:
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - the input of the process above is not its own
            os.dup2(nothing.fileno(), 0)
        os.dup2(printed, 1)
        os.environ.clear()
        os.environ.update(wanted["environment"])
        os.chdir(wanted["folder"])
        importlib.import_module(wanted["module"]).main(*wanted["arguments"])
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the fork must not go on as its parent
        traceback.print_exc(file=sys.stdout)
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
