"""Texts that are no prose, by each rule of Gopher's, C4's and FineWeb's, and texts that come near."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from random import Random

from tests.corpora.grammar import article, filled, paragraph, sentences, written
from tests.corpora.planting import Maker, Planted, both, removed
from tests.corpora.repeats import varied
from tests.corpora.vocabulary import WORDS, listed

SHORT_WORDS = (
    ("I", "he", "we", "she", "you", "they", "it"),
    ("am", "is", "do", "go", "see", "had", "eat", "ask"),
    ("to", "by", "at", "in", "on", "as", "up", "of"),
    ("it", "us", "me", "him", "tea", "a pie", "an egg", "no one", "a cat"),
    ("so", "or", "if", "as", "but"),
)
LONG_WORDS = listed(
    """
    administration responsibilities international communication infrastructure municipalities representatives
    unfortunately misunderstanding congratulations characteristics transportation recommendations organisational
    notwithstanding interdisciplinary professionalism environmentalists neighbourhoods archaeological
    extraordinary identification circumstances concentration configuration determination distinguished
    experimentation fundamentally industrialisation investigations manufacturing mathematicians Mediterranean
    multiplication observatories parliamentary philosophical photographers predominantly questionnaires
    reconstruction representative revolutionary satisfactory sophisticated specifications straightforward
    systematically technological telecommunications temperatures theoretically unconventional uncomfortable
    undergraduates understanding unprecedented vulnerability accommodation accomplishments acknowledgement
    advertisements
    """
)
WITHOUT_STOP_WORDS = """
my {adjective} {person} {transitive} his {thing} in our {place} .
{name} {transitive} her {adjective} {thing} {adverb} near this {place} , but nobody {intransitive} .
our {person} {intransitive} behind every {place} because his {thing} was {adjective} .
when {name} {intransitive} , some {person} {transitive} my {thing} under her {adjective} {thing} .
this {adjective} {place} has no {thing} for us , so we {transitive} another {thing} there .
""".strip().splitlines()
SHORT_LINES = (
    "{name} {intransitive} {adverb} .",
    "{name} {transitive} a {thing} .",
    "{name} had a {thing} .",
    "the {person} {intransitive} .",
    "did {name} see the {thing} ?",
    "what has {name} {transitive} ?",
)


def short_words(random: Random) -> str:
    """Sentences of words that have fewer than three letters on average."""
    made = []
    for _ in range(14):
        words = [random.choice(part) for part in (*SHORT_WORDS, *SHORT_WORDS[:4])]
        made.append(" ".join(words).capitalize() + ".")
    return " ".join(made)


def long_words(every: int, random: Random) -> str:
    """Sentences of words that are long; each so-manieth is a short one."""
    made = []
    for _ in range(7):
        words = [random.choice(LONG_WORDS) for _ in range(10)]
        for place in range(every, len(words), every):
            words[place] = random.choice(("the", "of", "and", "to", "with", "that"))
        made.append(" ".join(words).capitalize() + ".")
    return " ".join(made)


def sprinkled(sign: str, every: int, random: Random) -> str:
    """A text with a sign at each so-manieth word."""
    words = paragraph(sentences(random, 12)).split(" ")
    for place in range(every - 1, len(words) - 1, every):
        words[place] = words[place].strip('.,?"') + sign if sign == "..." else sign + words[place]
    return " ".join(words)


def numbered(every: int, random: Random) -> str:
    """A text with a number after each so-manieth word."""
    words = paragraph(sentences(random, 10)).split(" ")
    for place in range(len(words) - 2, 0, -every):
        words.insert(place, str(random.randrange(10, 99_999)))
    return " ".join(words)


def in_list(share: float, mark: str, random: Random) -> str:
    """Lines of which this share begins with a mark, or ends with one that is an ellipsis."""
    made = [paragraph(sentences(random, 1)) for _ in range(20)]
    for place in random.sample(range(20), round(20 * share)):
        made[place] = made[place].rstrip(".?") + mark if mark == "..." else mark + made[place]
    return "\n".join(made)


def without_stop_words(random: Random) -> str:
    """Sentences without a word that Gopher's rule looks for."""
    return " ".join(written(filled(random.choice(WITHOUT_STOP_WORDS), random)) for _ in range(9))


def _with_two(random: Random) -> str:
    return f"{without_stop_words(random)} We have to be glad with what that gave us."


def of_words(fewest: int, most: int, random: Random) -> str:
    """A text of so many words, cut off in a sentence's middle and ended there."""
    words = article(random, 12, 14).replace("\n", " ").split(" ")
    return " ".join(words[: random.randint(fewest, most)]).rstrip(',.?"') + "."


def very_long(random: Random) -> str:
    """A text of more than a hundred thousand words, in which no passage comes twice."""
    template = "the {adjective} {person} {transitive} {adjective} {thing} {adverb} with {idea} and {idea} in {place} ."
    return "\n".join(written(filled(template, random)) for _ in range(7800))


def few_sentences(count: int, random: Random) -> str:
    """Sentences that are long, and few."""
    made = []
    for _ in range(count):
        clauses = [paragraph([each]).rstrip(".?") for each in sentences(random, 2)]
        made.append(", and ".join(clauses).replace("?", "").replace('"', "") + ".")
    return " ".join(made)


def with_sentence(said: tuple[str, ...], random: Random) -> str:
    """A text with one of these sentences in it."""
    made = [paragraph([each]) for each in sentences(random, 11)]
    made.insert(random.randint(2, 9), random.choice(said))
    return " ".join(made)


def mostly_unended(share: float, random: Random) -> str:
    """Lines of which this share ends as sentences do."""
    made = [paragraph(sentences(random, 1)).rstrip('.?"') for _ in range(20)]
    for place in random.sample(range(20), round(20 * share)):
        made[place] += "."
    return "\n".join(made)


def short_lines(share: float, random: Random) -> str:
    """Lines of which this share has at most thirty characters."""
    made = [paragraph(sentences(random, 1)) for _ in range(round(30 * (1 - share)))]
    while len(made) < 30:
        line = written(filled(random.choice(SHORT_LINES), random))
        if len(line) <= 30 and line not in made:
            made.append(line)
    random.shuffle(made)
    return "\n".join(made)


def repeated_line(share: float, random: Random) -> str:
    """A text with a line that is there twice and has about this share of the characters."""
    line = paragraph(sentences(random, 1))
    while len(line) > 110:
        line = paragraph(sentences(random, 1))
    made: list[str] = []
    while sum(map(len, made)) < len(line) * (1 / share - 2):
        made.append(paragraph(sentences(random, 3)))
    made.insert(len(made) // 3, line)
    return "\n".join([*made, line])


def narrow_list(count: int, random: Random) -> str:
    """Lines of three words each, some of them long."""
    made = []
    for number in range(count):
        if number % 2:
            words = [random.choice(WORDS["idea"]), "of", random.choice(WORDS["thing"])]
        else:
            words = [random.choice(LONG_WORDS), random.choice(("and", "with")), random.choice(LONG_WORDS)]
        made.append(" ".join(words).capitalize() + ("." if number % 7 == 0 else ""))
    return "\n".join(dict.fromkeys(made))


def wide_list(random: Random) -> str:
    """Lines of five or six words."""
    made = []
    for number in range(30):
        words = ["the", random.choice(WORDS["adjective"]), random.choice(WORDS["person"]), "and", "the"]
        made.append(" ".join([*words, random.choice(WORDS["thing"])]).capitalize() + ("." if number % 3 == 0 else ""))
    return "\n".join(made)


LOREM = (
    "The draft still said lorem ipsum dolor sit amet where the price should have been.",
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor.",
)
NEARLY_LOREM = (
    "The word lorem means nothing, and neither does ipsum when it stands alone.",
    "Printers fill an empty page with Latin that nobody is meant to read.",
)
BRACES = (
    "The letter began with Dear {first_name}, and nobody had noticed.",
    "The note on the door said function open() { return true; } and nothing else.",
)
NEARLY_BRACES = (
    "The note on the door said (open) and [push], and nothing else.",
    "He wrote <b>never</b> in the margin, and crossed it out again.",
)
GOPHER_QUALITY: dict[str, tuple[Maker, Maker]] = {
    "gopher_short_doc": (partial(of_words, 32, 46), partial(of_words, 56, 64)),
    "gopher_below_avg_threshold": (short_words, partial(of_words, 60, 80)),
    "gopher_above_avg_threshold": (partial(long_words, 6), partial(long_words, 2)),
    "gopher_too_many_hashes": (partial(sprinkled, "#", 5), partial(sprinkled, "#", 16)),
    "gopher_too_many_ellipsis": (partial(sprinkled, "...", 6), partial(sprinkled, "...", 18)),
    "gopher_too_many_bullets": (partial(in_list, 1.0, "- "), partial(in_list, 0.8, "- ")),
    "gopher_too_many_end_ellipsis": (partial(in_list, 0.5, "..."), partial(in_list, 0.2, "...")),
    "gopher_below_alpha_threshold": (partial(numbered, 4), partial(numbered, 14)),
    "gopher_enough_stop_words": (without_stop_words, _with_two),
}
C4: dict[str, tuple[Maker, Maker]] = {
    "lorem_ipsum": (partial(with_sentence, LOREM), partial(with_sentence, NEARLY_LOREM)),
    "curly_bracket": (partial(with_sentence, BRACES), partial(with_sentence, NEARLY_BRACES)),
    "too_few_sentences": (partial(few_sentences, 3), partial(few_sentences, 6)),
}
FINEWEB: dict[str, tuple[Maker, Maker]] = {
    "line_punct_ratio": (partial(mostly_unended, 0.05), partial(mostly_unended, 0.2)),
    "short_line_ratio": (partial(short_lines, 0.8), partial(short_lines, 0.5)),
    "char_dup_ratio": (partial(repeated_line, 0.04), partial(repeated_line, 0.006)),
    "list_ratio": (partial(narrow_list, 44), wide_list),
}
JAVASCRIPT = "Please enable JavaScript in your browser to see this page."
POLICY = (
    "By using this site you agree to the terms of use.",
    "Our privacy policy was last changed in the spring.",
    "This website uses cookies to improve your visit.",
)


def qualities(seed: str, counts: tuple[int, int]) -> Iterable[Planted]:
    """Documents for each rule of the three filters: so many that break it, and so many that come near."""
    for step, rules in (("gopher_quality", GOPHER_QUALITY), ("c4", C4), ("fineweb", FINEWEB)):
        yield from both(step, {rule: (varied(one), varied(near)) for rule, (one, near) in rules.items()}, seed, counts)
    yield from removed(
        "fineweb", "char_dup_ratio", varied(partial(repeated_line, 0.13)), seed, counts[0], name="severe_dup"
    )
    yield from _lines(seed, counts[0])


def longest(seed: str) -> Planted:
    """The one document that is too long."""
    reason = "gopher_long_doc"
    told = {"planted": reason, "reason": reason}
    name = f"gopher_quality-{reason}-000"
    return Planted(name, very_long(Random(f"{seed}:{name}")), file="gopher_quality/planted", told=told)


def _lines(seed: str, count: int) -> Iterator[Planted]:
    """Documents with a line that C4's rules take out; the rest stays."""
    kinds = {
        "javascript": JAVASCRIPT,
        "terms": POLICY[0],
        "privacy": POLICY[1],
        "cookies": POLICY[2],
        "few_words": "Read more.",
        "long_word": f"The file was named {'x' * 1001} for a year.",
        "citation": "[12]",
    }
    for kind, line in kinds.items():
        for number in range(count):
            name = f"c4-line_{kind}-{number:03}"
            random = Random(f"{seed}:{name}")
            rest = [paragraph(sentences(random, 3)) for _ in range(5)]
            place = random.randrange(1, 5)
            text = [*rest[:place], line, *rest[place:]]
            if kind == "citation":
                text = [*rest[:place], rest[place] + line, *rest[place + 1 :]]
            yield Planted(name, "\n".join(text), file="c4/lines", told={"planted": kind, "lacks": line, "holds": rest})
