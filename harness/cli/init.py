"""`steelyard init`: a first evaluation, with settings under which it runs at once."""

from __future__ import annotations

import json
import shlex
import tomllib
from importlib.resources import as_file, files
from pathlib import Path

import click

from harness.cli.console import say
from harness.config.asking import understood
from harness.config.settings import load_settings
from harness.config.versions import read_versions
from harness.errors import SettingsError, UsageError

NO_DEEPEVAL = "-p no:deepeval"
_PYTEST_FILES = {
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}
"""The files that pytest looks at, in its order, and the table that makes them its settings."""
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

_Done = tuple[str, str, str]
"""What was done, to which file, and why or with what."""


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
    try:
        done = [*_write_settings(folder, settings)]
        versions = understood(load_settings(folder).versions)
        wanted = {version.engine_options.get("answers") for version in versions.values()}
        for name, content in _scaffold(engine):
            if not name.startswith(_ANSWERS) or name in wanted:
                done.append(_write_new(folder, name, content))
        done.append(_ignore(folder / ".gitignore"))
    except OSError as error:
        raise UsageError(f"{error.filename or folder} can't be written: {error.strerror}.") from None
    say(*((f"{what:<6} {name}", why) for what, name, why in done))
    pytest_file = find_pytest_settings(folder)
    if pytest_file and not keeps_deepeval_out(pytest_file):
        advice = f"{pytest_file.name} has pytest's settings: add {NO_DEEPEVAL} to its addopts, or deepeval's plugin, "
        say("", (f"{'note':<4}", f"{advice}where installed, adds seconds to every run."))
    here = folder.resolve() == Path.cwd()
    steps = [*([] if here else [(f"cd {shlex.quote(str(folder))}", "")]), *_next(folder)]
    say("", *((f"{'' if number else 'next':<6} {command}", why) for number, (command, why) in enumerate(steps)))


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
    for name, value in given.items():
        if value is not None and value.encode("utf-8", "replace").decode() != value:
            raise UsageError(f"{name} holds bytes that are no UTF-8, which no settings file can.")
    key = "" if api_key_env is None else f"api_key_env = {_toml(api_key_env)}\n"
    written = _ENDPOINT.format(base_url=_toml(base_url), model=_toml(model), key=key)
    versions = read_versions(tomllib.loads(written)["tool"]["steelyard"]["models"], where="--engine openai")
    dict(versions)  # reads them, and so refuses an address or a key that can't be
    return written


def _toml(text: str) -> str:
    """A TOML basic string; JSON's is one, but for the escape of characters beyond the first plane."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _scaffold(engine: str) -> list[tuple[str, str]]:
    """Path and text of every file of the scaffold.

    Requests to an endpoint may cost something: there the settings say how many samples.
    """
    with as_file(files("harness.cli") / "scaffold") as root:
        paths = sorted(path for path in root.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
        found = [(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in paths]
    return [(name, text if engine == "scripted" else text.replace("    samples=5,\n", "")) for name, text in found]


def _write_new(folder: Path, name: str, content: str) -> _Done:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(content)
    except FileExistsError:
        return "left", name, "it exists already"
    return "wrote", name, ""


def _write_settings(folder: Path, settings: str) -> list[_Done]:
    """Put tables at the end of pyproject.toml; what is there already stays as it is, byte for byte."""
    own, project = folder / "steelyard.toml", folder / "pyproject.toml"
    tables = {} if find_pytest_settings(folder) else {"[tool.pytest.ini_options]": _PYTEST}
    done: list[_Done] = []
    if own.is_file():
        load_settings(folder)
        done.append(("left", own.name, "it exists already"))
    elif project.is_file() and load_settings(folder).source == project:
        done.append(("left", project.name, "it has [tool.steelyard] already"))
    else:
        tables["[tool.steelyard]"] = settings
    text = "\n".join(tables.values())
    if not tables:
        return done
    if not project.exists():
        return [*done, _write_new(folder, project.name, text)]
    before = project.read_bytes()
    try:
        tomllib.loads(before.decode("utf-8") + "\n\n" + text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{project}: tables can't be added at its end ({error}). Mend it, or write a steelyard.toml beside it."
        ) from None
    gap = b"" if not before else b"\n" if before.endswith(b"\n") else b"\n\n"
    with project.open("ab") as file:
        file.write(gap + text.encode("utf-8"))
    return [*done, ("added", project.name, " and ".join(tables))]


def _ignore(path: Path) -> _Done:
    before = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    present = {line.strip().strip("/") for line in before.splitlines()}
    missing = [line for line in _IGNORED if line.strip("/") not in present]
    if not missing:
        return "left", path.name, "it has all that is needed"
    gap = "\n" if before and not before.endswith("\n") else ""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(gap + "".join(f"{line}\n" for line in missing))
    return ("added", path.name, " and ".join(missing)) if before else ("wrote", path.name, "")


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


def find_pytest_settings(folder: Path) -> Path | None:
    """The file in `folder` that pytest reads its settings from; None where there is none."""
    places = ((folder / name, table) for name, table in _PYTEST_FILES.items())
    return next((path for path, table in places if path.is_file() and table in _text_of(path)), None)


def keeps_deepeval_out(path: Path) -> bool:
    """Tell whether the pytest settings in this file say `-p no:deepeval`."""
    return "no:deepeval" in _text_of(path)


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
