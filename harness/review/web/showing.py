"""Items as HTML: what a reviewer sees of one, and the choices with their keys."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unicodedata import category

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.records.review import LEFT, RIGHT, TIE, Event, Form, Item, Value
from harness.records.tool_calls import words_of
from harness.review.views import View
from harness.store.review.events import counting
from harness.store.review.store import BatchProgress, ReviewStore
from harness.store.review.turns import is_swapped

_FOLDER = Path(__file__).parent / "templates"
_MOST_COLUMNS = 5
_ROLES = {"system": "System", "user": "Prompt", "assistant": "Earlier answer", "tool": "Tool"}
_PAIR = (
    (LEFT, "A", "is better", "ArrowLeft 1", "1 ←"),
    (TIE, "Neither", "no difference that counts", "2", "2"),
    (RIGHT, "B", "is better", "ArrowRight 3", "3 →"),
)
_SEEN = {LEFT: "A is better", TIE: "neither", RIGHT: "B is better"}


@dataclass(frozen=True, slots=True)
class ChoiceButton:
    """A choice as a button.

    Attributes:
        keys: the names of the keys that press it, as the browser names them, with spaces between.
        hint: the key as it is written on the button.
    """

    value: Value
    name: str
    meaning: str
    keys: str
    hint: str


@dataclass(frozen=True, slots=True)
class DisputedLabel:
    """A reviewer's word on an item in dispute."""

    said: str
    note: str


def template_environment() -> Environment:
    """The templates, with what they call."""
    loader = FileSystemLoader(_FOLDER)
    pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"readable": readable, "beginning": beginning, "words": words_of, "lasting": lasting}
    pages.filters |= {"labels_of": labels_of}
    pages.globals |= {"most_shown": SHOWN, "roles": _ROLES, "reviewer": None, "here": "", "csrf": ""}
    pages.tests["blank"] = is_blank
    return pages


def item_json(pages: Environment, view: View, disputed: Sequence[DisputedLabel] = ()) -> dict[str, Any]:
    """An item as the browser gets it: its lease, the seconds that are left of it, and its HTML."""
    choices = shown_choices(view.form)
    html = pages.get_template("_item.html").render(
        view=view,
        choices=choices,
        columns=columns(len(choices)),
        wordy=any(each.meaning for each in choices),
        disputed=disputed,
    )
    return {"lease": view.lease_id, "expires_in_s": max(0.0, view.expires - time.time()), "html": Markup(html)}


def shown_choices(form: Form) -> list[ChoiceButton]:
    """The buttons of a form. A scale's values have their own digits where they have one, ten has 0."""
    if form.is_pair:
        return [ChoiceButton(*each) for each in _PAIR]
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


@dataclass(frozen=True, slots=True)
class Opinion:
    """The opinion of a judge or a person on an item that is settled."""

    who: str
    said: str
    note: str = ""


def said_of(item: Item, form: Form, happened: Sequence[Event]) -> list[Opinion]:
    """List what the judge said, and then people in the order of their words; of a pair, A is the candidate's answer."""
    told = []
    if item.judge_score is not None:
        told.append(Opinion("judge", _score_in_words(form, item.judge_score)))
    for event in counting(happened):
        words = {"flag": "flagged", "skip": "skipped", "exclude": "excluded"}.get(event.kind, "")
        if event.value is not None:
            words = said_value(form, form.shown(event.value))
            words += ", which settles it" if event.kind == "adjudicate" else ""
        told.append(Opinion(event.reviewer, words, event.note))
    return told


def _score_in_words(form: Form, score: float) -> str:
    """A judge's score as the form's value that counts for as much, where there is one."""
    if form.is_pair:
        seen = {1.0: LEFT, 0.5: TIE, 0.0: RIGHT}.get(score)
        return said_value(form, seen) if seen else f"{score:.3g}, of 1 for A"
    same = [str(choice.value) for choice in form.choices if choice.score == score]
    return f"{same[0]} (counts {score:.3g})" if same else f"counts {score:.3g}"


def in_dispute(review: ReviewStore, view: View, reviewer: str) -> list[DisputedLabel]:
    """List what people said of an item that `reviewer` adjudicates, on the sides on which this one sees the answers.

    Nobody's name is in it, and of an item that is to be labelled there is nothing.
    """
    if view.task != "adjudicate":
        return []
    swapped = is_swapped(view.item_id, reviewer)
    told = []
    for event in counting(review.events(item_id=view.item_id)):
        if event.kind == "flag":
            told.append(DisputedLabel("flagged", event.note))
        elif event.kind == "label" and event.value is not None:
            said = said_value(view.form, view.form.shown(event.value, swapped=swapped))
            told.append(DisputedLabel(said, event.note))
    return told


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


SHOWN = 200_000
"""The most characters of a text that are shown: a browser that laid out more at once would stand still."""

_LONGEST_BLOCK = 4_000
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
_FENCE = re.compile(r"\s{0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"#{1,6} \S")
_INLINE = re.compile(r"(`[^`\n]+`)|(\*\*[^*\n]+\*\*)")


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines that look alike.

    Attributes:
        joined: whether it goes on with the block before it, of which it was cut off for its length.
    """

    kind: Literal["prose", "heading", "code"]
    text: str
    joined: bool = False


def readable(text: str) -> Markup:
    """HTML that shows a text, escaped.

    >>> str(readable("Use `a<b`"))
    '<p dir="auto">Use <code>`a&lt;b`</code></p>'
    """
    return Markup("\n").join(_markup(block) for block in blocks(text))


def blocks(text: str) -> Iterator[Block]:
    """The blocks of a text, none longer than a browser lays out at once; empty lines are left out."""
    # A lone surrogate, which a model can write in JSON, is no character that a browser could be sent.
    for block in _whole_blocks(text.encode("utf-8", "replace").decode()):
        if len(block.text) <= _LONGEST_BLOCK:
            yield block
            continue
        for start, piece in _pieces(block.text):
            yield Block(block.kind, piece, joined=start > 0)


def is_blank(text: str) -> bool:
    """Tell whether nothing of a text can be seen: white space, control and format characters.

    >>> is_blank(" \\n\\u200b"), is_blank(".")
    (True, False)
    """
    return all(category(char) in _UNSEEN for char in text)


def beginning(text: str) -> str:
    """As much of a text as is shown."""
    return text[:SHOWN]


def _closes(fence: str, mark: str, line: str) -> bool:
    return mark.startswith(fence) and not line.strip(" `~\r")


def _whole_blocks(text: str) -> Iterator[Block]:
    lines: list[str] = []
    fence = ""
    kind: Literal["prose", "code"] = "prose"
    for line in text.replace("\r\n", "\n").split("\n"):
        mark = _FENCE.match(line)
        if fence:
            lines.append(line)
            if mark and _closes(fence, mark[1], line):
                yield Block("code", "\n".join(lines))
                lines, fence = [], ""
            continue
        own: Literal["prose", "code"] = "code" if line.lstrip().startswith("|") else "prose"
        if lines and (mark or own != kind or not line.strip() or _HEADING.match(line)):
            yield Block(kind, "\n".join(lines))
            lines = []
        if mark:
            fence, kind = mark[1], "prose"
            lines = [line]
        elif _HEADING.match(line):
            yield Block("heading", line)
        elif line.strip():
            lines.append(line)
            kind = own
    if lines:
        yield Block("code" if fence else kind, "\n".join(lines))


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """A long block in pieces that end where a line or a word does, if one does."""
    start = 0
    while start < len(text):
        end = min(start + _LONGEST_BLOCK, len(text))
        if end < len(text):
            end = max(text.rfind("\n", start, end), text.rfind(" ", start, end)) + 1 or end
        yield start, text[start:end].removesuffix("\n")
        start = end


def _markup(block: Block) -> Markup:
    joined = Markup(' class="joined"') if block.joined else Markup("")
    if block.kind == "code":
        return Markup('<pre dir="ltr"{}><code>{}</code></pre>').format(joined, block.text)
    if block.kind == "heading":
        return Markup('<p dir="auto" class="heading">{}</p>').format(block.text)
    return Markup('<p dir="auto"{}>{}</p>').format(joined, _inline(block.text))


def _inline(text: str) -> Markup:
    parts, place = [], 0
    for match in _INLINE.finditer(text):
        tag = "code" if match[1] else "strong"
        parts += [escape(text[place : match.start()]), Markup(f"<{tag}>{{}}</{tag}>").format(match[0])]
        place = match.end()
    return Markup("").join([*parts, escape(text[place:])])
