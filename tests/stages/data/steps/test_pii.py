"""Personal data is replaced by one placeholder for each kind, once and for all, and nothing else is."""

from __future__ import annotations

import string

import phonenumbers
import pytest
from datatrove.pipeline.formatters.pii import PIIFormatter
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum import iban, luhn

from harness.stages.data.steps.pii import COUNTS, KINDS, without_personal_data
from tests.stages.data.steps.judging import document, made

pytestmark = pytest.mark.service

EMAIL, IP, IBAN, CARD, PHONE = (KINDS[kind][0] for kind in ("email", "ip", "iban", "card", "phone"))

FOUND = [
    ("Write to jo.doe+lists@mail.acme.co.uk, please.", f"Write to {EMAIL}, please.", "email"),
    ("<o'neil@acme.org>", f"<{EMAIL}>", "email"),
    ("The host is 8.8.4.4.", f"The host is {IP}.", "ip"),
    ("IBAN DE89 3704 0044 0532 0130 00.", f"IBAN {IBAN}.", "iban"),
    ("IBAN: GB82WEST12345698765432", f"IBAN: {IBAN}", "iban"),
    ("to BE68 5390 0754 7034 BIC GEBABEBB", f"to {IBAN} BIC GEBABEBB", "iban"),
    ("card 4111 1111 1111 1111, code 123", f"card {CARD}, code 123", "card"),
    ("card 4111-1111-1111-1111 123", f"card {CARD} 123", "card"),
    ("card 5555555555554444", f"card {CARD}", "card"),
    ("VISA 4111 1111 1111 1111 4111 1111 1111 1112", f"VISA {CARD} 4111 1111 1111 1112", "card"),
    ("4111 1111 1111 1112 4111 1111 1111 1111", f"4111 1111 1111 1112 {CARD}", "card"),
    ("1001 4111111111111111", f"1001 {CARD}", "card"),
    ("in 2024 5555555555554444", f"in 2024 {CARD}", "card"),
    ("1001 4111-1111-1111-1111", f"1001 {CARD}", "card"),
    ("555-0100 4111 1111 1111 1111", f"555-0100 {CARD}", "card"),
    ("4111-1111-1111-1112 4111 1111 1111 1111", f"4111-1111-1111-1112 {CARD}", "card"),
    ("2024 3782 822463 10005", f"2024 {CARD}", "card"),
    ("amex 3782 822463 10005", f"amex {CARD}", "card"),
    ("call (415) 555-2671 now", f"call {PHONE} now", "phone"),
    ("call +49 151 23456789", f"call {PHONE}", "phone"),
    ("call +442071838750", f"call {PHONE}", "phone"),
]
LEFT = [
    "jo.doe at acme.org, @jo, a@b, jo@",
    "10.0.0.1, 192.168.1.20, 127.0.0.1 and 1.2.3",
    "DE88 3704 0044 0532 0130 00, GB82WEST12345698765433, ZZ89370400440532013000",
    "ES50 3902 8727 8603 1745 2638, 1234 4111 1111 1111 1111",
    "4111 1111 1111 1112, 1111 1111 1111 1117, 41111111",
    "on 2024-11-27 at 12:30:45, 1990-2005, pages 100-200 and 3.14159265358979",
    "order 4155552671 of 12345678",
    "an ISBN, 978-3-16-148410-0, and the DOI 10.1000/182",
]


@pytest.mark.parametrize(("text", "replaced", "kind"), FOUND)
def test_what_names_somebody_is_replaced_and_counted(text: str, replaced: str, kind: str) -> None:
    assert without_personal_data(text) == (replaced, {kind: 1})
    assert without_personal_data(text, [kind]) == (replaced, {kind: 1})
    assert without_personal_data(text, [other for other in ("email", "ip", "iban", "card") if other != kind])[0] == text


@pytest.mark.parametrize("text", LEFT)
def test_what_does_not_is_left(text: str) -> None:
    assert without_personal_data(text) == (text, {})


def test_each_place_is_counted_and_placeholders_are_none() -> None:
    text = f"a@acme.org, b@acme.org, {EMAIL}; {PHONE}; 8.8.8.8"
    assert without_personal_data(text) == (f"{EMAIL}, {EMAIL}, {EMAIL}; {PHONE}; {IP}", {"email": 2, "ip": 1})


def test_the_document_holds_the_counts_and_a_second_time_changes_nothing() -> None:
    one = document("a@acme.org, (415) 555-2671", source="web")
    step = made("pii")
    assert step(one) is None
    assert one.text == f"{EMAIL}, {PHONE}"
    assert one.metadata == {"source": "web", COUNTS: {"email": 1, "phone": 1}}
    assert step(one) is None
    assert one.text == f"{EMAIL}, {PHONE}"
    assert one.metadata[COUNTS] == {"email": 1, "phone": 1}


def test_kinds_and_regions_are_switched() -> None:
    text = "a@acme.org, 8.8.8.8, 0151 23456789, (415) 555-2671"
    german, emails = document(text), document(text)
    made("pii", kinds=["phone"], phone_regions=["DE"])(german)
    assert german.text == f"a@acme.org, 8.8.8.8, {PHONE}, (415) 555-2671"
    made("pii", kinds=["email"])(emails)
    assert emails.text == f"{EMAIL}, 8.8.8.8, 0151 23456789, (415) 555-2671"
    international = document("0151 23456789, (415) 555-2671, +49 151 23456789")
    made("pii", phone_regions=[])(international)
    assert international.text == f"0151 23456789, (415) 555-2671, {PHONE}"


@pytest.mark.parametrize("region", ["US", "GB", "DE", "FR", "IN", "CN", "BR"])
def test_no_placeholder_is_taken_for_another_kind_anywhere(region: str) -> None:
    for placeholder, _ in KINDS.values():
        assert without_personal_data(placeholder, regions=[region]) == (placeholder, {})
    assert not iban.is_valid(IBAN, check_country=False)
    assert phonenumbers.parse(PHONE, "US").national_number == 2025550100, "kept for fiction"


PIECES = st.one_of(
    st.text(alphabet=string.ascii_letters + string.digits + " .,-+()@[]:_\n/#'", max_size=12),
    st.text(max_size=4),
    st.sampled_from([text for text, _, _ in FOUND] + LEFT + [placeholder for placeholder, _ in KINDS.values()]),
    st.sampled_from(["x@[1.2.3.4]", "1.2.3.4", "4111 1111 1111 1111", "a@b.cc", "+1 202-555-0143", "DE", "0"]),
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@given(TEXTS)
@settings(max_examples=300)
def test_to_replace_twice_changes_nothing(text: str) -> None:
    once, _ = without_personal_data(text)
    assert without_personal_data(once) == (once, {})


@given(TEXTS)
def test_emails_and_addresses_of_machines_are_those_that_datatrove_finds(text: str) -> None:
    """Found around each @, not from the start: else a long text takes time with the square of its length."""
    theirs = PIIFormatter(remove_ips=False, email_replacement="*")
    found = list(KINDS["email"][1](text, ()))
    assert found == [match.span() for match in theirs.emails_replacer.regex.finditer(text)]
    assert (theirs.format(text) == text) or found


NUMBERS = st.from_regex(r"[2-6][0-9]{12,18}", fullmatch=True)


@given(NUMBERS)
def test_a_card_goes_just_where_its_check_digit_is_right(number: str) -> None:
    assert (without_personal_data(f"no. {number}.", ["card"]) != (f"no. {number}.", {})) == luhn.is_valid(number)
    right = number[:-1] + luhn.calc_check_digit(number[:-1])
    assert without_personal_data(f"no. {right}.", ["card"]) == (f"no. {CARD}.", {"card": 1})
    wrong = number[:-1] + str((int(right[-1]) + 1) % 10)
    assert without_personal_data(f"no. {wrong}.", ["card"]) == (f"no. {wrong}.", {})


@given(st.from_regex(r"[0-9]{18}", fullmatch=True), st.integers(1, 96))
def test_an_account_goes_just_where_its_check_digits_are_right(account: str, off: int) -> None:
    check = iban.calc_check_digits(f"DE00{account}")
    number = f"DE{check}{account}"
    for written in (number, iban.format(number)):
        assert without_personal_data(f"to {written}!", ["iban"]) == (f"to {IBAN}!", {"iban": 1})
    wrong = f"DE{(int(check) + off) % 97:02}{account}"
    if not iban.is_valid(wrong):
        assert without_personal_data(f"to {wrong}!", ["iban"]) == (f"to {wrong}!", {})


@given(st.from_regex(r"[2-9][0-9]{9}", fullmatch=True))
def test_a_phone_goes_just_where_it_is_one(digits: str) -> None:
    number = phonenumbers.parse(digits, "US")
    written = f"({digits[:3]}) {digits[3:6]}-{digits[6:]}"
    replaced, counts = without_personal_data(f"call {written}.", ["phone"])
    if phonenumbers.is_valid_number(number):
        assert (replaced, counts) == (f"call {PHONE}.", {"phone": 1})
    else:
        assert (replaced, counts) == (f"call {written}.", {})
