"""Declares the step `text`: what a page of HTML says, by Trafilatura, and nothing of its menus."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.config import setting_checks
from harness.stages.data.steps.step import EMPTY, INSTALL, IS_HTML, StepOption, StepSpec

if TYPE_CHECKING:
    from datatrove.data import Document
    from datatrove.pipeline.extractors import Trafilatura

TOO_LARGE = "html_too_large"
"""The reason of a page's removal that is longer than the bound."""

NO_TEXT = "no_text"
"""The reason of a page's removal in which there was nothing to read."""

BROKEN = "clean_error"
"""The reason of a page's removal on which the extraction failed; datatrove counts it under this name."""


class TextStep:
    """Puts in place of a page of HTML what it says; other documents stay as they are.

    There is no limit of time, which would depend on the machine, but one of length. Trafilatura's memory of passages
    that it saw, in which repeats are looked up, is emptied before each page.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = dict(options)

    def __call__(self, document: Document) -> str | None:
        """None for a document that stays, else why it goes: EMPTY, TOO_LARGE, BROKEN or NO_TEXT."""
        if not document.text or document.text.isspace():
            return EMPTY
        if not document.metadata.get(IS_HTML):
            return None
        if len(document.text) > self._options["max_characters"]:
            return TOO_LARGE
        try:
            text = self._extracted(document.text)
        except Exception:  # noqa: BLE001 - whatever a page does to the parser, it is one page
            return BROKEN
        if not text or text.isspace():
            return NO_TEXT
        document.text = text
        del document.metadata[IS_HTML]
        return None

    @functools.cached_property
    def _extractor(self) -> Trafilatura:
        from datatrove.pipeline.extractors import Trafilatura

        logging.getLogger("trafilatura").addHandler(logging.NullHandler())  # else it tells each odd page on stderr
        options = {name: self._options[name] for name in ("favour_precision", "deduplicate")}
        return Trafilatura(**options)

    def _extracted(self, html: str) -> str | None:
        from trafilatura.deduplication import LRU_TEST

        LRU_TEST.clear()
        text: str | None = self._extractor.extract(html)
        return text


TEXT = StepSpec(
    name="text",
    options={
        "favour_precision": StepOption(True, setting_checks.boolean, "Rather leave text out than let a menu in."),
        "deduplicate": StepOption(
            True, setting_checks.boolean, "Leave out passages that a page has had often; other pages do not count."
        ),
        "max_characters": StepOption(
            10_000_000, setting_checks.integer, "The longest page that is read; longer ones are removed."
        ),
    },
    make=TextStep,
    packages=("datatrove", "trafilatura", "lxml", "justext"),
    summary="takes the text out of pages of HTML",
    install=INSTALL,
)
