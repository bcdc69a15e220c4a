"""`steelyard accept`: a waiver in a file that is committed."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from harness.config.waivers import FILE_NAME, read_waivers, today
from harness.errors import SettingsError
from harness.records import Waiver
from harness.store import Store
from tests.cli.conftest import Run

ONE, OTHER = "suites/test_a.py::test_greeting", "suites/test_b.py::test_greeting[de]"
LATER, FAR = (str(today() + datetime.timedelta(days=days)) for days in (90, 91))


@pytest.fixture(autouse=True)
def _project(folder: Path) -> None:
    """A project with a run of three evaluations."""
    (folder / "steelyard.toml").write_text('[models.small]\nengine = "scripted"\ndefault = "yes"\n')
    (folder / ".steelyard").mkdir()
    with Store.open(str(folder / ".steelyard" / "store.db")) as store:
        datasets = [{"evaluations": [ONE, OTHER]}, {"evaluations": ["suites/test_a.py::test_orders"]}]
        store.begin_run("20261124-1", "2026-11-24T10:00:00Z", {"datasets": datasets})


def accept(run: Run, name: str, reason: str = "copy changes", until: str = LATER) -> tuple[int, str]:
    result = run("accept", name, "--reason", reason, "--until", until)
    return result.exit_code, result.output


def test_a_waiver_is_written_listed_changed_and_removed(run: Run, folder: Path) -> None:
    code, output = accept(run, "test_orders", reason='"quoted" \\ é 🙂 # [x]')
    assert (code, output) == (0, f"accepted  suites/test_a.py::test_orders until {LATER}, in {FILE_NAME}: commit it\n")
    assert accept(run, OTHER)[0] == 0
    assert accept(run, "test_orders", until=str(today()))[0] == 0
    own = [Waiver(OTHER, "copy changes", LATER), Waiver("suites/test_a.py::test_orders", "copy changes", str(today()))]
    assert set(read_waivers(folder, today())) == set(own)
    listed = run("accept", "--list").output.splitlines()
    assert set(listed) == {f"{each.evaluation_id} {each}" for each in own}
    assert run("accept", "--remove", "test_orders").exit_code == 0
    assert run("accept", "--remove", OTHER).exit_code == 0
    assert (run("accept", "--list").output, (folder / FILE_NAME).exists()) == ("nothing is accepted\n", False)


def test_a_reason_comes_back_as_it_was_written(run: Run, folder: Path) -> None:
    reason = '"quoted" \\ é 🙂 # [x]'
    accept(run, "test_orders", reason)
    assert [each.reason for each in read_waivers(folder, today())] == [reason]


@pytest.mark.parametrize(
    ("name", "reason", "until", "told"),
    [
        ("test_ordrs", "why", LATER, "Did you mean 'test_orders'?"),
        ("test_greeting*", "why", LATER, f"'test_greeting*' may be {ONE}, {OTHER}"),
        ("test_orders", "why", str(today() - datetime.timedelta(days=1)), "is over; today is"),
        ("test_orders", "why", FAR, f"is more than 90 days away. Accept until {LATER} at most"),
        ("test_orders", "why", "soon", "'soon' is no day; write one such as"),
        ("test_orders", "two\nlines", LATER, "write one line of text"),
        ("test_orders", "", LATER, "Name an EVALUATION with --reason and --until"),
    ],
)
def test_what_can_not_be_accepted_is_refused(
    run: Run, folder: Path, name: str, reason: str, until: str, told: str
) -> None:
    code, output = accept(run, name, reason, until)
    assert (code, told in " ".join(output.split()), (folder / FILE_NAME).exists()) == (4, True, False), output


def test_what_is_not_accepted_can_not_be_removed(run: Run) -> None:
    accept(run, "test_orders")
    assert "Did you mean 'test_orders'?" in run("accept", "--remove", "test_order").output


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (f'[[accepted]]\nevaluation = "a"\nreason = "b"\nuntil = {FAR}', f"until {FAR}; it can't go beyond {LATER}"),
        ('[[accepted]]\nevaluation = "a"\nreason = "b"\nuntil = "2026-01-01"', "until = '2026-01-01' is no day"),
        ('[[accepted]]\nevaluation = "a"', "needs reason and until"),
        ('accepted = "a"', "accepted = 'a' is no list"),
        (2 * '[[accepted]]\nevaluation = "a"\nreason = "b"\nuntil = 2026-01-01\n', "accepts a twice"),
    ],
)
def test_a_file_that_was_written_otherwise_is_refused(folder: Path, rows: str, told: str) -> None:
    (folder / FILE_NAME).write_text(rows)
    with pytest.raises(SettingsError) as refused:
        read_waivers(folder, today())
    assert told in str(refused.value)
