"""A version beside a reference, over whole texts: what `steelyard parity` measures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.config.files import json_lines, read_text
from harness.errors import CaseError, SettingsError
from harness.models.description.description import describe_weights
from harness.models.engine_creation import check_version, create_engine
from harness.models.tokenization.version_tokenizer import load_tokenizer
from harness.models.version import Version, load_version
from harness.requests.window import check_capabilities
from harness.stages.building import built
from harness.stages.foundation.divergence import TextDivergence
from harness.stages.foundation.reference import Reference, reference_options


def read_texts(path: Path) -> list[str]:
    """The texts of a file: the field `text` of each line of a .jsonl, else the paragraphs between empty lines.

    Raises:
        CaseError: there is no such file, no text in it, or a line without one.
    """
    if path.suffix == ".jsonl":
        texts = [_text(values, where) for where, values in json_lines(path, CaseError, _HINT)]
    else:
        paragraphs = read_text(path, CaseError, _HINT).split("\n\n")
        texts = [paragraph.strip() for paragraph in paragraphs if paragraph.strip()]
    if not texts:
        raise CaseError(f"{path} holds no text.")
    return texts


_HINT = "Name others with --texts FILE: a .jsonl with a field `text` in each line, or paragraphs between empty lines."


def _text(values: Mapping[str, Any], where: str) -> str:
    text = values.get("text")
    if not isinstance(text, str) or not text:
        raise CaseError(f'{where}: there is no text; write {{"text": "…"}} in each line.')
    return text


def compare_served(
    settings: Settings, name: str, against: str, texts: Sequence[str], top: int, step: Callable[[], None]
) -> list[TextDivergence]:
    """The divergence of a version's engine from a version's weights in 32 bits, on each text.

    Args:
        name: the version whose engine is asked.
        against: a version that has weights, which are the reference; `name` for its own, before they were rounded.
        top: tokens asked for at each place; all others count as one, so that the divergences are lower bounds.
        step: called after each text.

    Raises:
        UsageError, EngineError: a version that can't be loaded, or gives no log probabilities of given text, a text
            longer than a window.
    """
    version = _load(settings, name)
    reference, options = _reference(settings, against)
    _check_windows(texts, settings.root, version.settings.engine_options, options)
    try:
        return asyncio.run(_compared(settings, version, reference, texts, top, step))
    finally:
        reference.close()


async def _compared(
    settings: Settings, version: Version, reference: Reference, texts: Sequence[str], top: int, step: Callable[[], None]
) -> list[TextDivergence]:
    engine = create_engine(version, settings.root)
    requests = [version.rolling(text, logprobs=top) for text in texts]
    check_capabilities(engine, requests[0])
    try:
        await engine.start()
        samples = [(await engine.sample(request, [0]))[0] for request in requests]
    finally:
        await engine.close()
    found = []
    for sample in samples:
        found.append(await reference.compare(sample))
        step()
    return found


def compare_weights(
    settings: Settings, name: str, against: str, texts: Sequence[str], step: Callable[[], None]
) -> list[TextDivergence]:
    """The weights of two versions on each text, both computed by transformers in 32 bits, from whole distributions.

    Args:
        name, against: versions that have weights.
        step: called after each text.

    Raises:
        UsageError, EngineError: a version that can't be loaded, vocabularies that differ, a text longer than a window.
    """
    other = _load(settings, name).settings.engine_options
    reference, options = _reference(settings, against)
    _check_windows(texts, settings.root, options, other)
    found = []
    try:
        for text in texts:
            found.append(reference.compare_weights(other, text))
            step()
    finally:
        reference.close()
    return found


def _load(settings: Settings, name: str) -> Version:
    check_version(settings.version(name), settings.root)
    return load_version(built(settings, name), settings.root)


def _reference(settings: Settings, name: str) -> tuple[Reference, dict[str, Any]]:
    """The reference, and the options of its weights."""
    options = reference_options(_load(settings, name).settings.engine_options)
    return Reference(name, options, str(settings.root)), options


def _check_windows(texts: Sequence[str], root: Path, *options: Mapping[str, Any]) -> None:
    """Refuse a text that is longer than the window of any of some weights, before they are loaded.

    Raises:
        CaseError: naming it.
    """
    for each in options:
        if "weights" not in each:
            continue
        with suppress(SettingsError):  # what transformers alone can read is counted once it is loaded
            tokenizer, window = load_tokenizer(each, root), describe_weights(each, root).in_engine.sizes.n_ctx
            counts = [len(tokenizer.encode(text, special=True, adds=False)) for text in texts]
            if 0 < window < max(counts):
                raise CaseError(
                    f"Text {counts.index(max(counts)) + 1} has {max(counts):,} tokens, and {window:,} are read at "
                    "once: compare shorter ones."
                )
