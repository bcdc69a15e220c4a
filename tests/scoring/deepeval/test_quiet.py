"""deepeval does nothing but measure: nothing is written, sent, read from the project or left running."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.service

MEASURE = """
import asyncio, atexit, json, os, socket, sys, threading

reached = []
socket.socket.connect = lambda *given: reached.append(str(given[1:]))
socket.getaddrinfo = lambda *given, **_: reached.append(str(given[:1])) or []
opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)

from harness.records import Sample
from harness.scoring.deepeval import measure

class Version:
    name, fingerprint, sampling = "v", "f", {}

    async def chat(self, messages, **asked):
        return Sample(json.dumps({"truths": [], "claims": ["c"], "verdicts": [{"verdict": "no"}], "reason": "r"}))

async def main():
    given = {"input": "?", "output": "!", "context": ["c"]}
    several = [measure(Version(), "FaithfulnessMetric", given) for _ in range(60)]
    return [measured.value for measured in await asyncio.gather(*several)]

values = asyncio.run(main())
import deepeval.telemetry.context as context
print(json.dumps({
    "values": sorted(set(values)),
    "threads": [thread.name for thread in threading.enumerate()],
    "reached": reached,
    "read": [name for name in opened if name.rpartition("/")[2].startswith(".env") or ".deepeval" in name],
    "registered": context._standalone._registered_atexit,
    "dotenv": os.environ.get("FROM_DOTENV"),
    "legacy": os.environ.get("OPENAI_API_KEY"),
}))
"""


def test_a_measurement_leaves_no_trace(tmp_path: Path) -> None:
    """Sixty of them: deepeval sends what it counted after fifty."""
    (tmp_path / ".env").write_text("FROM_DOTENV=1\n", encoding="utf-8")
    (tmp_path / ".deepeval").mkdir()
    (tmp_path / ".deepeval" / ".deepeval").write_text('{"OPENAI_API_KEY": "secret"}', encoding="utf-8")
    before = {name: value for name, value in os.environ.items() if not name.startswith(("DEEPEVAL", "OPENAI"))}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE], cwd=tmp_path, env=before, capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout) == {
        "values": [0.0],
        "threads": ["MainThread"],
        "reached": [],
        "read": [],
        "registered": False,
        "dotenv": None,
        "legacy": None,
    }
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".deepeval", ".deepeval", ".env"]


def test_importing_the_harness_imports_no_deepeval() -> None:
    code = (
        "import sys, harness.scoring.deepeval, harness.scoring; "
        "assert not {'deepeval', 'openai', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
