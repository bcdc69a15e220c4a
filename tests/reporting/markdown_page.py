"""Markdown as a reader's page has it: parsed by an independent parser, and by one for its HTML."""

from __future__ import annotations

import re

from lxml import html
from markdown_it import MarkdownIt

# Out of place where a forge looks for links: names, numbers of issues, addresses.
LINKED = re.compile(r"@\w|#\d|!\d|~\w|://|www\.|\bGH-\d")


class Page:
    """A rendered page.

    Attributes:
        source: the Markdown.
        root: of the HTML.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(source)
        self.root = html.document_fromstring(f"<body>{rendered}</body>")

    @property
    def tables(self) -> list[list[list[str]]]:
        """The tables, as rows of cells' texts; the first row is the heading."""
        return [
            [[text(cell) for cell in row.iter("th", "td")] for row in table.iter("tr")]
            for table in self.root.iter("table")
        ]

    def texts(self, path: str) -> list[str]:
        """The texts of all elements of an XPath."""
        return [text(element) for element in self.root.xpath(path)]

    @property
    def elements(self) -> set[str]:
        """The names of all elements."""
        return {element.tag for element in self.root.iter() if isinstance(element.tag, str)}

    @property
    def outside_code(self) -> str:
        """The text that a forge looks for links in."""
        return "\n".join(self.root.xpath("//text()[not(ancestor::code) and not(ancestor::a)]"))


def text(element: html.HtmlElement) -> str:
    """The text of an element, with single spaces."""
    for line_break in element.iter("br"):
        line_break.tail = f" {line_break.tail or ''}"
    return " ".join(element.text_content().split())
