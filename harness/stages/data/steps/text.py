"""Declares the step `text`: what a page of HTML says, by Trafilatura, and nothing of its menus."""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.config.typed import Count, Table
from harness.stages.data.steps.step import EMPTY, INSTALL, IS_HTML, StepSpec

if TYPE_CHECKING:
    from datatrove.data import Document
    from datatrove.pipeline.extractors import Trafilatura

TOO_LARGE, NO_TEXT, BROKEN = "html_too_large", "no_text", "clean_error"
"""The reasons of a page's removal: it is longer than the bound, there was nothing to read, or, in datatrove's word, the
extraction failed."""


@functools.cache
def _extractor(favour_precision: bool, deduplicate: bool) -> Trafilatura:
    from datatrove.pipeline.extractors import Trafilatura

    logging.getLogger("trafilatura").addHandler(logging.NullHandler())  # else it tells each odd page on stderr
    return Trafilatura(favour_precision=favour_precision, deduplicate=deduplicate)


@dataclass(frozen=True)
class _Extraction(Table):
    """Puts in place of a page of HTML what it says; other documents stay as they are.

    There is no limit of time, which would depend on the machine, but one of length. Trafilatura's memory of passages
    that it saw, in which repeats are looked up, is emptied before each page.
    """

    favour_precision: bool = True
    deduplicate: bool = True
    max_characters: Count = 10_000_000

    def __call__(self, document: Document) -> str | None:
        """None for a document that stays, else why it goes."""
        from trafilatura.deduplication import LRU_TEST

        if not document.text or document.text.isspace():
            return EMPTY
        if not document.metadata.get(IS_HTML):
            return None
        if len(document.text) > self.max_characters:
            return TOO_LARGE
        LRU_TEST.clear()
        try:
            text: str | None = _extractor(self.favour_precision, self.deduplicate).extract(document.text)
        except Exception:  # noqa: BLE001 - whatever a page does to the parser, it is one page
            return BROKEN
        if not text or text.isspace():
            return NO_TEXT
        document.text = text
        del document.metadata[IS_HTML]
        return None


TEXT = StepSpec(
    name="text",
    make=lambda given: _Extraction(**given),
    options=_Extraction,
    packages=("datatrove", "trafilatura", "lxml", "justext"),
    summary="takes the text out of pages of HTML",
    install=INSTALL,
)
