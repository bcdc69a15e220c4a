"""Lines are packed in parts, each of which can be read alone."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from harness.stages.data.packed_lines import PackedWriter, read_lines, read_part


def write(path: Path, rows: list[dict[str, str]]) -> list[tuple[str, int]]:
    with path.open("wb") as file:
        writer = PackedWriter(file)
        for row in rows:
            writer.write(row["id"], json.dumps(row).encode() + b"\n")
        writer.flush()
        writer.flush()
    return writer.parts


def test_every_part_is_read_alone_and_all_together_by_any_program(tmp_path: Path) -> None:
    rows = [{"id": f"{n:05}", "text": "a text \r\x85\u2028 " * (n % 500)} for n in range(2000)]
    parts = write(tmp_path / "a.gz", rows)
    assert len(parts) > 10
    assert [row for _, place in parts for row in read_part(tmp_path / "a.gz", place)] == rows
    assert [read_part(tmp_path / "a.gz", place)[0]["id"] for _, place in parts] == [key for key, _ in parts]
    assert list(read_lines(tmp_path / "a.gz")) == rows
    assert len(gzip.decompress((tmp_path / "a.gz").read_bytes()).splitlines()) >= 2000


def test_the_same_lines_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [{"id": f"{n:05}", "text": "a" * n} for n in range(100)]
    write(tmp_path / "a.gz", rows)
    write(tmp_path / "b.gz", rows)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_no_lines_are_an_empty_file(tmp_path: Path) -> None:
    assert write(tmp_path / "a.gz", []) == []
    assert list(read_lines(tmp_path / "a.gz")) == []


@pytest.mark.parametrize("damage", [slice(0, 40), slice(5, None)])
def test_a_damaged_part_is_said_to_be_one(tmp_path: Path, damage: slice) -> None:
    write(tmp_path / "a.gz", [{"id": "a", "text": "some text"} for _ in range(100)])
    (tmp_path / "a.gz").write_bytes((tmp_path / "a.gz").read_bytes()[damage])
    with pytest.raises(ValueError, match=r"a\.gz (ends too early|is damaged)"):
        read_part(tmp_path / "a.gz", 0)
