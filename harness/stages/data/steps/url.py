"""Declares the step `url`: datatrove's filter of addresses, without its network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.config import setting_checks
from harness.stages.data.steps.filters import FilterStep
from harness.stages.data.steps.step import INSTALL, URL, StepOption, StepSpec

if TYPE_CHECKING:
    from datatrove.data import Document
    from datatrove.pipeline.filters.base_filter import BaseFilter


class AddressParts(NamedTuple):
    """What datatrove's filter asks of an address, by its names, the first of which tldextract warns of."""

    registered_domain: str
    fqdn: str


def _url_filter(options: Mapping[str, Any]) -> BaseFilter:
    """datatrove's filter, which tells domains by the list of suffixes that tldextract ships and asks no server."""
    from datatrove.pipeline.filters import URLFilter
    from tldextract import TLDExtract

    shipped = TLDExtract(suffix_list_urls=(), cache_dir=None)

    def parts(url: str) -> AddressParts:
        found = shipped(url)
        return AddressParts(found.top_domain_under_public_suffix, found.fqdn)

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


def _listed(value: Any, name: str, *, where: str) -> list[str]:
    return list(setting_checks.names(value, name, where=where)) if value != [] else []


ADDRESS = StepSpec(
    name="url",
    options={
        "use_integrated_lists": StepOption(True, setting_checks.boolean, "Use the lists that datatrove ships."),
        "extra_domains": StepOption([], _listed, "Further domains and subdomains to remove."),
        "extra_urls": StepOption([], _listed, "Further addresses to remove, to the letter."),
        "banned_words": StepOption([], _listed, "Further words of which none may be in an address."),
        "banned_subwords": StepOption([], _listed, "Further words that may not even be a part of one in an address."),
        "soft_banned_words": StepOption([], _listed, "Further words of which an address may have some."),
        "soft_word_threshold": StepOption(
            2, partial(setting_checks.integer, low=1), "How many of those are too many in one address."
        ),
    },
    make=AddressStep,
    packages=("datatrove", "tldextract"),
    summary="removes documents whose address is on a list of adult sites, or says what such addresses say",
    install=INSTALL,
)
