import json
import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from harness.cli import _COMMANDS, main
from harness.errors import EngineError, SettingsError
from tests.cli.conftest import Run

HEAVY = {"numpy", "scipy", "sqlalchemy", "aiohttp", "torch", "rich", "pytest", "vllm", "transformers", "deepeval"}


def paths(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of each command and of its subcommands."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from paths(found, *path, name)


def test_every_command_has_help_with_an_example(run: Run) -> None:
    every = list(paths(main))
    assert ("review", "reviewer", "add") in every
    for path in every[1:]:
        result = run(*path, "--help")
        assert result.exit_code == 0
        assert f"  steelyard {' '.join(path)}" in result.output.split("Example")[1]


def test_help_lists_every_command(run: Run) -> None:
    output = run("--help").output
    for name, (_, summary) in _COMMANDS.items():
        assert name in output
        assert summary in output


def test_version_is_the_distributions(run: Run) -> None:
    assert run("--version").output == "steelyard 0.1.0\n"


def test_an_unknown_command_is_refused_with_the_nearest(run: Run) -> None:
    result = run("modles")
    assert result.exit_code == 4
    assert "No command named 'modles'" in result.stderr
    assert "Did you mean 'models'?" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("review", "statsu"), "status"),
        (("review", "reviewer", "ad"), "add"),
        (("store", "sho"), "show"),
        (("baseline", "recrod"), "record"),
        (("corpus", "stat"), "stats"),
    ],
)
def test_one_below_a_command_is_refused_with_all_that_there_are(
    run: Run, arguments: tuple[str, ...], nearest: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 4
    assert f"No command named {arguments[-1]!r}. Commands: " in result.stderr
    assert result.stderr.endswith(f"Did you mean {nearest!r}?\n")


@pytest.mark.parametrize(
    "arguments", [("models", "--jsn"), ("--jsn",), ("models", "a", "b"), ("init", "--engine", "x")]
)
def test_an_unknown_option_or_value_is_a_usage_error(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 4
    assert "Usage:" in result.stderr


@pytest.mark.parametrize(("error", "exit_code"), [(SettingsError("no such thing"), 4), (EngineError("no answer"), 1)])
def test_an_error_of_steelyards_is_one_message_and_an_exit_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, exit_code: int
) -> None:
    @click.command()
    def models() -> None:
        raise error

    monkeypatch.setattr("harness.cli.versions.models", models)
    result = run("models")
    assert result.exit_code == exit_code
    assert result.stderr == f"Error: {error}\n"
    assert result.stdout == ""


def imported(arguments: list[str]) -> set[str]:
    """Top-level modules that the command imports in a process of its own."""
    code = (
        "import json, sys; from harness.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    environment = {**os.environ, "STEELYARD_CACHE": os.devnull}  # an adapter that was built here is read
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.service
@pytest.mark.parametrize("arguments", [["--help"], ["models", "--json"], ["init", "--help"]])
def test_a_command_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported(arguments) & HEAVY == set()


@pytest.mark.nightly
def test_doctor_imports_what_the_plugins_need_and_no_library_of_models() -> None:
    assert imported(["doctor"]) & HEAVY <= {"numpy", "scipy", "sqlalchemy", "rich"}


def test_help_imports_no_subcommand() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "from harness.cli import main; main(['--help'])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "harness.cli" in done.stderr
    for module, _ in _COMMANDS.values():
        assert f"harness.cli.{module}" not in done.stderr
