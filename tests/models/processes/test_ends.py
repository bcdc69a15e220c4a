"""What a child process reads and answers on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from harness.models.processes.frames import encode_frame, read_frame

pytestmark = pytest.mark.service

CHILD = """
from harness.models.processes.ends import answer_pipe, incoming
from harness.models.processes.frames import encode_frame
answers = answer_pipe()
messages = incoming()
message = messages.get()
print("printed", flush=True)
answers.write(encode_frame({"heard": message}))
messages.get()
"""


def test_answers_are_apart_from_what_is_printed_and_the_process_ends_with_its_input() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(encode_frame({"id": 1}))
    child.stdin.flush()
    assert read_frame(child.stdout) == {"heard": {"id": 1}}
    assert child.communicate(timeout=60) == (b"", b"printed\n")
    assert child.returncode == 0
