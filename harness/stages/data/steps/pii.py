"""Declares the step `pii`: puts placeholders where a text names an address, a phone, a card or an account.

Email addresses and public IPv4 addresses are found by datatrove's patterns, which are FineWeb's; phones by
phonenumbers, Google's library; cards by Luhn's check digit and accounts by those of the IBAN, with python-stdnum.
datatrove takes its placeholders in turn, so that a text depends on those before it; here each kind has one.
"""

from __future__ import annotations

import functools
import re
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from harness.config.typed import Names, Table
from harness.stages.data.steps.step import INSTALL, StepSpec, Words, among

if TYPE_CHECKING:
    from datatrove.data import Document
    from datatrove.pipeline.formatters.pii import PIIFormatter

COUNTS = "pii"
"""The key of a document's metadata under which it stands how many of each kind were replaced."""

Spans = Iterator[tuple[int, int]]

_LONGEST_ADDRESS = 320
"""Characters to each side of an @ that may be part of an address: RFC 5321 allows 64 + 1 + 255. Over a long text
without spaces, datatrove's pattern alone takes time with the square of its length."""
_LOCAL_PART = f"{string.ascii_letters}{string.digits}!#$%&'*+/=?^_`{{|}}~-."
_DOMAIN = f"{string.ascii_letters}{string.digits}-.[]:"
"""Characters that may stand after the @ in datatrove's pattern, and in `_LOCAL_PART` those before it."""
_PHONE_LINE = re.compile(r"(?:\d[^\d\n]{0,4}){6}\d")
"""Seven digits as near each other as those of a phone are: lines without them need no closer look."""

_CARD = re.compile(
    r"(?<![\w-])(?<!\d[.,])(?<![A-Z]{2}\d{2} )"
    r"(?:(?!\d{4} \d{4} )|(?<!(?<!\d{4} \d{4} \d{4} )(?<![\w.-])\d{4} ))[2-6]"
    r"(?:\d{12,18}|\d{3}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{3}([ -])\d{6}\2\d{4,5})"
    r"(?![\w-])"
)
"""13 to 19 digits, in one or in the groups that are printed on cards. The first is that of a payment network
(ISO/IEC 7812-1). Groups of four begin after no other group of four, as within an account, unless that ends a card."""

_NOWHERE = "ZZ"
"""The unknown region of phonenumbers, in which only numbers with + and the country's number are valid."""

_IBAN = re.compile(r"(?<![\w-])[A-Z]{2}\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)(?!\w)")
"""An account as it is transmitted, or in groups of four as it is printed (ISO 13616-1)."""


@functools.cache
def _patterns() -> PIIFormatter:
    """datatrove's own: of email addresses, and of public IP addresses."""
    from datatrove.pipeline.formatters.pii import PIIFormatter

    return PIIFormatter()


def _emails(text: str, _: Sequence[str]) -> Spans:
    pattern = _patterns().emails_replacer.regex
    end, at = 0, text.find("@")
    while at >= 0:
        before = text[max(end, at - _LONGEST_ADDRESS) : at]
        start = at - len(before) + len(before.rstrip(_LOCAL_PART))
        after = text[at + 1 : at + _LONGEST_ADDRESS]
        stop = at + 1 + len(after) - len(after.lstrip(_DOMAIN))
        match = pattern.search(text, start, stop) if start < at else None
        if match:
            yield match.span()
            end = match.end()
        at = text.find("@", max(end, at + 1))


def _ips(text: str, _: Sequence[str]) -> Spans:
    pattern = _patterns().ip_replacer
    for match in pattern.regex.finditer(text):
        if pattern.validator is None or pattern.validator(match[0]):
            yield match.span()


def _valid(pattern: re.Pattern[str], is_valid: Callable[[str], bool], text: str, _: Sequence[str]) -> Spans:
    """Yield the span of the longest valid number in each find: a word or number after one may look like part of it."""
    for match in pattern.finditer(text):
        gaps = [match.start() + gap.start() for gap in re.finditer("[ -]", match[0])]
        for end in [match.end(), *reversed(gaps)]:
            if is_valid(text[match.start() : end]):
                yield match.start(), end
                break


def _is_iban(number: str) -> bool:
    from stdnum import iban

    return bool(iban.is_valid(number, check_country=False))


def _is_card(number: str) -> bool:
    from stdnum import luhn

    digits = re.sub("[ -]", "", number)
    return len(digits) >= 13 and luhn.is_valid(digits)


def _phones(text: str, regions: Sequence[str]) -> Spans:
    """Yield the spans of valid numbers, first the first region's. Digits alone are none: order numbers look so, too."""
    from phonenumbers import PhoneNumberMatcher

    for line in re.finditer(r"[^\n]+", text):
        if not _PHONE_LINE.search(line[0]):
            continue
        spans = {
            (match.start, match.end)
            for region in regions or [_NOWHERE]
            for match in PhoneNumberMatcher(line[0], region)
            if not match.raw_string.isdigit()
        }
        end = 0
        for start, stop in sorted(spans):
            if start >= end:
                yield line.start() + start, line.start() + stop
                end = stop


KINDS: Mapping[str, tuple[str, Callable[[str, Sequence[str]], Spans]]] = {
    "email": ("email@example.com", _emails),
    "ip": ("22.214.171.124", _ips),
    "iban": ("DE00 0000 0000 0000 0000 00", partial(_valid, _IBAN, _is_iban)),
    "card": ("0000 0000 0000 0000", partial(_valid, _CARD, _is_card)),
    "phone": ("+1 202-555-0100", _phones),
}
"""The kinds of what names a person, with what stands for each, and `find(text, regions)`, which gives its places; what
is longer is looked for first, for it may hold what looks like another. The first two placeholders are datatrove's. No
IBAN has the check digits 00, no card begins with 0, and the phone is of the numbers that are kept for fiction."""

_ROUNDS = 8


def without_personal_data(
    text: str, kinds: Sequence[str] = tuple(KINDS), regions: Sequence[str] = ("US",)
) -> tuple[str, dict[str, int]]:
    """A text with placeholders in the place of personal data, and how many of each kind were replaced.

    It is gone through until nothing changes any more, because what stood around a place may go with its placeholder:
    to replace twice changes nothing.
    """
    counts: Counter[str] = Counter()
    for _ in range(_ROUNDS):
        before = text
        for kind in kinds:
            placeholder, find = KINDS[kind]
            pieces: list[str] = []
            end = 0
            for start, stop in find(text, regions):
                pieces += (text[end:start], placeholder)
                counts[kind] += text[start:stop] != placeholder
                end = stop
            text = "".join([*pieces, text[end:]])
        if text == before:
            break
    return text, dict(+counts)


def _regions() -> list[str]:
    from phonenumbers import SUPPORTED_REGIONS

    return sorted(SUPPORTED_REGIONS)


@dataclass(frozen=True)
class _Replacing(Table):
    kinds: Annotated[Names, among(lambda: KINDS)] = tuple(KINDS)
    phone_regions: Annotated[Words, among(_regions)] = ("US",)

    def __call__(self, document: Document) -> None:
        """Replace personal data of some kinds in a text, and note in the document how many of each; it stays."""
        in_order = [kind for kind in KINDS if kind in self.kinds]
        document.text, counts = without_personal_data(document.text, in_order, self.phone_regions)
        if counts:
            known = document.metadata.get(COUNTS)
            sums = Counter(known if isinstance(known, dict) else {}) + Counter(counts)
            document.metadata[COUNTS] = {kind: sums[kind] for kind in KINDS if kind in sums}


PII = StepSpec(
    name="pii",
    make=lambda given: _Replacing(**given),
    options=_Replacing,
    packages=("datatrove", "phonenumbers", "python-stdnum"),
    summary="puts placeholders in the place of addresses, phones, cards and accounts",
    install=INSTALL,
)
