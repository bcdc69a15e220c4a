"""`steelyard report`: what a gate stored, in any format."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import jsonschema
import pyarrow.parquet
import pytest

from harness.reporting.writing import formats
from harness.store import Store
from tests import warm
from tests.cli.conftest import Run
from tests.gate import stored
from tests.gate.stored import Scored

pytestmark = pytest.mark.service

CAPITALS = Scored(candidate={"peru": [1, 0], "chad": [0, 0]}, baseline={"peru": [1, 1], "chad": [1, 0]})


@pytest.fixture
def report(folder: Path, run: Run) -> Run:
    """`report("latest", "--format", "json")` in a folder whose store holds r0, unfinished, and r1 and r2."""
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        stored.run(store, "r0", CAPITALS, finished=False)
        stored.run(store, "r1", CAPITALS)
        stored.run(store, "r2", Scored(candidate={"peru": [1, 1]}), names={"candidate": "medium"})
    return lambda *arguments: run("report", *arguments)


def test_by_default_it_is_what_the_newest_gate_printed(report: Run) -> None:
    result = report()
    assert result.exit_code == 0
    assert result.output.startswith("run     r2, made 2026-11-24T16:03:12Z\n")
    assert "\n  candidate medium" in result.output
    assert report("latest", "--format", "terminal").output == result.output


@pytest.mark.parametrize("arguments", [(), ("latest", "--format", "junit")])
def test_an_older_runs_verdict_is_not_reported_for_a_newer_gate_that_was_killed(
    report: Run, folder: Path, arguments: tuple[str, ...]
) -> None:
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        stored.run(store, "r3", CAPITALS, finished=False)
    result = report(*arguments)
    assert (result.exit_code, result.stdout) == (4, "")
    assert "Run r3 did not come to its end" in result.stderr
    assert "r2 (medium, passed)" in result.stderr
    assert report("r2").exit_code == 0


def test_a_text_goes_to_standard_output(report: Run) -> None:
    assert json.loads(report("r1", "--format", "json").stdout)["run_id"] == "r1"
    assert report("small", "--format", "markdown").stdout.startswith("<!-- steelyard: gate -->\n### ")
    assert report("r1", "--format", "json", "-o", "-").stdout == report("r1", "--format", "json").stdout


def test_several_formats_go_into_the_runs_own_folder(report: Run, folder: Path) -> None:
    result = report("r1", "--format", "json", "--format", "markdown", "--format", "json")
    assert result.stdout == "reports/r1/report.json\nreports/r1/report.md\n"
    assert json.loads((folder / "reports" / "r1" / "report.json").read_text())["run_id"] == "r1"


def test_output_is_a_file_for_one_format_and_a_folder_for_several(report: Run, folder: Path) -> None:
    (folder / "there").mkdir()
    assert report("r1", "--format", "json", "--output", "deep/one.json").stdout == "deep/one.json\n"
    assert report("r1", "--format", "json", "--output", "there").stdout == "there/report.json\n"
    assert report("r1", "--format", "json", "--output", ".").stdout == "report.json\n"
    assert report("r1", "--format", "json", "--output", "new/").stdout == "new/report.json\n"
    both = report("r1", "--format", "json", "--format", "markdown", "--output", "both")
    assert both.stdout == "both/report.json\nboth/report.md\n"
    absolute = folder / "absolute.json"
    report("r1", "--format", "json", "--output", str(absolute))
    assert absolute.is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("r9",), "No stored run or version is called 'r9'. Versions: large, medium, small. Newest runs: r2"),
        (("smal",), "Did you mean 'small'?"),
        (("r0",), "Run r0 did not come to its end, so that it has no verdicts."),
        (("--format", "jsn"), "--format: No format named 'jsn'."),
        (("--format", "json", "--format", "markdown", "--output", "-"), "several formats can't go to standard output"),
        (("--format", "json", "--output", "taken/report.json"), "taken is a file. Remove it, or choose with --output."),
        (
            ("--format", "html", "--output", "a/page.html"),
            "the page is a folder, index.html and details beside it. Name ",
        ),
        (("--store", "nowhere.db"), "nowhere.db"),
    ],
)
def test_what_can_not_be_is_refused_with_the_way_out(
    report: Run, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    (folder / "taken").write_text("")
    result = report(*arguments)
    assert result.exit_code == 4
    assert message in result.stderr
    assert not (folder / "nowhere.db").exists()


@pytest.mark.parametrize("name", ["terminal", "json", "csv"])
def test_a_standard_output_that_is_full_is_told(report: Run, folder: Path, name: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = warm.start(
            *("-c", "from harness.cli import main; main()", "report", "r1", "--format", name),
            cwd=folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    _, said = done.communicate()
    assert "Error: Standard output can't be written: No space left on device." in said
    assert "Traceback" not in said
    assert done.returncode == 4


def test_parquet_goes_into_a_file(report: Run, folder: Path) -> None:
    assert report("r1", "--format", "parquet").stdout == "reports/r1/samples.parquet\n"
    assert pyarrow.parquet.read_table(folder / "reports" / "r1" / "samples.parquet").num_rows == 8
    assert "the format parquet can't go to standard output" in report("--format", "parquet", "--output", "-").stderr


def test_answers_that_were_pruned_are_told_of_beside_the_output(report: Run, folder: Path) -> None:
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        store.prune(fingerprints=["f-small"])
    result = report("r1", "--format", "csv")
    assert result.stderr == "note: 4 rows have no answer: it was pruned from the store; scores and reasons stay\n"
    assert "pruned" not in result.stdout
    both = report("r1", "--format", "csv", "--format", "parquet")
    assert both.stderr == result.stderr


def test_what_is_not_installed_is_named_with_the_extra_that_brings_it(
    report: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find_spec(name))
    result = report("r1", "--format", "json", "--format", "parquet")
    assert result.exit_code == 4
    assert (
        'The format parquet needs pyarrow, which is not installed: pip install "steelyard[datasets]".' in result.stderr
    )
    assert not (folder / "reports").exists()


def test_the_published_schema_holds_for_the_format_json(run: Run, report: Run) -> None:
    published = json.loads(run("report", "--schema").stdout)
    assert published["$id"] == "urn:steelyard:report:1"
    jsonschema.Draft202012Validator(published).validate(json.loads(report("r1", "--format", "json").stdout))


def test_every_format_is_in_the_help(report: Run) -> None:
    text = report("--help").output
    assert [name for name in formats() if name not in text] == []
