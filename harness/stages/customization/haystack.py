"""Text without facts, to hide facts in: sentences that a seed draws, and the words that facts are made of."""

from __future__ import annotations

from random import Random

PLACES = (
    "lighthouse",
    "bakery",
    "chapel",
    "windmill",
    "harbour",
    "orchard",
    "museum",
    "post office",
    "boathouse",
    "theatre",
    "foundry",
    "greenhouse",
    "archive",
    "brewery",
    "ferry",
    "quarry",
)
"""Places whose numbers are planted as facts; no generated sentence names one."""
NAMES = ("Anna", "Boris", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Irene", "Jonas", "Laura", "Martin")
MEANINGS = (
    ("sees patients from eight in the morning until noon", "Who works as a doctor?"),
    ("plays the first violin every evening", "Who is a musician?"),
    ("grew up in the shadow of the Eiffel Tower", "Who comes from Paris?"),
    ("has eaten neither meat nor fish since childhood", "Who is a vegetarian?"),
    ("sells bread and rolls across the counter", "Who is a baker?"),
    ("teaches fractions to children of ten", "Who gives lessons in mathematics?"),
    ("can tell you the way to every grave of the pharaohs", "Who knows Egypt well?"),
    ("steers a jet across the Atlantic twice a week", "Who is a pilot?"),
)
"""Facts, and questions that share no word with them that counts."""
_WHO = (
    "A gardener",
    "The old woman",
    "A young man",
    "The neighbour",
    "Somebody",
    "The postman",
    "A child",
    "The tailor",
)
_DID = (
    "walked slowly along the river",
    "sat down under the tall trees",
    "looked out of the narrow window",
    "carried a basket across the square",
    "waited for the rain to end",
    "closed the green door with care",
    "listened to the wind in the chimney",
    "folded the newspaper and sighed",
    "watered the roses behind the fence",
    "swept the leaves from the steps",
)
_WHEN = (
    "In the morning",
    "Later that day",
    "As always",
    "After lunch",
    "Towards evening",
    "Without a word",
    "Once more",
)
_THEN = (
    "and nobody took any notice",
    "while the clouds moved on",
    "and the street was quiet again",
    "as if there were no hurry",
    "and thought of the summer",
    "while a dog barked far away",
)


def sentences(generator: Random, count: int) -> list[str]:
    """Sentences of about 15 words, none like the one before it.

    >>> sentences(Random(1), 1)
    ['In the morning the old woman folded the newspaper and sighed, while a dog barked far away.']
    """
    made: list[str] = []
    while len(made) < count:
        who = generator.choice(_WHO)
        start = f"{generator.choice(_WHEN)} {who[0].lower()}{who[1:]}" if generator.random() < 0.5 else who
        sentence = f"{start} {generator.choice(_DID)}, {generator.choice(_THEN)}."
        if not made or sentence != made[-1]:
            made.append(sentence)
    return made
