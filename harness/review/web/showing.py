"""Items as HTML: what a reviewer sees of one, and the choices with their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import category

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token
from markupsafe import Markup

from harness.records.review import LEFT, RIGHT, TIE, Event, Form, Item, Value
from harness.records.tool_calls import calls_written, read_calls, words_of
from harness.review.queue import View
from harness.store.review.events import counting
from harness.store.review.store import BatchProgress, ReviewStore
from harness.store.review.turns import is_swapped

SHOWN = 200_000
"""The most characters of a text that are shown: a browser that laid out more at once would stand still."""

_LONGEST_MARKDOWN, _LONGEST_PIECE = 20_000, 4_000
_MOST_COLUMNS = 5
_ROLES = {"system": "System", "user": "Prompt", "assistant": "Earlier answer", "tool": "A tool's result"}
_SEEN = {LEFT: "A is better", TIE: "neither", RIGHT: "B is better"}
_ACTS = {"label": "labelled", "skip": "skipped", "flag": "flagged", "adjudicate": "settled", "exclude": "excluded"}
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
_LINE_END, _CLOSED_HEADING = re.compile(r"\r\n?|\n"), re.compile(r"(?:^|[ \t])#+[ \t]*$")


class ChoiceButton(NamedTuple):
    """A choice as a button: `keys` that press it, as the browser names them; `hint`, the key as it is written on it."""

    value: Value
    name: str
    meaning: str
    keys: str
    hint: str


_PAIR = [
    ChoiceButton(LEFT, "A", "is better", "ArrowLeft 1", "1 ←"),
    ChoiceButton(TIE, "Neither", "no difference that counts", "2", "2"),
    ChoiceButton(RIGHT, "B", "is better", "ArrowRight 3", "3 →"),
]


class Opinion(NamedTuple):
    """The opinion of a judge or a person on an item."""

    who: str
    said: str
    note: str = ""


def template_environment() -> Environment:
    """The templates, with what they call."""
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"readable": readable, "words": words_of, "lasting": lasting, "labels_of": labels_of}
    pages.filters |= {"read_calls": read_calls, "calls": lambda text: read_calls(calls_written(text))}
    pages.globals |= {"most_shown": SHOWN, "roles": _ROLES, "reviewer": None, "here": "", "csrf": ""}
    pages.tests["blank"] = is_blank
    return pages


def shown_choices(form: Form) -> list[ChoiceButton]:
    """The buttons of a form. A scale's values have their own digits where they have one, ten has 0."""
    if form.is_pair:
        return _PAIR
    values, shown = [choice.value for choice in form.choices], []
    for choice in form.choices:
        name = str(choice.value)
        key = "0" if choice.value == 10 and 0 not in values else name if choice.value in range(10) else ""
        shown.append(ChoiceButton(choice.value, name, choice.meaning, key, hint="" if key == name else key))
    return shown


def columns(n_choices: int) -> int:
    """In how many columns choices stand where the screen is wide enough: at most 5, in rows of about as many each.

    >>> [columns(n_choices) for n_choices in (3, 5, 6, 9, 10, 11, 12)]
    [3, 5, 3, 5, 5, 4, 4]
    """
    return -(-n_choices // -(-n_choices // _MOST_COLUMNS))


def said_of(item: Item, form: Form, happened: Sequence[Event]) -> list[Opinion]:
    """List what the judge said, and then people in the order of their words; of a pair, A is the candidate's answer."""
    opinions = []
    if item.judge_score is not None:
        opinions.append(Opinion("judge", _score_in_words(form, item.judge_score)))
    for event in counting(happened):
        words = _ACTS[event.kind] if event.value is None else said_value(form, form.shown(event.value))
        words += ", which settles it" if event.kind == "adjudicate" else ""
        opinions.append(Opinion(event.reviewer, words, event.note))
    return opinions


def _score_in_words(form: Form, score: float) -> str:
    """A judge's score as the form's value that counts for as much, where there is one."""
    if form.is_pair:
        seen = {1.0: LEFT, 0.5: TIE, 0.0: RIGHT}.get(score)
        return said_value(form, seen) if seen else f"{score:.3g}, of 1 for A"
    same = [str(choice.value) for choice in form.choices if choice.score == score]
    return f"{same[0]} (counts {score:.3g})" if same else f"counts {score:.3g}"


def in_dispute(review: ReviewStore, view: View, reviewer: str) -> list[Opinion]:
    """List what people said of an item that `reviewer` adjudicates, on the sides on which this one sees the answers.

    Nobody's name is in it, and of an item that is to be labelled there is nothing.
    """
    if view.task != "adjudicate":
        return []
    swapped, opinions = is_swapped(view.item.id, reviewer), []
    for event in counting(review.events(item_id=view.item.id)):
        if event.kind == "flag":
            opinions.append(Opinion("", "flagged", event.note))
        elif event.kind == "label" and event.value is not None:
            said = said_value(view.form, view.form.shown(event.value, swapped=swapped))
            opinions.append(Opinion("", said, event.note))
    return opinions


def in_words(event: Event, form: Form) -> str:
    """An event as its reviewer is told of it: "labelled 4"."""
    if event.value is None:
        return _ACTS[event.kind]
    return f"{_ACTS[event.kind]} {said_value(form, form.shown(event.value, swapped=event.swapped))}"


def said_value(form: Form, value: Value) -> str:
    """A label in words.

    >>> said_value(Form("preference", "Better answer"), "left")
    'A is better'
    """
    return _SEEN.get(str(value), str(value)) if form.is_pair else str(value)


def lasting(seconds: float) -> str:
    """A duration for people.

    >>> lasting(40), lasting(5000)
    ('about a minute', 'about 83 minutes')
    """
    minutes = max(1, round(seconds / 60))
    if minutes >= 120:
        return f"about {minutes / 60:.0f} hours"
    return "about a minute" if minutes == 1 else f"about {minutes} minutes"


def labels_of(batches: Sequence[BatchProgress], reviewer: str) -> int:
    """Count the labels of a reviewer that are in."""
    return sum(each.labels for batch in batches for each in batch.reviewers if each.reviewer == reviewer)


def is_blank(text: str) -> bool:
    """Tell whether nothing of a text can be seen: white space, control and format characters.

    >>> is_blank(" \\n\\u200b"), is_blank(".")
    (True, False)
    """
    return all(category(char) in _UNSEEN for char in text)


def readable(text: str) -> Markup:
    """The beginning of a text as safe HTML: Markdown, of which nothing leads or loads anything from elsewhere.

    HTML, links, images, escapes and entities stay as they were written, and headings are paragraphs, so that the page's
    outline is its own. A long text is shown as it is, in pieces that a browser lays out one by one, and so is one of
    which Markdown would hide or change letters or digits.

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
    said = Markup('<p dir="auto" class="joined">{}</p>\n').format(info) if info else ""
    return str(said) + renderer.fence(tokens, at, options, env)


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Emphasis as Markdown has it, but for stars that multiply."""
    start, n_before = state.pos, len(state.delimiters)
    found = emphasis.tokenize(state, silent)
    before, after = state.src[max(0, start - 1) : start], state.src[state.pos : state.pos + 1]
    for each in state.delimiters[n_before:]:
        each.open = each.open and not (before.isalnum() or before in {")", "]", "}"})
        each.close = each.close and not (after.isalnum() or after in {"(", "[", "{"})
    return found


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
_MARKDOWN.add_render_rule("fence", _fence)
_MARKDOWN.core.ruler.push("as_paragraphs", _as_paragraphs)
