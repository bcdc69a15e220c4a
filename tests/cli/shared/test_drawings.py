from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.shared.drawings import write_drawing
from harness.errors import UsageError

pytestmark = pytest.mark.service


def test_a_drawing_is_written_or_the_option_is_named(tmp_path: Path) -> None:
    write_drawing("--svg", tmp_path / "a.svg", "ß")
    assert (tmp_path / "a.svg").read_bytes() == "ß".encode()
    with pytest.raises(UsageError, match=r"--svg .*no/a\.svg can't be written: No such file or directory\."):
        write_drawing("--svg", tmp_path / "no" / "a.svg", "")
