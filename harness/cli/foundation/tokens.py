"""`steelyard tokens`: a text as a version's model sees it, one token a line."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.foundation.describe import asked_version
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.models.tokenization.disassembly import Disassembly, TextToken

_WIDEST = 80
_PIECE = 28


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
    from harness.config.settings import load_settings
    from harness.models.tokenization.disassembly import differences

    given, settings = _read(text), load_settings(Path.cwd())
    found = {name: _disassembled(settings, name, given, chat) for name in filter(None, (version, against))}
    for name in found:
        if chat and settings.version(name).retrieval is not None:
            click.echo(f"{name}: the passages that it finds are left out; `steelyard retrieve` shows them.", err=True)
    one, other = found[version], found[against or version]
    places = differences(one.tokens, other.tokens) if against is not None else []
    if as_json:
        document = _version_json(version, one)
        if against is not None:
            document["against"] = _version_json(against, other)
            document["differences"] = [
                {"offset": place.begin, "end": place.end, "tokens": _ids(place.first), "against": _ids(place.second)}
                for place in places
            ]
        click.echo(json.dumps(document, indent=2))
        return
    if against is None:
        click.echo(f"{'offset':>6}  {'id':>6}  {'piece':<{_PIECE}}  bytes")
        _echo(one.tokens)
        click.echo(_summary(one))
        return
    if one.text != other.text:
        click.echo("The chat templates make two texts of it.")
    for place in places:
        click.echo(f"bytes {place.begin:,} to {place.end:,}" if place.begin < place.end else f"at byte {place.begin:,}")
        for name, own in ((version, place.first), (against, place.second)):
            click.echo(f"  {name}")
            _echo(own)
    for name, made in found.items():
        click.echo(f"{name}: {_summary(made)}")
    if not places:
        other_numbers = "" if _ids(one.tokens) == _ids(other.tokens) else "; some have other numbers"
        click.echo(f"{' and '.join(found)} split it alike{other_numbers}")


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


def _disassembled(settings: Settings, name: str, text: str, chat: bool) -> Disassembly:
    """The text as a version splits it; in a chat with the version's system text and template around it."""
    from harness.models.mlflow.registry import pinned
    from harness.models.prompts.texts import read_texts
    from harness.models.tokenization.version_tokenizer import load_tokenizer
    from harness.models.version import Version
    from harness.stages.building import found

    asked_version(settings, name)
    version = read_texts(found(settings, name), settings.root)
    if version.is_registered:
        version = pinned(version, settings.root, offline=True)[0]
    tokenizer = load_tokenizer(version.engine_options, settings.root)
    if not chat:
        return tokenizer.disassemble(text, special=True)
    rendered = tokenizer.chat(Version(version.name, version, "").chat(text).messages)
    return tokenizer.disassemble(rendered, special=True, adds=False)


def _version_json(name: str, made: Disassembly) -> dict[str, Any]:
    tokens = [
        {"offset": t.offset, "id": t.id, "piece": t.piece, "bytes": t.bytes.hex(), "special": t.special}
        for t in made.tokens
    ]
    head = {"version": name, "text": made.text, "lossless": made.is_lossless, "decoded": made.decoded}
    return {**head, "n_tokens": len(tokens), "tokens": tokens}


def _ids(tokens: Iterable[TextToken]) -> list[int]:
    return [each.id for each in tokens]


def _echo(tokens: Iterable[TextToken]) -> None:
    """Write each token; what its piece and bytes have too much stands on the lines that follow."""
    from harness.reporting.shared.text import pad, printable, wrap

    width = min(_WIDEST, shutil.get_terminal_size().columns)
    for token in tokens:
        pieces = wrap(printable(token.piece, encoding=sys.stdout.encoding or "utf-8"), _PIECE)
        room = max(2, (width - _PIECE - 18 - (10 if token.special else 0)) // 2 * 2)
        written, mark = token.bytes.hex(), "  special" if token.special else ""
        parts = [written[at : at + room] for at in range(0, len(written), room)] or [""]
        start = f"{token.offset:>6}  {token.id:>6}"
        for left, right in zip_longest(pieces, parts, fillvalue=""):
            click.echo(f"{start}  {pad(left, _PIECE)}  {right}{mark}".rstrip())
            start, mark = " " * 14, ""


def _summary(made: Disassembly) -> str:
    from harness.reporting.shared.figures import plural

    text = f"{plural(len(made.tokens), 'token')} for {plural(len(made.text.encode()), 'byte')}"
    return text if made.is_lossless else f"{text}; lossy: the tokens do not give the text back"
