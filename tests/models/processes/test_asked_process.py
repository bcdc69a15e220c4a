"""A process is started by the first question, and its end is told."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from harness.errors import EngineError, SettingsError
from harness.models.processes.asked_process import AskedProcess

MODULE = "harness.models.tokenization.loading"


def test_it_is_started_once_and_closed(tiny_llama: Path) -> None:
    start = {"engine": "transformers", "options": {"weights": str(tiny_llama)}, "root": "."}
    process = AskedProcess(MODULE, start, "The tokenizer")
    assert process.pid is None
    first = process.ask({"ask": "encode", "text": "abc"})
    pid = process.pid
    assert process.ask({"ask": "encode", "text": "abc"}) == first
    assert process.pid == pid
    process.close()
    assert process.pid is None
    process.close()


def test_its_end_is_told(tiny_llama: Path) -> None:
    start = {"engine": "transformers", "options": {"weights": str(tiny_llama)}, "root": "."}
    process = AskedProcess(MODULE, start, "The tokenizer")
    process.ask({"ask": "encode", "text": "abc"})
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match=r"The process of the tokenizer ended \(exit code -9\)"):
        process.ask({"ask": "encode", "text": "abc"})
    process.close()


def test_what_could_not_start_says_why() -> None:
    start = {"options": {"weights": "none"}, "adapter": "none", "root": "/none"}
    process = AskedProcess("harness.stages.customization.adapter_process", start, "The adapter of x")
    with pytest.raises(SettingsError, match="The adapter of x could not start: weights = 'none'"):
        process.ask({"text": "abc"})
