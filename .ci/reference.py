"""Writes parts of the pages in docs/reference from the code that they are about: `make reference`.

A part stands between `<!-- KIND NAME … -->` and `<!-- end -->`; all else is written by hand. What can't be written from
code is checked: each keyword of the marker and each key of a version has a row, each command a section. `--check`
writes nothing, and ends with 1 where a page is not what it would be.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest

import harness
from harness import entry_points
from harness.cli import main
from harness.config import settings, versions
from harness.config.typed import names_of
from harness.gate.evaluations.evaluation import KEYWORDS
from harness.plugin import fixtures
from harness.plugin.options import add_options

PAGES = sorted((Path(__file__).parents[1] / "docs" / "reference").glob("*.md"))
BLOCK = re.compile(r"(^<!-- (?!end)([^\n]+) -->\n).*?(^<!-- end -->$)", re.MULTILINE | re.DOTALL)
SHARED = ("--json", "--store")
"""Options that mean the same for all commands."""
INTERNAL = {"builder", "close", "column_sums", "root", "turns", "earlier"}
"""Attributes that the reference leaves out."""
CONSTANTS = {"CHECKS": "The checks that hold any engine to its contract.", "HOOKS_VERSION": "The version of the hooks."}


def table(*head: str, rows: Iterable[Iterable[str]]) -> str:
    """Format a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in row)} |\n" for row in lines)


def listing(rows: Iterable[tuple[str, str]]) -> str:
    """Format a list of Markdown: names in code, and what they are."""
    return "".join(f"- `{name}`: {text}\n" for name, text in rows)


def text_of(page: Path) -> str:
    """Return a page."""
    return page.read_text(encoding="utf-8")


def first_paragraph(thing: Any) -> str:
    """Return what a docstring begins with, as one line."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def first_sentence(thing: Any) -> str:
    """Return the first sentence of a docstring."""
    return re.split(r"(?<=[.;]) ", first_paragraph(thing))[0].replace(";", ".")


def attributes(kind: type) -> dict[str, str]:
    """Return the attributes that the docstring of a class describes: those that stand together are one entry."""
    listed = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")[2]
    entries = re.findall(r"^    ([\w, ]+): (.*?)(?=^    \w|^\S|\Z)", listed, re.MULTILINE | re.DOTALL)
    return {names: " ".join(text.split()) for names, text in entries}


def call(name: str, function: Callable[..., Any]) -> str:
    """Format a function as it is called, without types."""
    signature = inspect.signature(function)
    plain = [each.replace(annotation=each.empty) for each in signature.parameters.values() if each.name != "self"]
    return f"{name}{signature.replace(parameters=plain, return_annotation=signature.empty)}".replace("'", '"')


def of_class(*names: str) -> str:
    """List what public classes have."""

    def rows(kind: type) -> Iterator[tuple[str, str]]:
        fields = {each: text for each, text in attributes(kind).items() if each not in INTERNAL}
        yield from ((each.replace(", ", "`, `"), text) for each, text in fields.items())
        for name, thing in vars(kind).items():
            function = getattr(thing, "__func__", thing)
            if name.startswith("_") or name in INTERNAL:
                continue
            if inspect.isfunction(function):
                yield call(name, function), first_paragraph(function)
            elif text := first_paragraph(getattr(thing, "fget", getattr(thing, "func", None))):
                yield name, text

    kinds = [getattr(harness, name) for name in names]
    return "\n".join(f"`{kind.__name__}`: {first_paragraph(kind)}\n\n{listing(rows(kind))}" for kind in kinds)


def public_names(module: str) -> str:
    """Tabulate the public names of a module that have no table of their own."""
    own = {
        name
        for page in PAGES
        for names in re.findall(r"^<!-- class (.*) -->", text_of(page), re.M)
        for name in names.split()
    }
    names = [name for name in import_module(module).__all__ if name not in own]
    things = {name: getattr(import_module(module), name) for name in names}
    return listing((name, CONSTANTS.get(name) or first_sentence(thing)) for name, thing in things.items())


def checks() -> str:
    """List the checks that Steelyard brings."""
    own = ((point.name, entry_points.load(point)) for point in entry_points.of_group("checks") if point.is_own)
    return listing((call(name, check), first_paragraph(check)) for name, check in own if inspect.isfunction(check))


def pytest_options() -> str:
    """List the options of pytest."""
    parser = pytest.Parser(_ispytest=True)
    add_options(parser)
    options = [each for group in parser._groups for each in group.options]
    names = (f"{option.names()[0]} {option.attrs().get('metavar') or ''}".strip() for option in options)
    return listing((name, option.attrs()["help"]) for name, option in zip(names, options, strict=True))


def all_settings() -> str:
    """Tabulate the settings beside versions, with their defaults."""
    texts = {name: text for names, text in attributes(settings.Settings).items() for name in names.split(", ")}
    fields = settings.Settings.__dataclass_fields__

    def row(name: str) -> tuple[str, str, str]:
        default = fields[name].default
        plain = isinstance(default, int | float | str)
        return f"`{name}`", texts[name], f"`{default!r}`".replace("'", '"') if plain else "none"

    return table("setting", "meaning", "default", rows=map(row, names_of(settings.SettingsTable)))


def commands(*names: str) -> str:
    """Describe commands, each with its options; of a group all that are below it."""
    context = click.Context(main)
    return "\n".join(part for name in names for part in sections(main.get_command(context, name), f"steelyard {name}"))


def sections(command: click.Command | None, path: str) -> Iterator[str]:
    """Yield a section for a command, or for each below it: the first paragraph of its help, and its options."""
    assert command is not None, path
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from sections(command.get_command(context, name), f"{path} {name}")
        return
    options = [each for each in command.params if isinstance(each, click.Option)]
    arguments = [each.make_metavar(context) for each in command.params if isinstance(each, click.Argument)]
    shared = [f"[{each.opts[0]}]" for each in options if each.opts[0] in SHARED]
    rows = [f"- {spelling(each)}: {meaning(each)}\n" for each in options if each.opts[0] not in SHARED]
    summary = " ".join(inspect.cleandoc(command.help or "").partition("\n\n")[0].split())
    yield f"### {path}\n\n`{' '.join([path, *arguments, *shared])}`: {summary}\n" + "\n" * bool(rows) + "".join(rows)


def spelling(option: click.Option) -> str:
    """Format an option as it is written."""
    choices = "|".join(getattr(option.type, "choices", ()))
    number = {"integer range": "N", "integer": "N", "float range": "SHARE"}.get(option.type.name, "PATH")
    value = "" if option.is_flag else f" {option.metavar or choices or number}"
    return ", ".join(f"`{each}{value}`" for each in option.opts)


def meaning(option: click.Option) -> str:
    """Tell what an option does, with its default."""
    default = f" (default: {option.default})" if option.show_default and option.default is not None else ""
    return " ".join((option.help or "").split()) + default


def written(kind: str) -> str:
    """Write the block of a kind."""
    word, *names = kind.split()
    kinds = {
        "class": of_class,
        "commands": commands,
        "names": public_names,
        "checks": checks,
        "fixtures": lambda: listing(fixtures.OFFERED.items()),
        "options": pytest_options,
        "settings": all_settings,
    }
    return kinds[word](*names)


def lacking(pages: str) -> Iterator[str]:
    """Name what the parts that are written by hand leave out."""
    keys = {*versions.EngineOptions.keys(), *names_of(versions.SamplingTable), *versions._every_engines_keys()}
    rows = "\n".join(re.findall(r"^[|-] `.*", pages, re.MULTILINE))
    yield from (f"no row for {name}" for name in [*KEYWORDS, *sorted(keys)] if f"`{name}`" not in rows)
    named = " ".join(re.findall(r"^<!-- commands (.*) -->", pages, re.MULTILINE)).split()
    yield from (f"no section for {name}" for name in main.list_commands(click.Context(main)) if name not in named)


if __name__ == "__main__":
    faults = []
    for page in PAGES:
        old = text_of(page)
        new = BLOCK.sub(lambda block: f"{block[1]}\n{written(block[2])}\n{block[3]}", old)
        if "--check" in sys.argv and new != old:
            faults.append(f"docs/reference/{page.name} is not what the code says; run: make reference")
        elif new != old:
            page.write_text(new, encoding="utf-8")
    faults += lacking("".join(map(text_of, PAGES)))
    print("".join(f"{each}\n" for each in faults), end="")
    sys.exit(bool(faults))
