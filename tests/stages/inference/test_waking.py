"""The process that wakes what was stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harness.stages.inference import waking

pytestmark = pytest.mark.service


def test_it_ends_with_its_input_and_minds_no_group_that_is_gone() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(Path(waking.__file__)), "999999999"],
        input=b"",
        capture_output=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == (b"", b"")
