"""Texts that name addresses, phones, cards and accounts, and texts that name what only looks so.

Nobody is meant. Phones are of the numbers that regulators keep for fiction, addresses of the internet are those of
public resolvers, domains are those that are reserved for examples, and cards and accounts are digits drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random

from tests.corpora.grammar import paragraph, sentences
from tests.corpora.planting import Planted
from tests.corpora.repeats import varied
from tests.corpora.vocabulary import WORDS, listed

Item = Callable[[Random], str]

RESOLVERS = listed(
    """
    8.8.8.8 8.8.4.4 1.1.1.1 1.0.0.1 9.9.9.9 149.112.112.112 208.67.222.222 208.67.220.220 64.6.64.6 64.6.65.6
    77.88.8.8 77.88.8.1 94.140.14.14 94.140.15.15 76.76.2.0 185.228.168.9 84.200.69.80 84.200.70.40 156.154.70.1
    4.2.2.1
    """
)
CARRIERS = (
    "For any questions you can write to {} before the end of the month.",
    "The entry in the register reads {} and nothing else.",
    "She had noted {} on the back of the envelope.",
    "According to the report, {} was found in the old file.",
    "Please use {} when you reply to this letter.",
)
DOMAINS = ("example.com", "example.org", "mail.example.net", "post.example.com", "city-hall.example", "example.co.uk")
LENGTHS = {"DE": 18, "NL": 14, "GB": 18, "FR": 23, "ES": 20, "AT": 16, "CH": 17, "PL": 24, "SE": 20, "BE": 12}
"""The characters after the check digits, by country (ISO 13616)."""
LETTERED = {"NL": "ABNA", "GB": "WEST"}


def _digits(random: Random, count: int) -> str:
    return "".join(str(random.randrange(10)) for _ in range(count))


def _international(random: Random) -> str:
    """A phone, but for the one that the step has for its placeholder."""
    while (digits := _digits(random, 2)) == "00":
        pass
    return f"+1 202-555-01{digits}"


def _person(random: Random) -> str:
    return f"{random.choice(WORDS['name'])}.{random.choice(WORDS['name'])}".lower()


def _email(form: str) -> Item:
    return lambda random: form.format(name=_person(random), domain=random.choice(DOMAINS), n=random.randrange(2, 99))


def luhn(digits: str) -> str:
    """The check digit of a card (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-sum(each - 9 if each > 9 else each for each in doubled) % 10)


def card(random: Random, *, is_valid: bool = True, start: str = "4", length: int = 16) -> str:
    """The number of a card, with the right check digit or another."""
    digits = start + _digits(random, length - 1 - len(start))
    right = luhn(digits)
    return digits + (right if is_valid else random.choice([each for each in "0123456789" if each != right]))


def _grouped(digits: str, sign: str = " ") -> str:
    if len(digits) == 15:
        return sign.join((digits[:4], digits[4:10], digits[10:]))
    return sign.join(digits[place : place + 4] for place in range(0, len(digits), 4))


def iban(random: Random, *, is_valid: bool = True) -> str:
    """An account with the right check digits or others (ISO 13616-1, annex A)."""
    country = random.choice(sorted(LENGTHS))
    bank = LETTERED.get(country, "")
    account = bank + _digits(random, LENGTHS[country] - len(bank))
    right = 98 - int("".join(str(int(sign, 36)) for sign in f"{account}{country}00")) % 97
    others = [check for check in range(2, 99) if check != right and check % 97 != right % 97]
    return f"{country}{right if is_valid else random.choice(others):02}{account}"


PERSONAL: Mapping[str, Mapping[str, Item]] = {
    "email": {
        "plain": _email("{name}@{domain}"),
        "tagged": _email("{name}+news{n}@{domain}"),
        "capitals": lambda random: _email("{name}@{domain}")(random).upper(),
        "brackets": _email("<{name}@{domain}>"),
        "mailto": _email("mailto:{name}@{domain}"),
        "sentence_end": _email("{name}@{domain}."),
        "numbers": _email("{n}.{name}_{n}@{domain}"),
        "spelled_out": _email("{name} (at) {domain}"),
        "spaced": _email("{name} @ {domain}"),
    },
    "ip": {
        "plain": lambda random: random.choice(RESOLVERS),
        "port": lambda random: f"{random.choice(RESOLVERS)}:8080",
        "brackets": lambda random: f"[{random.choice(RESOLVERS)}]",
        "address": lambda random: f"http://{random.choice(RESOLVERS)}/status",
        "version_6": lambda random: f"2620:fe::{random.randrange(16, 9999):x}",
    },
    "phone": {
        "international": _international,
        "brackets": lambda random: f"(202) 555-01{_digits(random, 2)}",
        "dashes": lambda random: f"202-555-01{_digits(random, 2)}",
        "dots": lambda random: f"202.555.01{_digits(random, 2)}",
        "british": lambda random: f"+44 20 7946 0{_digits(random, 3)}",
        "french": lambda random: f"+33 1 99 00 {_digits(random, 2)} {_digits(random, 2)}",
        "german": lambda random: f"+49 30 23125 {_digits(random, 3)}",
        "british_at_home": lambda random: f"020 7946 0{_digits(random, 3)}",
    },
    "card": {
        "plain": card,
        "groups": lambda random: _grouped(card(random)),
        "dashes": lambda random: _grouped(card(random, start="5"), "-"),
        "of_15": lambda random: _grouped(card(random, start="37", length=15)),
        "dots": lambda random: _grouped(card(random), "."),
    },
    "iban": {
        "plain": iban,
        "groups": lambda random: _grouped(iban(random)),
        "sentence_end": lambda random: f"{iban(random)}.",
        "small_letters": lambda random: iban(random).lower(),
    },
}
"""Items to be found, by kind and form."""

ALIKE: Mapping[str, Mapping[str, Item]] = {
    "email": {
        "handle": lambda random: f"@{_person(random)}",
        "price": lambda random: f"{random.randrange(2, 90)} @ {random.randrange(2, 90)} pence",
        "code": lambda random: f"{random.choice(WORDS['thing'])}@{random.randrange(2, 90)}",
    },
    "ip": {
        "private": lambda random: f"192.168.{random.randrange(255)}.{random.randrange(255)}",
        "private_10": lambda random: f"10.{random.randrange(255)}.{random.randrange(255)}.{random.randrange(255)}",
        "loopback": lambda random: "127.0.0.1",
        "too_large": lambda random: f"{random.randrange(300, 999)}.{random.randrange(300, 999)}.7.8",
        "version": lambda random: f"version {random.randrange(2, 9)}.{random.randrange(20)}.{random.randrange(20)}",
        "section": lambda random: (
            f"section {random.randrange(2, 9)}.{random.randrange(2, 9)}.{random.randrange(2, 9)}.2"
        ),
    },
    "phone": {
        "years": lambda random: f"{random.randrange(1800, 1899)}-{random.randrange(1901, 1999)}",
        "date": lambda random: f"{random.randrange(1950, 2020)}-0{random.randrange(1, 9)}-1{random.randrange(9)}",
        "order": lambda random: f"order {_digits(random, 10)}",
        "isbn": lambda random: f"ISBN 978-3-{_digits(random, 4)}-{_digits(random, 4)}-{_digits(random, 1)}",
        "sum": lambda random: f"{random.randrange(1, 9)},{_digits(random, 3)},{_digits(random, 3)}.50 pounds",
    },
    "card": {
        "wrong_check": lambda random: _grouped(card(random, is_valid=False)),
        "wrong_check_plain": lambda random: card(random, is_valid=False),
        "too_short": lambda random: f"number {_digits(random, 11)}",
        "decimals": lambda random: f"3.{_digits(random, 15)}",
    },
    "iban": {
        "wrong_check": lambda random: iban(random, is_valid=False),
        "wrong_check_groups": lambda random: _grouped(iban(random, is_valid=False)),
        "part_number": lambda random: f"part {random.choice(('AX', 'QT', 'ZZ'))}{_digits(random, 6)}",
    },
}
"""Items that must stay, by the kind that they look like, and form."""


def personal(seed: str, counts: tuple[int, int]) -> Iterator[Planted]:
    """Documents for each form of each kind: so many with items to be found, and so many with items that must stay."""
    for file, tables, count in (("found", PERSONAL, counts[0]), ("alike", ALIKE, counts[1])):
        for kind, forms in tables.items():
            for form, item in forms.items():
                for number in range(count):
                    yield _document(f"pii-{file}_{kind}_{form}-{number:03}", kind, form, file, item, seed)


def _naming(items: list[str], random: Random) -> str:
    made = [paragraph(sentences(random, 3)) for _ in range(4)]
    for place, carrier, said in zip((1, 3), random.sample(CARRIERS, 2), items, strict=True):
        made.insert(place, carrier.format(said))
    return "\n".join(made)


def _document(name: str, kind: str, form: str, file: str, item: Item, seed: str) -> Planted:
    random = Random(f"{seed}:{name}")
    items = [item(random) for _ in range(2)]
    text = varied(partial(_naming, items))(random)
    return Planted(name, text, file=f"pii/{file}_{kind}", told={"form": form, "items": items})
