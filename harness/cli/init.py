"""`steelyard init`: a first evaluation, with settings under which it runs at once."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

import click

from harness.cli.shared.pytest_settings import NO_DEEPEVAL, find_pytest_settings, keeps_deepeval_out
from harness.config.asking import understood
from harness.config.settings import load_settings
from harness.config.versions import read_versions
from harness.errors import SettingsError, UsageError

_IGNORED = (".steelyard/", "reports/latest/", "reports/20*/", "__pycache__/")
"""The store, the reports of the last gate, those that `steelyard report` makes again, and compiled code."""
_ANSWERS = "evals/foundation/capitals/answers/"

_SCRIPTED = f"""\
[tool.steelyard]
candidate = "steady"
baseline = "steady"

# Scripted answers, with probabilities: no model is needed. Replace them with versions of your own.
[tool.steelyard.models.steady]
engine = "scripted"
answers = "{_ANSWERS}steady.json"

[tool.steelyard.models.forgetful]
engine = "scripted"
answers = "{_ANSWERS}forgetful.json"
"""

_ENDPOINT = """\
[tool.steelyard]
candidate = "served"
samples = 1  # a request for each case; say --samples 5 for a closer look

[tool.steelyard.models.served]
engine = "openai"
base_url = {base_url}
model = {model}
{key}sampling = {{ temperature = 0.7, max_tokens = 64 }}

# A version is what differs from another.
[tool.steelyard.models.served-terse]
base = "served"
system = "Answer in one word."
"""

_PYTEST = f"""\
[tool.pytest.ini_options]
addopts = {json.dumps(NO_DEEPEVAL.split())}
"""


@dataclass(slots=True)
class _InitResult:
    """The lines that `init` prints of what it did, and what the user should know."""

    lines: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, name: str, why: str = "") -> None:
        self.lines.append((what, name, why))


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option(
    "--engine",
    type=click.Choice(["scripted", "openai"]),
    default="scripted",
    show_default=True,
    help="What answers: scripted answers (no model needed), or an OpenAI-compatible endpoint.",
)
@click.option("--base-url", metavar="URL", help="Address of the endpoint, ending in /v1.")
@click.option("--model", metavar="NAME", help="Name of the model at the endpoint.")
@click.option("--api-key-env", metavar="VARIABLE", help="Environment variable that holds the endpoint's API key.")
def init(folder: Path, engine: str, base_url: str | None, model: str | None, api_key_env: str | None) -> None:
    """Write evals/, suites/, reports/, conftest.py and settings into FOLDER (default: here).

    No file is overwritten; an existing pyproject.toml gets a [tool.steelyard] table at its end.

    \b
    Examples:
      steelyard init
      steelyard init gate --engine openai --base-url http://127.0.0.1:8000/v1 --model my-model
    """
    settings = _settings_text(engine, base_url, model, api_key_env)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file. Name a folder, or one that does not exist yet.")
    done = _InitResult()
    try:
        _write_settings(folder, settings, done)
        versions = understood(load_settings(folder).versions)
        wanted = {version.engine_options.get("answers") for version in versions.values()}
        for name, content in _scaffold():
            if not name.startswith(_ANSWERS) or name in wanted:
                _write_new(folder, name, _for(engine, content), done)
        _ignore(folder / ".gitignore", done)
    except OSError as error:
        raise UsageError(f"{error.filename or folder} can't be written: {error.strerror}.") from None
    _tell(folder, done)


def _for(engine: str, content: str) -> str:
    """A file of the scaffold. Requests to an endpoint may cost something: there the settings say how many samples."""
    return content if engine == "scripted" else content.replace("    samples=5,\n", "")


def _settings_text(engine: str, base_url: str | None, model: str | None, api_key_env: str | None) -> str:
    """The [tool.steelyard] tables for these options."""
    given = {"--base-url": base_url, "--model": model, "--api-key-env": api_key_env}
    if engine == "scripted":
        unused = [name for name, value in given.items() if value is not None]
        if unused:
            raise UsageError(f"{', '.join(unused)} describes an endpoint: add --engine openai.")
        return _SCRIPTED
    if base_url is None or model is None:
        raise UsageError("--engine openai needs --base-url (such as http://127.0.0.1:8000/v1) and --model.")
    undecoded = [name for name, value in given.items() if value is not None and not _is_text(value)]
    if undecoded:
        raise UsageError(f"{undecoded[0]} holds bytes that are no UTF-8, which no settings file can.")
    key = "" if api_key_env is None else f"api_key_env = {_toml(api_key_env)}\n"
    written = _ENDPOINT.format(base_url=_toml(base_url), model=_toml(model), key=key)
    versions = read_versions(tomllib.loads(written)["tool"]["steelyard"]["models"], where="--engine openai")
    dict(versions)  # reads them, and so refuses an address or a key that can't be
    return written


def _is_text(argument: str) -> bool:
    """Tell whether an argument was decoded whole: what could not be is there as lone surrogates."""
    return argument.encode("utf-8", "replace").decode("utf-8") == argument


def _toml(text: str) -> str:
    """A TOML basic string; JSON's is one, but for the escape of characters beyond the first plane."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _scaffold() -> Iterator[tuple[str, str]]:
    """Path and text of every file of the scaffold."""

    def walk(folder: Traversable, prefix: PurePosixPath) -> Iterator[tuple[str, str]]:
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from walk(entry, prefix / entry.name)
            else:
                yield str(prefix / entry.name), entry.read_text(encoding="utf-8")

    yield from walk(files("harness.cli") / "scaffold", PurePosixPath())


def _write_new(folder: Path, name: str, content: str, done: _InitResult) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(content)
    except FileExistsError:
        done.add("left", name, "it exists already")
    else:
        done.add("wrote", name)


def _write_settings(folder: Path, settings: str, done: _InitResult) -> None:
    own, project = folder / "steelyard.toml", folder / "pyproject.toml"
    pytest_file = find_pytest_settings(folder)
    tables = [] if pytest_file else [_PYTEST]
    if own.is_file():
        load_settings(folder)
        done.add("left", own.name, "it exists already")
    elif project.is_file() and load_settings(folder).source == project:
        done.add("left", project.name, "it has [tool.steelyard] already")
    else:
        tables.append(settings)
    if pytest_file and not keeps_deepeval_out(pytest_file):
        done.notes.append(
            f"{pytest_file.name} has pytest's settings: add {NO_DEEPEVAL} to its addopts, "
            f"or deepeval's plugin, where installed, adds seconds to every run."
        )
    if tables:
        _append_tables(project, tables, done)


def _append_tables(project: Path, tables: list[str], done: _InitResult) -> None:
    """Put tables at the end of pyproject.toml; what is there already stays as it is, byte for byte."""
    text = "\n".join(tables)
    if not project.exists():
        _write_new(project.parent, project.name, text, done)
        return
    before = project.read_bytes()
    _refuse_broken(project, before, text)
    gap = b"" if not before else b"\n" if before.endswith(b"\n") else b"\n\n"
    with project.open("ab") as file:
        file.write(gap + text.encode("utf-8"))
    names = [line for line in text.splitlines() if line in ("[tool.steelyard]", "[tool.pytest.ini_options]")]
    done.add("added", project.name, " and ".join(names))


def _refuse_broken(project: Path, before: bytes, text: str) -> None:
    try:
        tomllib.loads(before.decode("utf-8") + "\n\n" + text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{project}: tables can't be added at its end ({error}). Mend it, or write a steelyard.toml beside it."
        ) from None


def _ignore(path: Path, done: _InitResult) -> None:
    before = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    present = {line.strip().strip("/") for line in before.splitlines()}
    missing = [line for line in _IGNORED if line.strip("/") not in present]
    if not missing:
        done.add("left", path.name, "it has all that is needed")
        return
    gap = "\n" if before and not before.endswith("\n") else ""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(gap + "".join(f"{line}\n" for line in missing))
    done.add("added" if before else "wrote", path.name, " and ".join(missing) if before else "")


def _tell(folder: Path, done: _InitResult) -> None:
    width = max(len(name) for _, name, _ in done.lines)
    for what, name, why in done.lines:
        click.echo(f"{what:<6} {name:<{width}}  {why}".rstrip())
    for note in done.notes:
        click.echo(f"\nnote   {note}")
    steps = [] if folder.resolve() == Path.cwd() else [(f"cd {shlex.quote(str(folder))}", "")]
    steps += _next(folder)
    width = max(len(command) for command, _ in steps)
    click.echo()
    for number, (command, why) in enumerate(steps):
        click.echo(f"{'next' if number == 0 else '':<6} {command:<{width}}  {why}".rstrip())


def _next(folder: Path) -> list[tuple[str, str]]:
    """Commands to run, for the settings that now hold in the folder."""
    settings = load_settings(folder.resolve())
    if {"steady", "forgetful"} <= set(settings.versions):
        return [
            ("pytest suites", "steady against itself: green"),
            ("pytest suites --candidate forgetful", "knows fewer capitals: red"),
        ]
    if {"served", "served-terse"} <= set(settings.versions):
        return [
            ("pytest suites", "is it good enough? 60 requests at most"),
            ("pytest suites --candidate served-terse --baseline served --samples 5", "weighs it against served"),
        ]
    return [("steelyard models", "lists your versions"), ("pytest suites --candidate NAME", "weighs one of them")]
