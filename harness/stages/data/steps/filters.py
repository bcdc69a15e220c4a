"""Declares datatrove's filters as steps, with the parameters that FineWeb published.

Gopher's rules are those of Rae et al., 2021, "Scaling Language Models" (arXiv:2112.11446, table A1 and section A1.1),
C4's those of Raffel et al., 2020 (JMLR 21:140, section 2.2), FineWeb's own those of Penedo et al., 2024, "The FineWeb
Datasets" (arXiv:2406.17557, section 3.6). Order and values are those of the script that made FineWeb.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from harness.config.typed import Between, Checked, Count, Natural, NotNegative, Share, Table, Text, WrongValueError
from harness.stages.data.steps.step import EMPTY, INSTALL, URL, StepSpec, Words

if TYPE_CHECKING:
    from datatrove.data import Document
    from datatrove.pipeline.filters.base_filter import BaseFilter

TOO_LARGE = "text_too_large"
"""The reason of a document's removal that is longer than the bound."""


def _split(code: str) -> str:
    """A language whose words can be split here."""
    from datatrove.utils.word_tokenizers import load_tokenizer_assignments, load_word_tokenizer

    if code not in load_tokenizer_assignments():
        raise WrongValueError(
            'is no language whose words datatrove splits; write its code in ISO 639-3 or 639-1, such as "eng" or "de".'
        )
    try:
        load_word_tokenizer(code).word_tokenize("a")
    except ImportError as error:
        raise WrongValueError(f"needs a package that is not installed here. {error}") from None
    return code


def _pairs(value: Any) -> Any:
    """Pairs of a length and the largest share."""
    if not isinstance(value, list) or not all(
        isinstance(pair, list)
        and list(map(type, pair)) in ([int, int], [int, float])
        and pair[0] > 0
        and 0 <= pair[1] <= 1
        for pair in value
    ):
        raise WrongValueError(
            "is no list of pairs of a length in words and the largest share; write [[2, 0.2], [3, 0.18]]."
        )
    return value


_FromOff = Annotated[int, Between(-1)]
_Pairs = Annotated[Any, Checked(_pairs, is_all=True)]
Language = Annotated[Text, Checked(_split)]
"""The language by whose rules texts are split."""


@dataclass(frozen=True)
class _DatatroveFilter(Table):
    """One of datatrove's filters as a step, with its options, made where it is used.

    Beside them there is `max_characters`: filters take a hundred times the memory that a text takes.
    """

    filter_name: ClassVar[str]
    language: Language = "eng"
    max_characters: Count = 10_000_000

    @functools.cached_property
    def _filter(self) -> BaseFilter:
        from datatrove.pipeline import filters

        made: BaseFilter = getattr(filters, self.filter_name)(**_given(self))
        return made

    def __call__(self, document: Document) -> str | None:
        """None for a document that stays, else why it goes. One without text, or that the filter leaves without text,
        goes as such: several filters divide by its length."""
        if not document.text or document.text.isspace():
            return EMPTY
        if len(document.text) > self.max_characters:
            return TOO_LARGE
        return _removal(self._filter, document) or (None if document.text else EMPTY)


def _given(table: Any) -> dict[str, Any]:
    """The options that datatrove's filter is given: none of ours, and its own stop words where there are none."""
    return {
        key: value
        for key, value in vars(table).items()
        if key not in ("max_characters", "_filter") and (key, value) not in (("stop_words", ()), ("stop_words", []))
    }


def _removal(made: BaseFilter, document: Document) -> str | None:
    removal = made.filter(document)
    stays, reason = removal if isinstance(removal, tuple) else (removal, None)
    return None if stays else reason or "removed"


@dataclass(frozen=True)
class _Repetition(_DatatroveFilter):
    filter_name = "GopherRepetitionFilter"
    dup_line_frac: Share = 0.3
    dup_para_frac: Share = 0.3
    dup_line_char_frac: Share = 0.2
    dup_para_char_frac: Share = 0.2
    top_n_grams: _Pairs = ((2, 0.2), (3, 0.18), (4, 0.16))
    dup_n_grams: _Pairs = ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.1))


@dataclass(frozen=True)
class _Quality(_DatatroveFilter):
    filter_name = "GopherQualityFilter"
    min_doc_words: Count = 50
    max_doc_words: Natural = 100_000
    min_avg_word_length: NotNegative = 3
    max_avg_word_length: NotNegative = 10
    max_symbol_word_ratio: NotNegative = 0.1
    max_bullet_lines_ratio: Share = 0.9
    max_ellipsis_lines_ratio: Share = 0.3
    max_non_alpha_words_ratio: Share = 0.8
    min_stop_words: Natural = 2
    stop_words: Words = ()


@dataclass(frozen=True)
class _C4(_DatatroveFilter):
    filter_name = "C4QualityFilter"
    split_paragraph: bool = True
    remove_citations: bool = True
    filter_no_terminal_punct: bool = False
    min_num_sentences: _FromOff = 5
    min_words_per_line: _FromOff = 3
    max_word_length: _FromOff = 1000
    filter_lorem_ipsum: bool = True
    filter_javascript: bool = True
    filter_curly_bracket: bool = True
    filter_policy: bool = True


@dataclass(frozen=True)
class _FineWeb(_DatatroveFilter):
    filter_name = "FineWebQualityFilter"
    line_punct_thr: Share = 0.12
    line_punct_exclude_zero: bool = False
    short_line_thr: Share = 0.67
    short_line_length: Natural = 30
    char_duplicates_ratio: Share = 0.01
    new_line_ratio: NotNegative = 0.3


def _declared(name: str, kind: type[_DatatroveFilter], summary: str) -> StepSpec:
    packages = ("datatrove", "spacy")
    return StepSpec(name, lambda given: kind(**given), kind, packages, summary=summary, install=INSTALL)


GOPHER_REPETITION = _declared(
    "gopher_repetition", _Repetition, "removes texts that repeat lines, paragraphs or n-grams"
)
GOPHER_QUALITY = _declared(
    "gopher_quality", _Quality, "removes texts that are no prose, by the length, form and kind of their words and lines"
)
C4 = _declared("c4", _C4, "removes lines that are no sentences, and texts that are left with few")
FINEWEB = _declared("fineweb", _FineWeb, "removes texts whose lines are lists, fragments or repeated")


@dataclass(frozen=True)
class _Address(Table):
    """Removes documents by their address. One without an address stays: there is nothing to judge it by."""

    use_integrated_lists: bool = True
    extra_domains: Words = ()
    extra_urls: Words = ()
    banned_words: Words = ()
    banned_subwords: Words = ()
    soft_banned_words: Words = ()
    soft_word_threshold: Count = 2

    @functools.cached_property
    def _filter(self) -> BaseFilter:
        """datatrove's, whose lists take seconds and 700 MB. It tells domains by the list of suffixes that tldextract
        ships, and asks no server."""
        from datatrove.pipeline.filters import URLFilter
        from tldextract import TLDExtract

        shipped = TLDExtract(suffix_list_urls=(), cache_dir=None)

        def parts(url: str) -> SimpleNamespace:
            """The parts that the filter reads; tldextract warns of the first by this name."""
            list_file = shipped(url)
            return SimpleNamespace(registered_domain=list_file.top_domain_under_public_suffix, fqdn=list_file.fqdn)

        made = URLFilter(**_given(self))
        made.tldextractor = parts
        return made

    def __call__(self, document: Document) -> str | None:
        """None for a document that stays, else datatrove's word for the list that its address is on."""
        return _removal(self._filter, document) if document.metadata.get(URL) else None


ADDRESS = StepSpec(
    name="url",
    make=lambda given: _Address(**given),
    options=_Address,
    packages=("datatrove", "tldextract"),
    summary="removes documents whose address is on a list of adult sites, or says what such addresses say",
    install=INSTALL,
)
