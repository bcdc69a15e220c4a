"""`steelyard review export` and `import`: items and labels as files."""

import csv
import json
from pathlib import Path

import pytest

from harness.store import Store
from tests.cli.conftest import Run
from tests.cli.review.places import label

pytestmark = pytest.mark.service


@pytest.mark.parametrize("name", ["jsonl", "csv"])
def test_what_was_exported_comes_back(run: Run, place: Path, batch: str, name: str) -> None:
    label(place, "ann", [3, 2, 1])
    file = f"out.{name}"
    result = run("review", "export", batch, "--unblind", "-o", file)
    assert "Wrote 20 items to" in result.output
    assert "with labels, versions and judge scores" in result.output
    Store.open(str(place.parents[1] / "other.db")).close()
    brought = run("review", "import", file, "--store", "other.db")
    assert brought.output == "Brought in 3 labels and 20 items in 1 new batch.\n"
    assert run("review", "import", file, "--store", "other.db").output == "Brought in 0 labels.\n"


def test_a_file_that_can_not_be_written_is_refused(run: Run, place: Path, batch: str) -> None:
    result = run("review", "export", batch, "-o", str(place.parent / "nosuch" / "x.csv"))
    assert result.exit_code == 4
    assert "can't be written: No such file or directory." in result.output


def test_an_export_is_blind_unless_asked_otherwise(run: Run, place: Path, batch: str) -> None:
    label(place, "ann", [3])
    blind = run("review", "export", batch).output
    assert len(blind.splitlines()) == 20
    assert "small" not in blind
    assert "ann" not in blind
    assert "small" in run("review", "export", batch, "--unblind").output


def test_a_table_that_was_filled_in_is_imported_for_a_reviewer(run: Run, place: Path, batch: str) -> None:
    run("review", "export", batch, "-o", "items.csv")
    with Path("items.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row, value in zip(rows[:4], ("3", "3.0", " 3,0", "3."), strict=True):
        row["value"] = value
    with Path("items.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert run("review", "import", "items.csv", "--reviewer", "kim").output == "Brought in 4 labels.\n"
    assert "kim: 4 labelled" in run("review", "status").output


def test_one_of_each_is_said_in_the_singular(run: Run, place: Path, batch: str) -> None:
    (first, *_) = run("review", "export", batch).output.splitlines()
    item = json.loads(first) | {"item": "new", "labels": [{"reviewer": "kim", "value": 3}]}
    Path("one.jsonl").write_text(json.dumps(item))
    assert run("review", "import", "one.jsonl").output == "Brought in 1 label and 1 item in 1 new batch.\n"
    assert ", from a file\n" in run("review", "status").output


def test_a_file_that_is_none_is_refused(run: Run, place: Path) -> None:
    Path("x.csv").write_bytes(b"\xff\xfe\xfa")
    Path("x.txt").write_text("")
    told = run("review", "import", "x.csv").output
    assert "can't be read" in told
    assert "Save it as UTF-8" in told
    result = run("review", "import", "x.txt")
    assert result.exit_code == 4
    assert "x.txt: No format named '.txt'. Formats: .csv, .jsonl" in " ".join(result.output.split())


def test_a_file_that_is_not_there_is_no_matter_of_its_encoding(run: Run, place: Path) -> None:
    refused = run("review", "import", "nope.jsonl")
    assert "'nope.jsonl' does not exist" in refused.output
    assert "UTF-8" not in refused.output
