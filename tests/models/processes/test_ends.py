"""What a child process reads and answers on."""

from __future__ import annotations

import subprocess
import sys

from harness.models.processes.frames import encode_frame, parse_frame

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
    asked = encode_frame({"id": 1})
    done = subprocess.run([sys.executable, "-c", CHILD], input=asked, capture_output=True, timeout=60, check=True)
    assert parse_frame(done.stdout) == {"heard": {"id": 1}}
    assert done.stderr == b"printed\n"
