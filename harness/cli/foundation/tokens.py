"""`steelyard tokens`: a text as a version's model sees it, one token a line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.foundation.describe import asked_version
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.config import Settings
    from harness.models.tokenization.disassembly import Disassembly

_PIECE = 28


@click.command()
@click.argument("version", metavar="VERSION")
@click.argument("text", metavar="TEXT")
@click.option("--chat", is_flag=True, help="Put TEXT as a user's message through the chat template first.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def tokens(version: str, text: str, chat: bool, as_json: bool) -> None:
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
    made = _disassembled(load_settings(Path.cwd()), version, text, chat)
    if not as_json:
        _echo(made)
        return
    rows = [
        {"offset": each.offset, "id": each.id, "piece": each.piece, "bytes": each.bytes.hex(), "special": each.special}
        for each in made.tokens
    ]
    head = {"version": version, "text": made.text, "lossless": made.is_lossless, "decoded": made.decoded}
    click.echo(json.dumps({**head, "n_tokens": len(rows), "tokens": rows}, indent=2))


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
    if version.retrieval is not None:
        click.echo(f"{name}: the passages that it finds are left out; `steelyard retrieve` shows them.", err=True)
    rendered = tokenizer.chat(Version(version.name, version, "").chat(text).messages)
    return tokenizer.disassemble(rendered, special=True, adds=False)


def _echo(made: Disassembly) -> None:
    from harness.reporting.shared.figures import plural
    from harness.reporting.shared.text import pad, printable

    click.echo(f"{'offset':>6}  {'id':>6}  {'piece':<{_PIECE}}  bytes")
    for token in made.tokens:
        piece = pad(printable(token.piece, _PIECE, encoding=sys.stdout.encoding or "utf-8"), _PIECE)
        mark = "  special" if token.special else ""
        click.echo(f"{token.offset:>6}  {token.id:>6}  {piece}  {token.bytes.hex()}{mark}".rstrip())
    counted = f"{plural(len(made.tokens), 'token')} for {plural(len(made.text.encode()), 'byte')}"
    click.echo(counted + ("" if made.is_lossless else "; lossy: the tokens do not give the text back"))
