"""Files that are named and read, texts of settings that may name some, and files that are replaced whole."""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.errors import UsageError, shortened, some

FILE = "file:"
"""Begin a `system` or `template` that stands elsewhere: in a file, or in MLflow's prompt registry."""
SAVE_AS = "Save it as UTF-8."
"""What is to be done with a file in another encoding."""
_SHOWN = 200
_HALF = re.compile("[\ud800-\udfff]")

_READ = (".csv", ".json", ".jsonl", ".txt")
"""Suffixes of files that may be meant where another is not there."""


def find_file(
    path: Path, folders: Sequence[Path], *, kind: str, suffixes: Sequence[str], error: type[UsageError]
) -> Path | None:
    """The file of this path, relative to the first of `folders` that has it.

    None where there is none and the path has none of the suffixes, so that it may be the name of something else.

    Args:
        kind: what it is called in messages, such as "case file".
        suffixes: of such files.
        error: what is raised.

    Raises:
        UsageError: there is no such file, or it can't be looked for; the message lists those that are there.
    """
    places = [path] if path.is_absolute() else [folder / path for folder in folders]
    try:
        for place in places:
            if place.is_file():
                return place
        if path.suffix in suffixes or any(place.exists() for place in places):
            raise error(f"There is no {kind} {str(path)!r}.{_nearest(places, kind, suffixes)}")
    except (OSError, RuntimeError, ValueError) as problem:  # a name that is too long, a circle of links, a NUL
        reason = getattr(problem, "strerror", None) or problem
        raise error(f"The {kind} {shortened(str(path), _SHOWN)} can't be looked for: {reason}.") from None
    return None


def read_text(path: Path, error: type[UsageError], hint: str = "") -> str:
    """The text of a file in UTF-8.

    Args:
        error: what is raised.
        hint: a sentence that says what to write, which ends the message.

    Raises:
        UsageError: it can't be read; where it is not there, the message names those beside it.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"{path} is not UTF-8: {problem}. {SAVE_AS}") from None
    except OSError as problem:
        reason = problem.strerror or problem
        near = sorted(each.name for each in path.parent.glob("*") if each.suffix in _READ)
        beside = f" Beside it: {some(near)}." if near and isinstance(problem, FileNotFoundError) else ""
        raise error(f"{path} can't be read: {reason}.{beside} {hint}".rstrip()) from None


def json_lines(path: Path, error: type[UsageError], hint: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a file of JSON lines, each after the place that it stands in; empty lines are passed over.

    Args:
        error, hint: as `read_text` has them.

    Raises:
        UsageError: the file can't be read, or a line is no object, or has half of a character.
    """
    for number, line in enumerate(read_text(path, error, hint).split("\n"), 1):
        if line.strip():
            place = f"{path}, line {number}"
            try:
                entry = json.loads(line, object_pairs_hook=unique_keys, parse_constant=_no_number)
                check_characters(line, entry)
            except (ValueError, RecursionError) as problem:
                message = str(problem)
                if isinstance(problem, json.JSONDecodeError):
                    message = f"{problem.msg} at column {problem.colno}"
                raise error(f"{place} is no JSON: {message}. {hint}".rstrip()) from None
            if not isinstance(entry, Mapping):
                raise error(f"{place} is no JSON object: {shortened(line, _SHOWN)} {hint}".rstrip())
            yield place, entry


def unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, given to its reader as a hook.

    Raises:
        ValueError: a key is there twice, as a merge leaves them.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} is there twice in one object")
    return fields


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def check_characters(line: str, value: Any) -> None:
    """Refuse half of a character in what was read from a line of JSON: no tokenizer takes it."""
    if "\\ud" in line.lower():  # a half that is not written as an escape is no UTF-8
        half = _HALF.search(json.dumps(value, ensure_ascii=False))
        if half is not None:
            raise ValueError(f"{half[0]!a} is half of a character; write both, such as '\\ud83d\\ude00', or none")


def note_id(name: str, place: str, places: MutableMapping[str, str], error: type[UsageError]) -> None:
    """Note where an id stands, and refuse one that stands somewhere else as well."""
    if name in places:
        raise error(f"{place}: the id {name!r} is that of {places[name]} as well; write another.")
    places[name] = place


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The path of a temporary file, which takes the place of `path` once it is written: a reader sees the old file or
    the new one, never half. After an error nothing is left of it.

    Raises:
        OSError: it can't be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _nearest(places: Sequence[Path], kind: str, suffixes: Sequence[str]) -> str:
    for place in places:
        if place.parent.is_dir():
            names = sorted(other.name for other in place.parent.iterdir() if other.suffix in suffixes)
            if names:
                return f" {place.parent} has: {', '.join(names)}."
    looked = ", ".join(str(place.parent) for place in places)
    return f" Looked in {looked}: no {kind} ({', '.join(suffixes)}) there."
