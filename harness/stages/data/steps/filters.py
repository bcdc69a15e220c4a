"""Declares datatrove's filters as steps, with the parameters that FineWeb published.

Gopher's rules are those of Rae et al., 2021, "Scaling Language Models" (arXiv:2112.11446, table A1 and section A1.1),
C4's those of Raffel et al., 2020 (JMLR 21:140, section 2.2), FineWeb's own those of Penedo et al., 2024, "The FineWeb
Datasets" (arXiv:2406.17557, section 3.6). Order and values are those of the script that made FineWeb.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from harness.config import setting_checks
from harness.errors import SettingsError
from harness.stages.data.steps.step import EMPTY, INSTALL, URL, StepOption, StepSpec, names_among

if TYPE_CHECKING:
    from datatrove.data import Document
    from datatrove.pipeline.filters.base_filter import BaseFilter

TOO_LARGE = "text_too_large"
"""The reason of a document's removal that is longer than the bound."""

_RATIO = partial(setting_checks.number, low=0, high=1)
_OFF = "0 switches the rule off."


class FilterStep:
    """One of datatrove's filters as a step, made where it is used: lists of addresses alone take seconds and 700 MB.

    Beside the filter's options there is `max_characters`: filters take a hundred times the memory that a text takes.
    """

    def __init__(self, make: Callable[[Mapping[str, Any]], BaseFilter], options: Mapping[str, Any]) -> None:
        own = dict(options)
        self._longest: int | None = own.pop("max_characters", None)
        self._make = partial(make, own)

    @functools.cached_property
    def _filter(self) -> BaseFilter:
        return self._make()

    def __call__(self, document: Document) -> str | None:
        """None for a document that stays, else why it goes. One without text, or that the filter leaves without text,
        goes as such: several filters divide by its length."""
        if not document.text or document.text.isspace():
            return EMPTY
        if self._longest is not None and len(document.text) > self._longest:
            return TOO_LARGE
        return self.removal(document) or (None if document.text else EMPTY)

    def removal(self, document: Document) -> str | None:
        """The filter's own reason to remove a document; None where it stays."""
        found = self._filter.filter(document)
        stays, reason = found if isinstance(found, tuple) else (found, None)
        return None if stays else reason or "removed"


def _language(value: Any, name: str, *, where: str) -> str:
    """A language whose words can be split here."""
    from datatrove.utils.word_tokenizers import load_tokenizer_assignments, load_word_tokenizer

    code = setting_checks.text(value, name, where=where)
    if code not in load_tokenizer_assignments():
        raise SettingsError(
            f"{where}: {name} = {code!r} is no language whose words datatrove splits; write its code in ISO 639-3 or "
            f'639-1, such as "eng" or "de".'
        )
    try:
        load_word_tokenizer(code).word_tokenize("a")
    except ImportError as error:
        raise SettingsError(f"{where}: {name} = {code!r} needs a package that is not installed here. {error}") from None
    return code


def _n_grams(value: Any, name: str, *, where: str) -> list[list[float]]:
    """Pairs of a length and the largest share."""
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise SettingsError(
            f"{where}: {name} = {value!r} is no list of pairs of a length in words and the largest share; write "
            f"[[2, 0.2], [3, 0.18]]."
        )
    return [
        [setting_checks.integer(length, name, where=where), _RATIO(share, name, where=where)] for length, share in value
    ]


_LENGTH = partial(setting_checks.number, low=0)
_COUNT = partial(setting_checks.integer, low=0)
_FROM_OFF = partial(setting_checks.integer, low=-1)
_SWITCH = setting_checks.boolean
_words = partial(names_among, None, may_be_none=True)
LANGUAGE = StepOption("eng", _language, "The language by whose rules words and sentences are split, in ISO 639-3.")
"""The option that says by whose rules texts are split."""
_LONGEST = StepOption(10_000_000, setting_checks.integer, "The longest text that is judged; longer ones are removed.")


def _made_by(name: str, options: Mapping[str, Any]) -> BaseFilter:
    """One of datatrove's filters, by the name of its class."""
    from datatrove.pipeline import filters

    given = {**options, "stop_words": options["stop_words"] or None} if "stop_words" in options else options
    made: BaseFilter = getattr(filters, name)(**given)
    return made


def _declared(name: str, filter_name: str, summary: str, options: Mapping[str, StepOption]) -> StepSpec:
    return StepSpec(
        name=name,
        options={**options, "language": LANGUAGE, "max_characters": _LONGEST},
        make=partial(FilterStep, partial(_made_by, filter_name)),
        packages=("datatrove", "spacy"),
        summary=summary,
        install=INSTALL,
    )


GOPHER_REPETITION = _declared(
    "gopher_repetition",
    "GopherRepetitionFilter",
    "removes texts that repeat lines, paragraphs or n-grams",
    {
        "dup_line_frac": StepOption(0.3, _RATIO, f"The largest share of lines that were there before. {_OFF}"),
        "dup_para_frac": StepOption(0.3, _RATIO, f"The largest share of paragraphs that were there before. {_OFF}"),
        "dup_line_char_frac": StepOption(0.2, _RATIO, f"The largest share of characters in such lines. {_OFF}"),
        "dup_para_char_frac": StepOption(0.2, _RATIO, f"The largest share of characters in such paragraphs. {_OFF}"),
        "top_n_grams": StepOption(
            [[2, 0.2], [3, 0.18], [4, 0.16]],
            _n_grams,
            "For each length in words, the largest share of characters in the n-gram that comes most often.",
        ),
        "dup_n_grams": StepOption(
            [[5, 0.15], [6, 0.14], [7, 0.13], [8, 0.12], [9, 0.11], [10, 0.1]],
            _n_grams,
            "For each length in words, the largest share of characters in n-grams that were there before.",
        ),
    },
)

GOPHER_QUALITY = _declared(
    "gopher_quality",
    "GopherQualityFilter",
    "removes texts that are no prose, by the length, form and kind of their words and lines",
    {
        "min_doc_words": StepOption(50, setting_checks.integer, "The fewest words, at least 1."),
        "max_doc_words": StepOption(100_000, _COUNT, f"The most words. {_OFF}"),
        "min_avg_word_length": StepOption(3, _LENGTH, f"The smallest mean length of a word. {_OFF}"),
        "max_avg_word_length": StepOption(10, _LENGTH, f"The largest mean length of a word. {_OFF}"),
        "max_symbol_word_ratio": StepOption(0.1, _LENGTH, f"The most hashes, or ellipses, for each word. {_OFF}"),
        "max_bullet_lines_ratio": StepOption(0.9, _RATIO, f"The largest share of lines that begin as lists do. {_OFF}"),
        "max_ellipsis_lines_ratio": StepOption(0.3, _RATIO, f"The largest share of lines that end in dots. {_OFF}"),
        "max_non_alpha_words_ratio": StepOption(
            0.8,
            _RATIO,
            f"The smallest share of words that hold a letter, whatever datatrove's name for it says. {_OFF}",
        ),
        "min_stop_words": StepOption(2, _COUNT, f"How many different stop words there must be. {_OFF}"),
        "stop_words": StepOption([], _words, "The stop words; without any, Gopher's eight English ones."),
    },
)

C4 = _declared(
    "c4",
    "C4QualityFilter",
    "removes lines that are no sentences, and texts that are left with few",
    {
        "split_paragraph": StepOption(True, _SWITCH, "Judge each line; false judges each sentence."),
        "remove_citations": StepOption(True, _SWITCH, "Take marks such as [1] out of lines."),
        "filter_no_terminal_punct": StepOption(
            False, _SWITCH, "Remove lines that end without a full stop or the like, as C4 did and FineWeb did not."
        ),
        "min_num_sentences": StepOption(5, _FROM_OFF, "The fewest sentences of a text. -1 switches the rule off."),
        "min_words_per_line": StepOption(3, _FROM_OFF, "The fewest words of a line. -1 switches the rule off."),
        "max_word_length": StepOption(1000, _FROM_OFF, "The longest word of a line. -1 switches the rule off."),
        "filter_lorem_ipsum": StepOption(True, _SWITCH, "Remove texts that say lorem ipsum."),
        "filter_javascript": StepOption(True, _SWITCH, "Remove lines that say JavaScript."),
        "filter_curly_bracket": StepOption(True, _SWITCH, "Remove texts with an opening brace."),
        "filter_policy": StepOption(True, _SWITCH, "Remove lines of cookie notices and terms of use."),
    },
)

FINEWEB = _declared(
    "fineweb",
    "FineWebQualityFilter",
    "removes texts whose lines are lists, fragments or repeated",
    {
        "line_punct_thr": StepOption(0.12, _RATIO, "The smallest share of lines that end as sentences do."),
        "line_punct_exclude_zero": StepOption(False, _SWITCH, "Keep texts in which no line does."),
        "short_line_thr": StepOption(0.67, _RATIO, "The largest share of short lines."),
        "short_line_length": StepOption(30, _COUNT, "How many characters a short line has at most."),
        "char_duplicates_ratio": StepOption(
            0.01, _RATIO, "The largest share of characters in lines that were there before."
        ),
        "new_line_ratio": StepOption(0.3, _LENGTH, "The most line ends for each word."),
    },
)


def _url_filter(options: Mapping[str, Any]) -> BaseFilter:
    """datatrove's filter, which tells domains by the list of suffixes that tldextract ships and asks no server."""
    from datatrove.pipeline.filters import URLFilter
    from tldextract import TLDExtract

    shipped = TLDExtract(suffix_list_urls=(), cache_dir=None)

    def parts(url: str) -> SimpleNamespace:
        """The parts that the filter reads; tldextract warns of the first by this name."""
        found = shipped(url)
        return SimpleNamespace(registered_domain=found.top_domain_under_public_suffix, fqdn=found.fqdn)

    made = URLFilter(**options)
    made.tldextractor = parts
    return made


class AddressStep(FilterStep):
    """Removes documents by their address. One without an address stays: there is nothing to judge it by."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(_url_filter, options)

    def __call__(self, document: Document) -> str | None:
        """None for a document that stays, else datatrove's word for the list that its address is on."""
        return self.removal(document) if document.metadata.get(URL) else None


ADDRESS = StepSpec(
    name="url",
    options={
        "use_integrated_lists": StepOption(True, setting_checks.boolean, "Use the lists that datatrove ships."),
        "extra_domains": StepOption([], _words, "Further domains and subdomains to remove."),
        "extra_urls": StepOption([], _words, "Further addresses to remove, to the letter."),
        "banned_words": StepOption([], _words, "Further words of which none may be in an address."),
        "banned_subwords": StepOption([], _words, "Further words that may not even be a part of one in an address."),
        "soft_banned_words": StepOption([], _words, "Further words of which an address may have some."),
        "soft_word_threshold": StepOption(
            2, partial(setting_checks.integer, low=1), "How many of those are too many in one address."
        ),
    },
    make=AddressStep,
    packages=("datatrove", "tldextract"),
    summary="removes documents whose address is on a list of adult sites, or says what such addresses say",
    install=INSTALL,
)
