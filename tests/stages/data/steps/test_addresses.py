"""Addresses are judged by datatrove's lists, without the network."""

from __future__ import annotations

import socket

import pytest

from tests.stages.data.steps.judging import document, judged, made

pytestmark = pytest.mark.service

OWN = {"use_integrated_lists": False}


def by(url: str | None, **options: object) -> str | None:
    return judged("url", "text", metadata={} if url is None else {"url": url}, **options)


def test_a_document_without_an_address_stays() -> None:
    assert by(None) is None
    assert by("") is None


@pytest.mark.nightly
def test_an_empty_text_is_not_this_step_s_to_judge() -> None:
    assert judged("url", "", metadata={"url": "https://example.org/"}) is None


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("beyond", "within", "reason", "options"),
    [
        ("https://bad.a.example/b", "https://good.a.example/b", "subdomain", {"extra_domains": ["bad.a.example"]}),
        ("https://www.bad.co.uk/a", "https://bad.co.uk.example.org/", "domain", {"extra_domains": ["bad.co.uk"]}),
        ("https://a.example/b", "https://a.example/c", "url", {"extra_urls": ["https://a.example/b"]}),
        ("https://a.example/my-foo.html", "https://a.example/myfoo", "hard_blacklisted", {"banned_words": ["foo"]}),
        ("https://a.example/myfoox", "https://a.example/fo1o2", "blacklisted_subword", {"banned_subwords": ["foo"]}),
        (
            "https://a.example/foo/bar",
            "https://a.example/foo",
            "soft_blacklisted",
            {"soft_banned_words": ["foo", "bar"]},
        ),
    ],
)
def test_each_list_on_both_sides(beyond: str, within: str, reason: str, options: dict[str, list[str]]) -> None:
    assert by(beyond, **OWN, **options) == reason
    assert by(within, **OWN, **options) is None


def test_the_threshold_of_soft_words() -> None:
    options = {"soft_banned_words": ["foo", "bar", "baz"], "soft_word_threshold": 3}
    assert by("https://a.example/foo/bar", **OWN, **options) is None
    assert by("https://a.example/foo/bar/baz", **OWN, **options) == "soft_blacklisted"


def test_the_lists_that_datatrove_ships_are_used_and_no_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    step = made("url")
    assert step(document("text", url="https://www.pornhub.com/")) == "domain"
    assert step(document("text", url="https://blog.example.org/hot-xxx-porn")) == "hard_blacklisted"
    assert step(document("text", url="https://docs.python.org/3/library/re.html")) is None


@pytest.mark.parametrize("url", ["no address", "https://[::1", "http://例え.jp/あ", "//", "https://" + "a." * 5000])
def test_an_odd_address_does_not_make_it_fail(url: str) -> None:
    assert by(url, **OWN, banned_words=["foo"]) is None
