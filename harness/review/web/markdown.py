"""Texts as safe HTML: Markdown and LaTeX, of which nothing runs, leads or loads anything from elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from html import unescape
from typing import Any
from unicodedata import category, normalize
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token
from markupsafe import Markup

SHOWN = 200_000
"""The most characters of a text that are shown: a browser that laid out more at once would stand still."""

_LONGEST_MARKDOWN, _LONGEST_PIECE = 20_000, 4_000
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
_LINE_END, _CLOSED_HEADING = re.compile(r"\r\n?|\n"), re.compile(r"(?:^|[ \t])#+[ \t]*$")
_INLINE = re.compile(
    r"\\\((?P<round>.{1,1000}?)\\\)|\\\[(?P<square>.{1,1000}?)\\\]|\$\$(?P<double>[^$]{1,1000})\$\$|"
    r"\$(?P<single>(?![\s$])[^$\n]{0,999}[^\s\\$])\$(?!\d)",
    re.DOTALL,
)
_BLOCKS = {"$$": "$$", "\\[": "\\]"}
# What MathML may hold: nothing that links, hides, moves or colours.
_TAGS = re.compile("math|m(row|i|n|o|text|space|sup|sub|subsup|frac|sqrt|root|under|over|underover|table|tr|td|style)")
_ATTRIBUTES = re.compile("xmlns|display|mathvariant|stretchy|fence|form|displaystyle|columnalign|linethickness")
_COMMANDS = re.compile(r"\\(?:begin|end)\{[a-zA-Z]+\*?\}(?:\{[lcr| ]+\})?|\\[a-zA-Z]+")


def is_blank(text: str) -> bool:
    """Tell whether nothing of a text can be seen: white space, control and format characters.

    >>> is_blank(" \\n\\u200b"), is_blank(".")
    (True, False)
    """
    return all(category(char) in _UNSEEN for char in text)


def readable(text: str) -> Markup:
    """The beginning of a text as safe HTML.

    HTML, links, images, escapes and entities stay as they were written, and headings are paragraphs, so that the page's
    outline is its own. A long text is shown as it is, in pieces that a browser lays out one by one, and so is one of
    which Markdown would hide or change letters or digits. So are formulas that MathML would not show in full.

    >>> str(readable("Use `a<b` **now**"))
    '<p dir="auto">Use <code>a&lt;b</code> <strong>now</strong></p>'
    """
    # A lone surrogate, which a model can write in JSON, is no character that a browser could be sent.
    text = text[:SHOWN].encode("utf-8", "replace").decode()
    if len(text) <= _LONGEST_MARKDOWN:
        tokens = _MARKDOWN.parse(text)
        if not _hides(tokens, text):
            return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}).strip())
    pieces = [text[start : start + _LONGEST_PIECE] for start in range(0, len(text), _LONGEST_PIECE)]
    return Markup("").join(Markup('<p dir="auto" class="joined">{}</p>').format(piece) for piece in pieces)


def mathml(latex: str, *, block: bool = False) -> str:
    """A formula as MathML; "" where it is none, or where that would not show each of its letters and digits."""
    try:
        formula = convert_to_element(latex, display="block" if block else "inline")
    except Exception:  # noqa: BLE001  of whatever kind, RecursionError included: then the formula is shown as it is
        return ""
    for node in formula.iter():
        if not _TAGS.fullmatch(node.tag):
            return ""
        node.text, node.attrib = (
            unescape(node.text or ""),
            {name: value for name, value in node.attrib.items() if _ATTRIBUTES.fullmatch(name)},
        )
    if _characters(_COMMANDS.sub(" ", latex)) - _characters("".join(formula.itertext())):
        return ""
    return ElementTree.tostring(formula, encoding="unicode")


def _characters(text: str) -> Counter[str]:
    return Counter(filter(str.isalnum, normalize("NFKC", text)))


def _inline_formula(state: StateInline, silent: bool) -> bool:
    match = _INLINE.match(state.src, state.pos)
    if match is None:
        return False
    if not silent:
        _add_formula(state.push("formula", "math", 0), match[0], match[match.lastgroup or 0], block=False)
    state.pos = match.end()
    return True


def _block_formula(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """The lines from one that begins with `$$` or `\\[` to the first that ends with its counterpart."""
    start = state.bMarks[first] + state.tShift[first]
    opening = state.src[start : start + 2]
    closing = _BLOCKS.get(opening)
    if closing is None or state.is_code_block(first):
        return False
    for line in range(first, min(end, first + 50)):
        source = state.src[start : state.eMarks[line]].rstrip()
        if len(source) > 3 and closing in source[2:]:
            break
        if state.isEmpty(line):
            return False
    else:
        return False
    if source.index(closing, 2) < len(source) - 2 or len(source) > 1_000:
        return False
    if not silent:
        token = state.push("formula", "math", 0)
        token.map = [first, line + 1]
        _add_formula(token, source, source[2:-2], block=True)
        state.line = line + 1
    return True


def _add_formula(token: Token, source: str, latex: str, *, block: bool) -> None:
    token.content, token.block, token.info = source, block, mathml(latex, block=block)


def _formula(_: RendererHTML, tokens: Sequence[Token], at: int, *__: Any) -> str:
    token = tokens[at]
    html = token.info or str(Markup("{}").format(token.content))
    return f'<p dir="auto">{html}</p>\n' if token.block else html


def _hides(tokens: Sequence[Token], text: str) -> bool:
    """Tell whether letters or digits of a text are missing in what its tokens show, or the signs that end a heading."""
    seen = "".join(_seen(tokens))
    if _alphanumeric(seen) != _alphanumeric(text) or (is_blank(seen) and not is_blank(text)):
        return True
    lines = _LINE_END.split(text)
    headings = (token.map[0] for token in tokens if token.type == "heading_open" and token.map)
    return any(_CLOSED_HEADING.search(lines[line]) for line in headings)


def _seen(tokens: Sequence[Token]) -> Iterator[str]:
    """The texts that a browser shows of tokens, with the numbers that it gives the items of lists."""
    numbers: list[int | None] = []
    for token in tokens:
        if token.type in ("ordered_list_open", "bullet_list_open"):
            numbers.append(int(token.attrs.get("start", 1)) if token.tag == "ol" else None)
        elif token.type in ("ordered_list_close", "bullet_list_close"):
            numbers.pop()
        elif token.type == "list_item_open" and (number := numbers[-1]) is not None:
            yield str(number)
            numbers[-1] = number + 1
        elif token.type == "fence":
            yield token.info + token.content
        elif token.type == "inline":
            yield from (child.content for child in token.children or ())
        else:
            yield token.content


def _alphanumeric(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def _fence(renderer: RendererHTML, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
    """A block of code, under what stands beside its opening: a language, or words of the text."""
    info, tokens[at].info = tokens[at].info.strip(), ""
    title = Markup('<p dir="auto" class="joined">{}</p>\n').format(info) if info else ""
    return str(title) + renderer.fence(tokens, at, options, env)


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Emphasis as Markdown has it, but for stars that multiply."""
    start, n_before = state.pos, len(state.delimiters)
    is_emphasis = emphasis.tokenize(state, silent)
    before, after = state.src[max(0, start - 1) : start], state.src[state.pos : state.pos + 1]
    for each in state.delimiters[n_before:]:
        each.open = each.open and not (before.isalnum() or before in {")", "]", "}"})
        each.close = each.close and not (after.isalnum() or after in {"(", "[", "{"})
    return is_emphasis


def _as_paragraphs(state: StateCore) -> None:
    for token in state.tokens:
        if token.type.startswith("heading"):
            token.tag = "p"
            if token.nesting == 1:
                token.attrSet("class", "heading")
        if token.nesting == 1:
            token.attrSet("dir", "auto")


_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table")
_MARKDOWN.disable(
    ["html_block", "html_inline", "link", "image", "autolink", "reference", "escape", "entity", "lheading"]
)
_MARKDOWN.inline.ruler.at("emphasis", _emphasis)
_MARKDOWN.inline.ruler.before("emphasis", "formula", _inline_formula)
_MARKDOWN.block.ruler.before("fence", "formula", _block_formula, {"alt": ["paragraph", "blockquote", "list"]})
_MARKDOWN.add_render_rule("fence", _fence)
_MARKDOWN.add_render_rule("formula", _formula)
_MARKDOWN.core.ruler.push("as_paragraphs", _as_paragraphs)
