"""Texts as HTML: Markdown, of which nothing leads or loads anything from elsewhere."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.review.web.markdown import SHOWN, mathml, readable


class _Reader(HTMLParser):
    """What a browser would make of HTML: its tags, their attributes, and its text."""

    def __init__(self, html: str, *, numbers: bool = False) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.text = ""
        self.lists: list[int | None] = []
        self.numbers = numbers
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)
        if tag in ("ol", "ul"):
            self.lists.append(int(dict(attrs).get("start") or "1") if tag == "ol" else None)
        elif tag == "li" and self.numbers and (number := self.lists[-1]) is not None:
            self.text += f"{number}. "
            self.lists[-1] = number + 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("ol", "ul"):
            self.lists.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


MARKS = st.sampled_from(
    [
        *(
            "`",
            "```",
            "~~~",
            "**",
            "_",
            "#",
            "# ",
            "- ",
            "1. ",
            "> ",
            "|",
            "|-|",
            "<",
            ">",
            "&",
            '"',
            "'",
            "\n",
            "\r\n",
        ),
        *("<script>", "</p>", "&lt;", "![a](b)", "[a](javascript:b)", "<http://a.b>", "[a]: b", "\\(", "    "),
    ]
)
TAGS = {"p", "pre", "code", "strong", "em", "br", "hr", "blockquote", "ul", "ol", "li"}
TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}


@given(st.lists(st.one_of(MARKS, st.text(max_size=8)), max_size=30).map("".join))
def test_nothing_of_a_text_becomes_a_tag_that_leads_loads_or_runs(text: str) -> None:
    read = _Reader(str(readable(text)))
    assert read.tags <= TAGS
    assert {name for name, _ in read.attributes} <= {"dir", "class", "start"}


@given(st.lists(st.one_of(MARKS, st.text(max_size=8)), max_size=30).map("".join))
def test_no_letter_or_digit_of_a_text_is_hidden_or_changed(text: str) -> None:
    seen = _Reader(str(readable(text)), numbers=True).text
    assert [char for char in seen if char.isalnum()] == [char for char in text if char.isalnum()]


@pytest.mark.parametrize("text", ["```python\nx = 1\n```", "``` the capital is Lima", "~~~ a &amp; <b>"])
def test_what_stands_beside_a_fence_is_shown(text: str) -> None:
    html = str(readable(text))
    assert "<pre" in html
    info = text.split("\n")[0].strip("`~ ")
    assert _Reader(html).text.startswith(info)


@pytest.mark.parametrize(
    "text",
    [
        "|a|b|\n|-|-|\n|1|2|Lima|",
        "".join("  " * depth + "- item\n" for depth in range(14)) + "  " * 14 + "- Lima",
        ">" * 25 + " Lima",
        "5. a\n5. b\n7. c",
        "01. a",
        "# C #",
        "a\n\n> ## F ##\r\n",
        "#",
    ],
)
def test_a_text_of_which_markdown_would_hide_something_is_shown_as_it_is(text: str) -> None:
    read = _Reader(str(readable(text)))
    assert read.text == text
    assert ("class", "joined") in read.attributes


@pytest.mark.parametrize("text", ["2*3*4", "2**3**4", "(2)*3*(4)", "f(x)*g*h[0]"])
def test_stars_that_multiply_stay(text: str) -> None:
    assert readable(text) == f'<p dir="auto">{text}</p>'


@pytest.mark.parametrize("text", ["5. a\n6. b\n   1. c\n   2. d\n\n7. e", "# C#", "| a | b |\n|---|---|\n| 1 | 2 |"])
def test_markdown_that_hides_nothing_is_set(text: str) -> None:
    assert _Reader(str(readable(text))).tags & {"ol", "table"} or 'class="heading"' in str(readable(text))


@pytest.mark.parametrize(
    "text",
    [
        "<b>bold</b>",
        "<!-- hidden -->",
        "[a](http://b.c)",
        "![a](http://b.c)",
        "<http://a.b>",
        "[a]: http://b.c",
        "&lt;p&gt;",
        r"\( x \*",
        r"$\phantom{not} 1$",
        r"$\href{javascript:alert(1)}{x}$",
        "$x % not\ny$",
        "Title\n=====",
        "<script>\n\nx</script>",
    ],
)
def test_what_could_hide_something_stays_as_it_was_written(text: str) -> None:
    assert "".join(_Reader(str(readable(text))).text.split()) == "".join(text.split())


def test_headings_are_no_part_of_the_pages_outline() -> None:
    assert readable("## Note\nIs **very** `a<b`") == (
        '<p class="heading" dir="auto">Note</p>\n<p dir="auto">Is <strong>very</strong> <code>a&lt;b</code></p>'
    )


@pytest.mark.parametrize("text", ["x" * 100_000, "word " * 20_000, "```\n" + "line of code\n" * 9_000 + "```"])
def test_a_long_text_is_cut_into_pieces_that_a_browser_lays_out_one_by_one(text: str) -> None:
    html = str(readable(text))
    assert max(map(len, html.split("</p>"))) < 4_100
    assert _Reader(html).text == text
    assert _Reader(html).attributes == {("dir", "auto"), ("class", "joined")}


def test_of_a_long_text_the_beginning_is_shown() -> None:
    assert _Reader(str(readable("x" * 5_000_000))).text == "x" * SHOWN


def test_half_a_surrogate_can_be_sent() -> None:
    assert readable("a\ud800b").encode() == b'<p dir="auto">a?b</p>'


@pytest.mark.parametrize(
    "text",
    [
        r"so \(x^2\) is",
        "so $x^2$ is",
        "$$x^2$$",
        "\\[\nx\n+ \\frac{1}{2}\n\\]",
        r"$\begin{pmatrix}1&2\\3&4\end{pmatrix}$",
    ],
)
def test_a_formula_is_set_without_a_script(text: str) -> None:
    read = _Reader(str(readable(text)))
    assert "math" in read.tags
    assert not {"x^2", "\\frac"} & set(read.text.split())


@pytest.mark.parametrize("text", ["It costs $5 and $6.", "`$a$`", "    $a$", "$ a $", r"\$x", "$$\n\n$$"])
def test_what_is_no_formula_stays_text(text: str) -> None:
    assert "<math" not in readable(text)


LATEX = st.sampled_from(
    [
        *(r"\frac", r"\sqrt", r"\text", r"\phantom", r"\href", r"\style", r"\class", r"\color", r"\hspace", r"\left("),
        *(
            r"\begin{array}{cc}",
            r"\end{array}",
            r"\mathbb",
            r"\unicode",
            r"\tag",
            r"\bbox",
            "^",
            "_",
            "&",
            r"\\",
            "%",
            "\n",
        ),
        *("{", "}", "{x}", "{javascript:alert(1)}", "{<img src=x onerror=alert(1)>}", "{display:none}", "<", ">", "$"),
    ]
)


@given(st.lists(st.one_of(LATEX, st.text(max_size=4)), max_size=12).map("".join))
def test_no_formula_holds_what_runs_leads_or_hides(latex: str) -> None:
    read = _Reader(mathml(latex))
    assert not {"img", "script", "a", "mphantom", "maction", "semantics", "annotation-xml"} & read.tags
    assert not {"href", "style", "class", "id", "width", "mathcolor", "mathsize"} & {
        name for name, _ in read.attributes
    }
    assert not any(name.startswith("on") for name, _ in read.attributes)


def test_a_hostile_text_of_formulas_is_shown_soon_enough_to_be_read_as_it_is() -> None:
    """Deep, unclosed and many ones: none of them is searched for its end beyond a thousand characters."""
    for text in ("\\[\n" * 6_000, "$$\n" * 6_000, "$" + "{" * 900 + "$", "$" + "\\sqrt{" * 150 + "}" * 150 + "$"):
        assert str(readable(text))
