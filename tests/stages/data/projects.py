"""Projects of a test with a corpus in their settings."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.config.corpora import CorpusSettings

STEPS = """
def long_enough(document, *, words=3):
    return len(document.text.split()) >= words

def shouting(document):
    from harness.stages.data.steps.user import Keep
    return Keep(document.text.upper())

def broken(document, *, on="d7"):
    if document.id == on:
        raise RuntimeError("no such luck")

def killed(document):
    import os, signal
    os.kill(os.getpid(), signal.SIGKILL)

def same(document):
    pass

def logged(document, *, log=""):
    import contextlib, os, time
    if document.id:
        with open(log, "a") as file:
            file.write(document.id + "\\n")
        with contextlib.suppress(FileNotFoundError):
            while os.path.getsize(log) > os.path.getsize(log + ".held"):
                time.sleep(0.01)
"""
"""Steps of the project's own. One logs what it sees, and waits while its log is larger than a file beside it."""

HELD = bytes(2800)
"""What holds `logged` when it has seen 570 documents."""


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """A file with an object a line, packed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix.lower() == ".gz" else content)
    return path


def some_rows(number: int) -> list[dict[str, Any]]:
    """Documents of which every fifth has two words, and the others four or more."""
    return [
        {
            "id": f"d{n}",
            "text": "two words" if n % 5 == 0 else f"this is the text number {n}",
            "url": f"http://x.org/{n}",
        }
        for n in range(number)
    ]


def long_rows() -> list[dict[str, Any]]:
    """A thousand documents, in several shards."""
    return [row | {"text": row["text"] + " more" * 600} for row in some_rows(1000)]


def project(
    root: Path, documents: str, steps: Sequence[str] = (), tokenizer: str | None = None, **tables: Mapping[str, Any]
) -> Settings:
    """Settings with one corpus, `clean`, and steps of the project's own in steps.py.

    Args:
        tables: of steps; `long_enough={…}` is for "steps:long_enough".
    """
    own_steps = root / "steps.py"
    if not own_steps.exists() or own_steps.read_text(encoding="utf-8") != STEPS:
        own_steps.write_text(STEPS, encoding="utf-8")
    own = {f"steps:{name}" if f"steps:{name}" in steps else name: table for name, table in tables.items()}
    corpus = CorpusSettings(
        "clean", documents, steps=tuple(steps), tables=own, tokenizer=tokenizer, table="[corpora.clean]"
    )
    return Settings(root=root, prefix="", corpora={"clean": corpus})
