"""Pages of HTML: well-formed ones, broken ones, ones that are mostly menus, and ones that say nothing."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from random import Random

from tests.corpora.grammar import paragraph, sentences
from tests.corpora.planting import Planted
from tests.corpora.repeats import varied
from tests.corpora.vocabulary import WORDS

SCRIPT = "window.dataLayer = window.dataLayer || []; function track(name) { dataLayer.push({event: name}); }"
STYLE = ".menu > li { float: left; padding: 0 1em } @media print { .menu { display: none } }"
COOKIES = "We value your visit. Accept all cookies or choose your settings."
FOOTER = "All opening hours | Imprint | Accessibility statement | Back to top"
COMMENT = "Nice page, greetings from another reader, visit mine as well!"


def _menu(random: Random, count: int) -> str:
    links = (f'<li><a href="/{number}">{_label(random)}</a></li>' for number in range(count))
    return f'<nav><ul class="menu">{"".join(links)}</ul></nav>'


def _label(random: Random) -> str:
    return f"{random.choice(WORDS['adjective'])} {random.choice(WORDS['thing'])}".title()


def well_formed(title: str, said: list[str], random: Random) -> str:
    """A page as the specification has it."""
    body = "".join(f"<p>{html.escape(each, quote=False)}</p>\n" for each in said)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<script>{SCRIPT}</script></head><body><header>{_menu(random, 7)}</header>\n<main><article><h1>{title}</h1>\n"
        f"{body}</article></main>\n<footer><p>{FOOTER}</p></footer></body></html>"
    )


def broken(title: str, said: list[str], random: Random) -> str:
    """A page whose tags are not closed, not opened, or in capitals, as old pages have them."""
    forms = ("<P>{}\n", "<p>{}<br>\n", "<p><b><i>{}</b></i>\n", "<p>{}</div>\n", "<p align=left class=x>{}</P>\n")
    body = "".join(random.choice(forms).format(html.escape(each, quote=False)) for each in said)
    return (
        f"<HTML><title>{title}</TITLE><body bgcolor=#ffffff>{_menu(random, 6).replace('</li>', '')}"
        f"<div id=content><h1>{title}</h2>\n{body}"
        f"<script>{SCRIPT}</script><div class=footer>{FOOTER}"
    )


def crowded(title: str, said: list[str], random: Random) -> str:
    """A page that is mostly menus, a notice, a sidebar, comments and links to others."""
    body = "".join(f"<p>{html.escape(each, quote=False)}</p>\n" for each in said)
    notice = f'<div class="cookie-banner" role="dialog"><p>{COOKIES}</p><button>Accept</button></div>'
    comments = "".join(f'<div class="comment"><p>{COMMENT}</p></div>' for _ in range(3))
    return (
        f"<!DOCTYPE html><html><head><title>{title}</title><script>{SCRIPT}</script></head><body>{notice}"
        f'{_menu(random, 40)}<aside class="sidebar">{_menu(random, 25)}</aside>'
        f'<div class="post"><h1>{title}</h1>{body}</div><section id="comments" class="comments">{comments}</section>'
        f"<footer>{_menu(random, 30)}<p>{FOOTER}</p></footer></body></html>"
    )


def silent(random: Random) -> str:
    """A page without anything to read."""
    return f"<!DOCTYPE html><html><head><title></title><script>{SCRIPT}</script></head><body><div></div></body></html>"


FORMS: Mapping[str, Callable[[str, list[str], Random], str]] = {
    "well_formed": well_formed,
    "broken": broken,
    "crowded": crowded,
}


def _paragraphs(random: Random) -> str:
    return "\n".join([paragraph(sentences(random, random.randint(2, 4))) for _ in range(random.randint(4, 7))])


def pages(seed: str, count: int) -> Iterator[Planted]:
    """Pages of each form, so many; and a quarter as many that say nothing."""
    for form, make in FORMS.items():
        for number in range(count):
            name = f"text-{form}-{number:03}"
            random = Random(f"{seed}:{name}")
            said = varied(_paragraphs)(random).split("\n")
            noise = [FOOTER, "dataLayer", *([COOKIES, COMMENT] if form == "crowded" else [])]
            told = {"holds": said, "lacks": noise}
            yield Planted(name, make(_label(random), said, random), is_html=True, file=f"text/{form}", told=told)
    for number in range(count // 4):
        name = f"text-no_text-{number:03}"
        told = {"planted": "no_text", "reason": "no_text"}
        yield Planted(name, silent(Random(name)), is_html=True, file="text/planted", told=told)
