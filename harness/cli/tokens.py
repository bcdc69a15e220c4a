"""`steelyard tokens`: a text as a version's model sees it, one token a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.console import say, shows
from harness.cli.describe import asked_version
from harness.errors import UsageError
from harness.reporting.shared.figures import plural
from harness.reporting.shared.text import Block, pad, printable

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.models.tokenization.disassembly import Disassembly

_PIECE = 28


@dataclass(frozen=True, slots=True)
class TokenListing:
    """A text as a version's model sees it."""

    version: str
    made: Disassembly

    def as_json(self) -> dict[str, Any]:
        """Every token, with its bytes in hexadecimal."""
        head = {"version": self.version, "text": self.made.text, "lossless": self.made.is_lossless}
        keys = ("offset", "id", "piece", "bytes", "special")
        rows = [{key: getattr(each, key) for key in keys} | {"bytes": each.bytes.hex()} for each in self.made.tokens]
        return {**head, "decoded": self.made.decoded, "n_tokens": len(rows), "tokens": rows}


def _view(listing: TokenListing) -> Iterator[Block]:
    made = listing.made
    yield f"{'offset':>6}  {'id':>6}  {'piece':<{_PIECE}}  bytes"
    for each in made.tokens:
        piece, mark = pad(printable(each.piece, _PIECE), _PIECE), "  special" if each.special else ""
        yield f"{each.offset:>6}  {each.id:>6}  {piece}  {each.bytes.hex()}{mark}".rstrip()
    counted = f"{plural(len(made.tokens), 'token')} for {plural(len(made.text.encode()), 'byte')}"
    yield counted + ("" if made.is_lossless else "; lossy: the tokens do not give the text back")


@click.command()
@click.argument("version", metavar="VERSION")
@click.argument("text", metavar="TEXT")
@click.option("--chat", is_flag=True, help="Put TEXT as a user's message through the chat template first.")
@shows(_view)
def tokens(version: str, text: str, chat: bool) -> TokenListing:
    """Show TEXT as the model of VERSION sees it: one token a line, with its bytes and where it begins.

    Offsets count bytes of the text's UTF-8, also where a token begins inside a character. Control tokens that are
    written in the text count as such, and those that the tokenizer puts around it are shown, as engines have it.
    TEXT is read from standard input where it is `-`. Nothing is loaded but the tokenizer.

    \b
    Examples:
      steelyard tokens smollm2 "The capital of Peru"
      steelyard tokens smollm2 "Hello!" --chat --json
    """
    from harness.config.settings import load_settings

    try:
        text = (sys.stdin.buffer.read() if text == "-" else text.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"TEXT is no UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}. A tokenizer takes text; "
            "convert it first, with iconv for instance."
        ) from None
    return TokenListing(version, _disassembled(load_settings(Path.cwd()), version, text, chat))


def _disassembled(settings: Settings, name: str, text: str, chat: bool) -> Disassembly:
    """The text as a version splits it; in a chat with the version's system text and template around it."""
    from harness.models.mlflow.registry import pinned
    from harness.models.prompts.texts import read_texts
    from harness.models.tokenization.version_tokenizer import load_tokenizer
    from harness.models.version import Version
    from harness.stages.building import version_named

    asked_version(settings, name)
    version = read_texts(version_named(settings, name), settings.root)
    if version.is_registered:
        version = pinned(version, settings.root, offline=True)[0]
    tokenizer = load_tokenizer(version.engine_options, settings.root)
    if not chat:
        return tokenizer.disassemble(text, special=True)
    if version.retrieval is not None:
        say(f"{name}: the passages that it finds are left out; `steelyard retrieve` shows them.", err=True)
    rendered = tokenizer.chat(Version(version.name, version, "").chat(text).messages)
    return tokenizer.disassemble(rendered, special=True, adds=False)
