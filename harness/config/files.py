"""Files that a test names, texts of settings that may name some, and files that are replaced whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.errors import UsageError, shortened

_SHOWN = 200


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
    except OSError as problem:  # a name that is too long, a circle of links, a folder that may not be searched
        reason = problem.strerror or problem
        raise error(f"The {kind} {shortened(str(path), _SHOWN)} can't be looked for: {reason}.") from None
    except (RuntimeError, ValueError) as problem:  # a NUL in the name
        raise error(f"The {kind} {shortened(str(path), _SHOWN)} can't be looked for: {problem}.") from None
    return None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The path of a temporary file, which takes the place of `path` once it is written: a reader sees the old file or
    the new one, never half. After an error nothing is left of it.

    Raises:
        OSError: it can't be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
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


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a table of settings, of which some may name files."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)
