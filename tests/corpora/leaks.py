"""Cases that documents give away, each in a way of its own, and cases that only look so: evals/data/contamination."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

SEED = 20_261_127
EACH = 12
"""Cases of each kind."""
NOTICES = (
    "All photographs on this page belong to the people who took them and may not be copied, sold or shown elsewhere "
    "without a letter of consent.",
    "We use small files on your device to remember what you have read, to count our visitors, and to show you the page "
    "in your own language.",
)
"""What a dozen documents and more have at their end."""

_WORDS = {
    kind: words.split()
    for kind, words in {
        "name": "Ilse Tomasz Bero Annik Ludo Mirela Oskar Pavla Henrike Jurek Salome Veit Noor Cosima Edda Ruben",
        "trade": "miller cooper glazier weaver baker saddler printer tanner thatcher potter chandler fuller",
        "town": "Varnow Eschberg Loddin Mirstadt Quarne Sulzau Trebnitz Osteel Hagewerd Pirnitz Kallmar Wendorf",
        "animals": "goats geese mules rabbits bees ponies ducks pigeons hens oxen",
        "colour": "green yellow scarlet grey violet brown white orange blue black",
        "goods": "candles baskets kettles ropes blankets lanterns barrels spoons ladders brooms",
        "object": "clock fiddle mirror compass trunk globe lantern saddle anvil cradle",
        "day": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
        "month": "January February March April May June July August September October November",
        "number": " ".join(map(str, range(14, 97))),
    }.items()
}
SLOTS = {
    "name2": "name",
    "n": "number",
    "n2": "number",
    "n3": "number",
    **{kind: kind for kind in ("name", "trade", "town", "animals", "colour", "goods", "object", "day", "month")},
}


@dataclass(frozen=True, slots=True)
class Story:
    """A text, the same said otherwise, and a question about it.

    The question has eight words or more, `short` has fewer; each has an answer.
    """

    text: str
    reworded: str
    question: str
    answer: str
    short: str
    short_answer: str


STORIES = (
    Story(
        "{name} the {trade} from {town} keeps {n} {animals} in a {colour} shed, sells {n2} {goods} each {day}, and "
        "has paid {n3} crowns to {name2} for a {object} since {month}.",
        "Since {month} {name2} has been getting {n3} crowns for a {object} from {name}, who is a {trade} in {town}; "
        "the {goods} go on {day}s, {n2} of them, and a shed, painted {colour}, holds {animals}: {n} in all.",
        "How many {animals} does {name}, the {trade} of {town}, keep?",
        "{n}",
        "What does {name} sell on {day}s?",
        "{goods}",
    ),
    Story(
        "In {month} a {colour} {object} was left on the {n} o'clock tram to {town}; {name} the {trade} found it under "
        "seat {n2}, and {name2} asked {n3} people on {day} whose it was.",
        "It was {name}, a {trade}, who discovered somebody's {object} ({colour}) beneath seat {n2} while the tram "
        "rolled towards {town} at {n}. {name2} went to {n3} people to look for its owner one {day} in {month}.",
        "Under which seat of the tram to {town} did the {object} lie?",
        "{n2}",
        "Who found the {colour} {object}?",
        "{name}",
    ),
    Story(
        "To mend a {object} as {name} of {town} does it, soak {n} {goods} overnight, wrap them in {colour} cloth on "
        "{day}, wait {n2} days, then ask {name2} the {trade} for {n3} nails before {month} ends.",
        "{name}, who lives in {town}, mends a {object} so: {goods} are soaked for a night ({n} of them), cloth that is "
        "{colour} goes round them one {day}, {n2} days pass, and {n3} nails come from {name2}, a {trade}, in {month}.",
        "How many {goods} must be soaked overnight to mend the {object}?",
        "{n}",
        "Which {trade} has the {n3} nails?",
        "{name2}",
    ),
    Story(
        "{name2} wrote to {name} on a {day} in {month} that {n} {goods} had come from {town}, that the {trade} wanted "
        "{n2} crowns for the {colour} {object}, and that {n3} {animals} had escaped.",
        "A letter of {month} tells {name} of {animals} that ran away ({n3}), of {goods} out of {town}, {n} of them, "
        "and of {n2} crowns that a {trade} asks for his {object}, the {colour} one; {name2} sent it on a {day}.",
        "How many crowns did the {trade} want for the {colour} {object}?",
        "{n2}",
        "How many {animals} had escaped from {town}?",
        "{n3}",
    ),
)
_FILLER = (
    "The {day} market is held behind the station, and those who come early find the better {goods}.",
    "A path leads from {town} to the lake; it is steep in places, but children of six have walked it.",
    "Most {animals} sleep less in {month} than in winter, as anybody knows who has lived beside a stable.",
    "When a {object} is old, its worth depends on who owned it, and hardly on how well it was made.",
    "The {trade}s of the valley met twice a year, once to drink and once to agree on what a day's work costs.",
    "Paint that has turned {colour} with age should be left alone, since what is under it is seldom better.",
    "It rained for {n} days that {month}, and the road to {town} was closed to everything on wheels.",
    "Nobody remembers why the bridge has {n2} steps on one side and {n} on the other.",
)


@dataclass(frozen=True, slots=True)
class Leaks:
    """Cases by their evaluation, and the documents that they are looked for in."""

    cases: dict[str, list[dict[str, object]]]
    documents: list[dict[str, str]]


def make_leaks(seed: int = SEED) -> Leaks:
    """All cases and documents, of which no two have a story in common."""
    random = Random(seed)
    stories = _stories(random)
    leaks = Leaks({"leaked": [], "clean": [], "reworded": []}, [])
    for kind, plant in _KINDS.items():
        for number in range(1, EACH + 1):
            case, planted = plant(next(stories), random)
            evaluation = "reworded" if kind == "reworded" else "clean" if kind in _CLEAN else "leaked"
            leaks.cases[evaluation].append({"id": f"{kind}-{number:02}", "kind": kind, **case})
            if planted:
                text = _among(planted, random)
                leaks.documents.append({"id": f"planted/{kind}-{number:02}", "text": text})
    for number in range(2 * EACH + 2):
        text = f"{_filler(random, 4)}\n\n{NOTICES[number % 2]}\n"
        leaks.documents.append({"id": f"planted/notice-{number + 1:02}", "text": text})
    return leaks


def _stories(random: Random) -> Iterator[Story]:
    number = 0
    while True:
        words = {slot: random.choice(_WORDS[kind]) for slot, kind in SLOTS.items()}
        while words["name2"] == words["name"]:
            words["name2"] = random.choice(_WORDS["name"])
        template = STORIES[number % len(STORIES)]
        number += 1
        yield Story(*(getattr(template, name).format(**words) for name in Story.__slots__))


def _filler(random: Random, n: int) -> str:
    words = {slot: random.choice(_WORDS[kind]) for slot, kind in SLOTS.items()}
    return " ".join(sentence.format(**words) for sentence in random.sample(_FILLER, n))


def _among(text: str, random: Random) -> str:
    return f"{_filler(random, 3)}\n\n{text}\n\n{_filler(random, 2)}\n"


def _asked(story: Story) -> dict[str, object]:
    return {"passage": story.text, "prompt": story.question, "expected": story.answer}


def _exact(story: Story, random: Random) -> tuple[dict[str, object], str]:
    return _asked(story), story.text


def _lines(story: Story, random: Random) -> tuple[dict[str, object], str]:
    """Quoted, in lines of a few words, of which some end in the middle of a word."""
    lines, line = [], ""
    for word in story.text.split():
        if len(word) > 6 and word.isalpha() and random.random() < 0.5:
            lines.append(f"> {line} {word[:3]}-".replace(">  ", "> "))
            line = word[3:]
        else:
            line = f"{line} {word}".strip()
        if len(line) > 24:
            lines.append(f"> {line}")
            line = ""
    return _asked(story), "\n".join([*lines, f"> {line}"])


def _answer(story: Story, random: Random) -> tuple[dict[str, object], str]:
    return {"prompt": story.short, "expected": story.text}, story.text


def _short(story: Story, random: Random) -> tuple[dict[str, object], str]:
    reply = random.choice(["It is {}.", "Answer: {}", "As far as we know, {}.", "{}, said the guide."])
    return {"prompt": story.short, "expected": story.short_answer}, f"{story.short} {reply.format(story.short_answer)}"


def _partly(story: Story, random: Random) -> tuple[dict[str, object], str]:
    words = story.text.split()
    start = random.randrange(len(words) - 15)
    return _asked(story), f"{story.reworded} It is told so: … {' '.join(words[start : start + 15])} …"


def _reworded(story: Story, random: Random) -> tuple[dict[str, object], str]:
    return _asked(story), story.reworded


def _boilerplate(story: Story, random: Random) -> tuple[dict[str, object], str]:
    return {**_asked(story), "passage": f"{random.choice(NOTICES)} {story.text}"}, ""


def _near(story: Story, random: Random) -> tuple[dict[str, object], str]:
    """Twelve words in a row, and no more."""
    words = story.text.split()
    start = random.randrange(len(words) - 12)
    return _asked(story), f"In a letter we read: … {' '.join(words[start : start + 12])} Thus far it went."


def _unanswered(story: Story, random: Random) -> tuple[dict[str, object], str]:
    """A short question that is left open, and elsewhere in the text its answer."""
    case = {"prompt": story.short, "expected": story.short_answer}
    return (
        case,
        f"The answer is well known: {story.short_answer}. {_filler(random, 2)} {story.short} {_filler(random, 2)}",
    )


def _nothing(story: Story, random: Random) -> tuple[dict[str, object], str]:
    return _asked(story), ""


_KINDS = {
    "exact": _exact,
    "lines": _lines,
    "answer": _answer,
    "short": _short,
    "partly": _partly,
    "reworded": _reworded,
    "boilerplate": _boilerplate,
    "near": _near,
    "unanswered": _unanswered,
    "nothing": _nothing,
}
_CLEAN = ("boilerplate", "near", "unanswered", "nothing")


def write_leaks(folder: Path) -> None:
    """Write all files of evals/data/contamination but its README."""
    leaks = make_leaks()
    for name, cases in leaks.cases.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "cases.jsonl").write_text(_lines_of(cases), encoding="utf-8")
    (folder / "documents.jsonl").write_text(_lines_of(leaks.documents), encoding="utf-8")


def _lines_of(rows: object) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)  # type: ignore[attr-defined]


if __name__ == "__main__":
    write_leaks(Path(__file__).parents[2] / "evals" / "data" / "contamination")
