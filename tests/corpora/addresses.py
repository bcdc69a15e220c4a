"""Documents whose address is on a list of datatrove's, or says what such addresses say; and some that only look so.

Of the lists the mildest entries are taken: houses of gambling, and words that stand in the dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from tests.corpora.grammar import article
from tests.corpora.planting import Planted

BLOCKED = {
    "domain": ("https://0001casino.com/{}", "https://www.1000casinos.com/{}", "http://ainternetcasinos.com/{}"),
    "subdomain": ("https://banner.clubdicecasino.com/{}", "https://beatonlinecasinos.blogspot.be/{}"),
    "hard_blacklisted": ("https://www.pharmacy.example/viagra/{}",),
    "soft_blacklisted": ("https://www.pictures.example/lingerie/playboy/{}",),
    "blacklisted_subword": ("https://www.meeting.example/chat-online-with-girls/{}",),
}
OPEN = {
    "one_soft_word": "https://www.weather.example/webcam/{}",
    "place_name": "https://www.middlesex-essex-sussex.example/{}",
    "history_of_gambling": "https://www.museum.example/casino-history/{}",
    "country_suffix": "https://www.council.example.co.uk/news/{}",
    "ip_address": "http://192.0.2.17/{}",
    "query": "https://www.library.example/search?q=letters&page=2&ref={}",
    "none": None,
}


def addresses(seed: str, counts: tuple[int, int]) -> Iterator[Planted]:
    """Documents with addresses of each kind: so many that are blocked, and so many that are not."""
    for reason, forms in BLOCKED.items():
        for number in range(counts[0]):
            name = f"url-{reason}-{number:03}"
            random = Random(f"{seed}:{name}")
            address = random.choice(forms).format(f"{random.randrange(10**6)}.html")
            told = {"planted": reason, "reason": reason}
            yield Planted(name, article(random), url=address, file="url/planted", told=told)
    for kind, form in OPEN.items():
        for number in range(counts[1]):
            name = f"url-near_{kind}-{number:03}"
            random = Random(f"{seed}:{name}")
            address = None if form is None else form.format(random.randrange(10**6))
            yield Planted(name, article(random), url=address, file="url/spared", told={"near": kind})
