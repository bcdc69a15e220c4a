"""A repository with a planted history: 40 commits of a small application, what became of it in each, all by seeds.

    planted = plant(tmp_path / "shop")            # the repository, at its newest commit: 100 ms, the same hashes always
    planted.commits[DROP - 1]                     # the hash of commit number DROP; numbers begin with 1
    planted.gate(DROP, "--baseline", "git:v1.1")  # pytest at that commit, some 2 s: its store is .steelyard/store.db
    store_runs(store, planted)                    # what gates of all commits leave in a store, without running one: 1 s

The application is `engine = "python"` (`shop/bot.py`), called "bot" in steelyard.toml. It answers "prices 7?" with
"right" at the rate that `rate_of(commit, "prices", 7)` gives, by a hash of `RELEASE`, the question and how often it was
asked: a commit that touches the application draws anew, and runs of one commit draw the same. So it works for
`pytest --candidate bot --baseline git:v1.1`, and for a bisection over `planted.range("v1.1", "main")`.

Each evaluation of suites/test_shop.py has 20 cases and one story:

- `test_prices` creeps: lower by 0.2 margins (0.01) at nearly each commit from `CREEP` to 30, so that no gate sees it.
- `test_orders` drops once, at commit `DROP`, from 0.95 to 0.75.
- `test_greetings` never changes; its case `FLAKE` is right half of the time.
- `test_refunds` has a case `MENDED`, which is always wrong before the commit `MEND`, and right from there on.

Commits of `DOCS` touch README.md alone: they have the fingerprint of the commit before. `BROKEN` can't be imported, so
that a gate of it ends with exit code 4 and stores no run; the commit after it mends that. `TAGS` name releases.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.store import Store
from tests import warm
from tests.gate.stored import Scored, run
from tests.plugin.projects import INI
from tests.repositories import git

COMMITS, CASES, SAMPLES, MARGIN = 40, 20, 5, 0.05
CREEP, DROP, MEND, BROKEN = 6, 23, 28, 15
DOCS = frozenset({5, 12, 19, 26, 33})
TAGS = {"v1.0": 1, "v1.1": 10, "v1.2": 20, "v1.3": 30, "v1.4": 40}
FLAKE, MENDED = "greetings-13", "refunds-7"
AREAS = ("prices", "orders", "greetings", "refunds")
_FIRST_S = 1_790_000_000
_HOUR_S = 3600

_BOT = '''"""Answers the questions of a shop's customers."""

import hashlib
from collections import Counter

from shop.skills import EXCEPTIONS, RATES, RELEASE

_asked = Counter()


def answer(question):
    """Return "right" or "wrong"; "prices 7?" is question 7 about prices."""
    _asked[question] += 1
    digest = hashlib.blake2b(f"{RELEASE}/{question}/{_asked[question]}".encode(), digest_size=8).digest()
    area = question.partition(" ")[0]
    rate = EXCEPTIONS.get(question, RATES[area])
    return "right" if int.from_bytes(digest, "big") / 2**64 < rate else "wrong"
'''
_SUITE = "import pytest\n" + "".join(
    f'''

@pytest.mark.evaluation(
    cases=[{{"id": f"{area}-{{n}}", "prompt": f"{area} {{n}}?"}} for n in range({CASES})], margin={MARGIN}
)
async def test_{area}(model, case):
    assert await model.ask(case.prompt) == "right"
'''
    for area in AREAS
)
_SETTINGS = f"""samples = {SAMPLES}
candidate = "bot"

[models.bot]
engine = "python"
call = "shop.bot:answer"
"""


def rate_of(commit: int, area: str, case: int) -> float:
    """How often the application is right about a case at a commit."""
    if f"{area}-{case}" == FLAKE:
        return 0.5
    if f"{area}-{case}" == MENDED:
        return float(commit >= MEND)
    lost = 0.01 * sum(CREEP <= each <= commit for each in range(1, 31) if each not in DOCS)
    return {"prices": 0.97 - lost, "orders": 0.75 if commit >= DROP else 0.95}.get(area, 0.95)


def code_of(commit: int) -> int:
    """The last commit, up to this one, that touched the application: equal for equal fingerprints."""
    return max(each for each in range(1, commit + 1) if each not in DOCS)


@dataclass(frozen=True)
class Planted:
    """The repository; `commits` are the hashes, the oldest first."""

    folder: Path
    commits: tuple[str, ...]

    def number(self, commit: str) -> int:
        """The number of a commit, from its hash or the beginning of it."""
        return 1 + next(place for place, each in enumerate(self.commits) if each.startswith(commit))

    def range(self, good: str, bad: str) -> tuple[str, ...]:
        """The commits after `good` up to `bad`, refs of either kind, the oldest first."""
        return tuple(git(self.folder, "rev-list", "--reverse", f"{good}..{bad}").splitlines())

    def gate(self, number: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the suite at a commit, in the repository itself; its store and reports are ignored by git, and stay."""
        git(self.folder, "checkout", "--quiet", self.commits[number - 1])
        try:
            return warm.run("-m", "pytest", "suites", *arguments, cwd=self.folder)
        finally:
            git(self.folder, "checkout", "--quiet", "main")


def plant(folder: Path) -> Planted:
    """Make the repository."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    stream = "".join(_commit(number) for number in range(1, COMMITS + 1))
    stream += "".join(f"reset refs/tags/{tag}\nfrom :{number}\n\n" for tag, number in TAGS.items())
    command = ["git", "fast-import", "--quiet", "--done"]
    subprocess.run(command, cwd=folder, input=f"{stream}done\n".encode(), check=True)
    git(folder, "checkout", "--quiet", "main")
    return Planted(folder, tuple(git(folder, "rev-list", "--reverse", "main").splitlines()))


def _commit(number: int) -> str:
    who, files = f"a <a@b> {_FIRST_S + number * _HOUR_S} +0000", _files(number)
    begun = f"commit refs/heads/main\nmark :{number}\ncommitter {who}\n{_data(f'Commit {number}')}"
    return begun + "".join(f"M 100644 inline {name}\n{_data(text)}" for name, text in files.items()) + "\n"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"


def _files(number: int) -> dict[str, str]:
    """What a commit writes."""
    readme = {"README.md": f"# Shop\n\nRevision {number}.\n"}
    if number in DOCS:
        return readme
    rates = {area: round(rate_of(number, area, 0), 4) for area in AREAS}
    known = (name.rpartition("-") for name in (FLAKE, MENDED))
    exceptions = {f"{area} {case}?": rate_of(number, area, int(case)) for area, _, case in known}
    skills = f"RELEASE = {number}\nRATES = {rates}\nEXCEPTIONS = {exceptions}\n"
    own = {"shop/skills.py": skills, "shop/bot.py": _BOT}
    if number == BROKEN:
        own["shop/bot.py"] = _BOT.replace("EXCEPTIONS, RATES", "EXCEPTION, RATES", 1)
    if number == 1:
        own |= {"steelyard.toml": _SETTINGS, "suites/test_shop.py": _SUITE, "shop/__init__.py": "", "pytest.ini": INI}
        own |= {".gitignore": ".steelyard/\nreports/latest/\nreports/history.html\n__pycache__/\n.pytest_cache/\n"}
    return own | (readme if number == 1 else {})


def store_runs(store: Store, planted: Planted, numbers: Iterable[int] = range(1, COMMITS + 1), seed: int = 31) -> None:
    """Store a run for each of these commits but `BROKEN`, one hour after the other, as its gate would leave it.

    Equal fingerprints have equal scores. The run of commit 7 is called "run-07"; its spec has the commit's hash.
    """
    for number in (each for each in numbers if each != BROKEN):
        code, evaluations = code_of(number), []
        generator = np.random.default_rng([seed, code])
        for area in AREAS:
            rates = np.array([rate_of(code, area, case) for case in range(CASES)])
            drawn = (generator.random((CASES, SAMPLES)) < rates[:, np.newaxis]).astype(float).tolist()
            cases = {f"{area}-{case}": values for case, values in enumerate(drawn)}
            rule = {"margin": MARGIN, "design": "fixed"}
            evaluations.append(Scored(f"suites/test_shop.py::test_{area}", cases, rule=rule))
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_FIRST_S + number * _HOUR_S + 600))
        spec: dict[str, Any] = {"commit": planted.commits[number - 1]}
        versions = {"candidate": {"name": "bot", "fingerprint": f"f-{code:02}", "first_index": 0}}
        run(store, f"run-{number:02}", *evaluations, created=created, spec=spec, versions=versions)
