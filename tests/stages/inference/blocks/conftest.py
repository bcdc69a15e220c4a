"""Servers with a known law, as versions that are measured in blocks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.config.settings import load_settings
from harness.models.version import load_version
from harness.stages.inference.serving import Server, ServerAddress
from tests import warm

ROOT = Path(__file__).parents[4]
Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a server that answers by a law, in a process group of its own, as if this run had started it."""
    with ExitStack() as stack:

        def start(settings: str = "", *, is_kept: bool = False, **law: Any) -> Server:
            told = {"median_s": 0.01, "sigma": 0.1, "itl_s": 0.002, "tokens": 8, **law}
            command = ("-m", "tests.loopback.law", json.dumps(told))
            keeper = None
            if is_kept:
                kept = [sys.executable, "-P", "-m", "harness.stages.inference.keeper", sys.executable, *command]
                process: Any = subprocess.Popen(
                    kept, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
                )
                keeper = process.stdin
                stack.callback(process.wait)
                stack.callback(keeper.close)
            else:
                process = warm.start(*command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True)
                stack.callback(process.wait)
                stack.callback(process.kill)
            stack.callback(process.stdout.close)
            url = process.stdout.readline().decode().strip()
            text = f'[models.law]\nengine = "openai"\nbase_url = "{url}"\nmodel = "law"\n{settings}\n'
            (tmp_path / "steelyard.toml").write_text(text, encoding="utf-8")
            root = load_settings(tmp_path).root

            class OwnServer(Server):
                def _start(self) -> ServerAddress:
                    return replace(super()._start(), pid=process.pid, keeper=keeper)

            return OwnServer(load_version(load_settings(tmp_path).version("law"), root), root)

        yield start
