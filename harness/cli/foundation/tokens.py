"""`steelyard tokens`: a text as a version's model sees it, one token a line."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from harness.cli.foundation.described import asked_version
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.config import Settings, VersionSettings
    from harness.models.tokenization.disassembly import Disassembly, TextToken

_WIDEST = 80
_PIECE = 28


@dataclass(frozen=True, slots=True)
class _Split:
    """A text as a version splits it."""

    version: str
    made: Disassembly


@click.command()
@click.argument("version", metavar="VERSION")
@click.argument("text", metavar="TEXT")
@click.option("--chat", is_flag=True, help="Put TEXT as a user's message through the chat template first.")
@click.option("--against", metavar="OTHER", help="Show where another version splits the text differently.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def tokens(version: str, text: str, chat: bool, against: str | None, as_json: bool) -> None:
    """Show TEXT as the model of VERSION sees it: one token a line, with its bytes and where it begins.

    Offsets count bytes of the text's UTF-8, also where a token begins inside a character. Control tokens that are
    written in the text count as such, and those that the tokenizer puts around it are shown, as engines have it.
    TEXT is read from standard input where it is `-`. Nothing is loaded but the tokenizer.

    \b
    Examples:
      steelyard tokens smollm2 "The capital of Peru"
      steelyard tokens smollm2 "Hello!" --chat --json
      steelyard tokens smollm2 "in  2024" --against other
    """
    from pathlib import Path

    from harness.config.settings import load_settings

    given = _read(text)
    settings = load_settings(Path.cwd())
    found = _split(settings, version, given, chat)
    other = None if against is None else _split(settings, against, given, chat)
    for each in filter(None, (version, against)):
        if chat and settings.version(each).retrieval is not None:
            click.echo(f"{each}: the passages that it finds are left out; `steelyard retrieve` shows them.", err=True)
    if as_json:
        click.echo(json.dumps(_as_json(found, other), indent=2))
        return
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    encoding = sys.stdout.encoding or "utf-8"
    lines = _lines(found, width, encoding) if other is None else _difference(found, other, width, encoding)
    click.echo("\n".join(lines))


def _read(text: str) -> str:
    """The text itself, or standard input for `-`.

    Raises:
        UsageError: it is no UTF-8.
    """
    try:
        if text == "-":
            return sys.stdin.buffer.read().decode("utf-8")
        return text.encode("utf-8", "surrogateescape").decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"TEXT is no UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}. A tokenizer takes text; "
            "convert it first, with iconv for instance."
        ) from None


def _split(settings: Settings, name: str, text: str, chat: bool) -> _Split:
    from harness.models.tokenization.version_tokenizer import load_tokenizer
    from harness.stages.building import found

    asked_version(settings, name)
    version = _here(found(settings, name), settings)
    tokenizer = load_tokenizer(version.engine_options, settings.root)
    if chat:
        rendered = tokenizer.chat(_messages(version, text))
        return _Split(name, tokenizer.disassemble(rendered, special=True, adds=False))
    return _Split(name, tokenizer.disassemble(text, special=True))


def _here(version: VersionSettings, settings: Settings) -> VersionSettings:
    """The version with the folder of its weights, and the texts of its prompt, in place of where these are."""
    from harness.models.prompts.texts import read_texts

    version = read_texts(version, settings.root)
    if not version.is_registered:
        return version
    from harness.models.mlflow.registry import pinned

    return pinned(version, settings.root, offline=True)[0]


def _messages(version: VersionSettings, text: str) -> Sequence[Any]:
    """Build the messages that a version sends for a prompt, with its system text and its template."""
    from harness.models.version import Version

    return Version(version.name, version, "").chat(text).messages


def _as_json(found: _Split, other: _Split | None) -> dict[str, Any]:
    document = _version_json(found)
    if other is not None:
        document["against"] = _version_json(other)
        document["differences"] = [
            {"offset": begin, "end": end, "tokens": _ids(found, begin, end), "against": _ids(other, begin, end)}
            for begin, end in _differing(found, other)
        ]
    return document


def _version_json(split: _Split) -> dict[str, Any]:
    made = split.made
    return {
        "version": split.version,
        "text": made.text,
        "lossless": made.is_lossless,
        "decoded": made.decoded,
        "n_tokens": len(made.tokens),
        "tokens": [
            {
                "offset": each.offset,
                "id": each.id,
                "piece": each.piece,
                "bytes": each.bytes.hex(),
                "special": each.special,
            }
            for each in made.tokens
        ],
    }


def _differing(found: _Split, other: _Split) -> list[tuple[int, int]]:
    """Find the bytes that two versions split differently: all of them where their templates made two texts."""
    from harness.models.tokenization.disassembly import differences

    if found.made.text != other.made.text:
        return [(0, max(len(each.made.text.encode()) for each in (found, other)))]
    return list(differences(found.made.tokens, other.made.tokens))


def _between(split: _Split, begin: int, end: int) -> list[TextToken]:
    """The tokens of a range; those around the text are in an empty one."""
    inside = (each for each in split.made.tokens if begin <= each.offset and each.end <= end)
    return [each for each in inside if begin == end or not each.is_around]


def _ids(split: _Split, begin: int, end: int) -> list[int]:
    return [each.id for each in _between(split, begin, end)]


def _lines(split: _Split, width: int, encoding: str) -> Iterator[str]:
    yield f"{'offset':>6}  {'id':>6}  {'piece':<{_PIECE}}  bytes"
    for each in split.made.tokens:
        yield from _token_lines(each, width, encoding)
    yield _summary(split)


def _token_lines(token: TextToken, width: int, encoding: str) -> Iterator[str]:
    """A token; what its piece and bytes have too much stands on the lines that follow."""
    from itertools import zip_longest

    from harness.reporting.shared.text import pad, printable, wrap

    piece = printable(token.piece, encoding=encoding)
    pieces = wrap(piece, _PIECE) if piece else [""]
    room = max(2, (width - _PIECE - 18 - (10 if token.special else 0)) // 2 * 2)
    written = token.bytes.hex()
    parts = [written[at : at + room] for at in range(0, len(written), room)] or [""]
    for number, (left, right) in enumerate(zip_longest(pieces, parts, fillvalue="")):
        start = f"{token.offset:>6}  {token.id:>6}" if number == 0 else " " * 14
        mark = "  special" if token.special and number == 0 else ""
        yield f"{start}  {pad(left, _PIECE)}  {right}{mark}".rstrip()


def _summary(split: _Split) -> str:
    from harness.reporting.shared.figures import plural

    made = split.made
    text = f"{plural(len(made.tokens), 'token')} for {plural(len(made.text.encode()), 'byte')}"
    return text if made.is_lossless else f"{text}; lossy: the tokens do not give the text back"


def _difference(found: _Split, other: _Split, width: int, encoding: str) -> Iterator[str]:
    """Each place where the two differ, with the tokens of both."""
    places = _differing(found, other)
    if found.made.text != other.made.text:
        yield "The chat templates make two texts of it."
    for begin, end in places:
        yield f"bytes {begin:,} to {end:,}" if begin < end else f"at byte {begin:,}"
        for split in (found, other):
            yield f"  {split.version}"
            for each in _between(split, begin, end):
                yield from _token_lines(each, width, encoding)
    yield from (f"{split.version}: {_summary(split)}" for split in (found, other))
    one, two = ([each.id for each in split.made.tokens] for split in (found, other))
    if not places:
        told = "" if one == two else "; some have other numbers"
        yield f"{found.version} and {other.version} split it alike{told}"
