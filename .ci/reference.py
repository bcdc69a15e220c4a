"""Writes the tables of docs/reference.md from the code that they tell of: `make reference`.

A table stands between `<!-- KIND NAME … -->` and `<!-- end -->`; all else on the page is written by hand. What can't be
written from code is checked: each word of the marker and each key of a version has a row. `--check` writes nothing, and
ends with 1 where the page is not what it would be.
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
from harness import doors
from harness.cli import main
from harness.config import settings, versions
from harness.config.typed import names_of
from harness.gate.evaluations.evaluation import KEYWORDS
from harness.plugin import fixtures
from harness.plugin.options import add_options

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
BLOCK = re.compile(r"(^<!-- (?!end)([^\n]+) -->\n).*?(^<!-- end -->$)", re.MULTILINE | re.DOTALL)
SHARED = ("--json", "--store")
"""Options that mean the same for all commands."""
INTERNAL = {"builder", "close", "column_sums", "root"}
CONSTANTS = {"CHECKS": "The checks that hold any engine to its contract.", "HOOKS_VERSION": "The version of the hooks."}


def table(*head: str, rows: Iterable[Iterable[str]]) -> str:
    """Format a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(each.replace('|', chr(92) + '|') for each in row)} |\n" for row in lines)


def first_paragraph(thing: Any) -> str:
    """Return what a docstring begins with, as one line."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def attributes(kind: type) -> dict[str, str]:
    """Return the attributes that the docstring of a class tells of: those that stand together are one entry."""
    told = (inspect.getdoc(kind) or "").partition("\nAttributes:\n")[2]
    found = re.findall(r"^    ([\w, ]+): (.*?)(?=^    \w|^\S|\Z)", told, re.MULTILINE | re.DOTALL)
    return {names: " ".join(text.split()) for names, text in found}


def call(name: str, function: Callable[..., Any]) -> str:
    """Format a function as it is called, without types."""
    signature = inspect.signature(function)
    plain = [each.replace(annotation=each.empty) for each in signature.parameters.values() if each.name != "self"]
    return f"{name}{signature.replace(parameters=plain, return_annotation=signature.empty)}".replace("'", '"')


def of_class(*names: str) -> str:
    """Tabulate what public classes have."""

    def rows(kind: type) -> Iterator[tuple[str, str]]:
        told = {each: text for each, text in attributes(kind).items() if each not in INTERNAL}
        yield from ((f"`{each.replace(', ', '`, `')}`", text) for each, text in told.items())
        for name, thing in vars(kind).items():
            function = getattr(thing, "__func__", thing)
            if name.startswith("_") or name in INTERNAL:
                continue
            if inspect.isfunction(function):
                yield f"`{call(name, function)}`", first_paragraph(function)
            elif text := first_paragraph(getattr(thing, "fget", getattr(thing, "func", None))):
                yield f"`{name}`", text

    kinds = [getattr(harness, name) for name in names]
    tables = (table(f"`{kind.__name__}`", first_paragraph(kind), rows=rows(kind)) for kind in kinds)
    return "\n".join(tables)


def public_names(module: str) -> str:
    """Tabulate the public names of a module."""
    things = ((name, getattr(import_module(module), name)) for name in import_module(module).__all__)
    return table(
        "name", "what it is", rows=((f"`{name}`", CONSTANTS.get(name) or first_paragraph(it)) for name, it in things)
    )


def checks() -> str:
    """Tabulate the checks that Steelyard brings."""
    own = [(door.name, doors.load(door)) for door in doors.of_group("checks") if door.is_own]
    functions = [(name, check) for name, check in own if inspect.isfunction(check)]
    return table(
        "check", "gives", rows=((f"`{call(name, check)}`", first_paragraph(check)) for name, check in functions)
    )


def offered_fixtures() -> str:
    """Tabulate the fixtures of a body."""
    rows = ((f"`{name}`", text) for name, text in fixtures.OFFERED.items())
    return table("name", "what the body gets", rows=rows)


def pytest_options() -> str:
    """Tabulate the options of pytest."""
    parser = pytest.Parser(_ispytest=True)
    add_options(parser)
    rows = []
    for option in (each for group in parser._groups for each in group.options):
        name = f"{option.names()[0]} {option.attrs().get('metavar') or ''}".strip()
        rows.append((f"`{name}`", option.attrs()["help"]))
    return table("option", "meaning", rows=rows)


def all_settings() -> str:
    """Tabulate the settings beside versions, with their defaults."""
    told = {name: text for names, text in attributes(settings.Settings).items() for name in names.split(", ")}
    fields = settings.Settings.__dataclass_fields__

    def row(name: str) -> tuple[str, str, str]:
        default = fields[name].default
        plain = isinstance(default, int | float | str)
        return f"`{name}`", told[name], f"`{default!r}`".replace("'", '"') if plain else "none"

    return table("setting", "meaning", "default", rows=map(row, names_of(settings.SettingsTable)))


def commands() -> str:
    """Tabulate the commands with their options."""
    return table("command", "what it does", rows=rows_of(main, "steelyard"))


def rows_of(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    """Yield a row for a command, or for each below it."""
    context = click.Context(command)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from rows_of(command.get_command(context, name), f"{path} {name}")
        return
    text = re.sub(r"\s*\x08\s*Examples?:.*", "", inspect.cleandoc(command.help or ""), flags=re.DOTALL)
    options = [each for each in command.params if isinstance(each, click.Option)]
    arguments = [each.make_metavar(context) for each in command.params if isinstance(each, click.Argument)]
    shared = [f"[{each.opts[0]}]" for each in options if each.opts[0] in SHARED]
    told = [f"{spelling(each)}: {meaning(each)}" for each in options if each.opts[0] not in SHARED]
    yield f"`{' '.join([path, *arguments, *shared])}`", "<br>".join([" ".join(text.split()), *told])


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
        "fixtures": offered_fixtures,
        "options": pytest_options,
        "settings": all_settings,
    }
    return kinds[word](*names)


def lacking(page: str) -> Iterator[str]:
    """Name what the parts that are written by hand leave out."""
    keys = {*versions.EngineOptions.keys(), *names_of(versions.SamplingTable), *versions._every_engines_keys()}
    rows = "\n".join(re.findall(r"^\| `.*", page, re.MULTILINE))
    yield from (f"no row for {name}" for name in [*KEYWORDS, *sorted(keys)] if f"`{name}`" not in rows)


if __name__ == "__main__":
    old = PAGE.read_text(encoding="utf-8")
    new = BLOCK.sub(lambda found: f"{found[1]}{written(found[2])}{found[3]}", old)
    faults = list(lacking(new))
    if "--check" in sys.argv and new != old:
        faults.append("docs/reference.md is not what the code says; run: make reference")
    elif new != old:
        PAGE.write_text(new, encoding="utf-8")
    print("".join(f"{each}\n" for each in faults), end="")
    sys.exit(bool(faults))
