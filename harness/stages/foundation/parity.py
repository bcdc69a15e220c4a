"""A version beside a reference, over whole texts: what `steelyard parity` measures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.config import Settings
from harness.config.files import json_lines, read_text
from harness.errors import CaseError
from harness.models.engine_creation import check_version, create_engine
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
        UsageError, EngineError: a version that can't be loaded, or gives no log probabilities of given text.
    """
    version = _load(settings, name)
    reference = _reference(settings, against)
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
    other = _load(settings, name).settings
    reference = _reference(settings, against)
    found = []
    try:
        for text in texts:
            found.append(reference.compare_weights(other.engine_options, text))
            step()
    finally:
        reference.close()
    return found


def _load(settings: Settings, name: str) -> Version:
    check_version(settings.version(name), settings.root)
    return load_version(built(settings, name), settings.root)


def _reference(settings: Settings, name: str) -> Reference:
    return Reference(name, reference_options(_load(settings, name).settings.engine_options), str(settings.root))
