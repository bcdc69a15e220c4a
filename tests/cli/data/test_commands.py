"""The group `steelyard corpus`."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run


def test_its_commands_are_listed_and_each_shows_examples(run: Run) -> None:
    listed = run("corpus", "--help").stdout
    for name in ("build", "stats", "explain"):
        assert f"\n  {name} " in listed
        assert f"steelyard corpus {name} clean" in run("corpus", name, "--help").stdout


@pytest.mark.parametrize("arguments", [["corpus", "sats"], ["corpus", "stats"]])
def test_what_is_no_command_is_a_usage_error(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 4
