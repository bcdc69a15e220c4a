"""Pages of stored runs, and what is on them as an independent parser reads it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from lxml import html as parser

from harness.gate.history.scores import Side
from harness.reporting.html import write_html
from harness.store import Store
from tests.gate import stored
from tests.gate.stored import Scored

CAPITALS = "suites/foundation/test_facts.py::test_capitals"
RIVERS = "suites/foundation/test_facts.py::test_rivers"
TONE = "suites/evaluation/test_tone.py::test_tone"

OWNED = "window.owned = true"
HOSTILE = (
    f"</script><script>{OWNED}</script>",
    f"<!--<script>{OWNED}</script>-->",
    f"<img src=x onerror='{OWNED}'>",
    f"</title></style><svg onload='{OWNED}'>",
    f"javascript:{OWNED}",
    "]]> \u2028 \u2029 \x85",
    "half \ud800 of a character \udfff",
    "\0 NUL \x1b[31m red \x1b[0m \x07",
    "\u202egreen\u202c \u2066",
    "{{script}} {{data}} %data% ${1} `",
    "__proto__",
    "x" * 1_000_000,
)
HOSTILE_IDS = (
    f"<img src=x onerror='{OWNED}'>",
    "__proto__",
    "constructor",
    "a&b#c=d?e%20f",
    "\u202eperu",
    "é 東京",
)


def capitals(**more: Any) -> Scored:
    """Sixty capitals, of which the candidate has forgotten every fifth: enough to be worse for certain."""
    cases = [f"case-{number:02}" for number in range(60)]
    candidate = {case: [0.0, 0.0] if number % 5 == 0 else [1.0, 1.0] for number, case in enumerate(cases)}
    says = {("baseline", "case-00"): ["The capital is Lima.", "Lima"]}
    says |= {("candidate", "case-00"): ["The capital is Quito, surely.", "Cusco"]}
    rule = {"design": "sequential", "n_planned": 60, "threshold": 0.9, "margin": 0.1, **more}
    return Scored(CAPITALS, candidate=candidate, baseline={case: [1.0, 1.0] for case in cases}, rule=rule, says=says)


def rivers() -> Scored:
    """A few rivers, known to both."""
    cases = {f"river-{number}": [1.0, 1.0, 1.0] for number in range(8)}
    cases["river-7"] = [1.0, 0.0, 1.0]
    rule = {"margin": 0.4, "requirement": "Whoever asks for a river gets its name"}
    return Scored(RIVERS, candidate=cases, baseline=dict(cases), rule=rule)


def hostile() -> tuple[Scored, ...]:
    """Two evaluations, their cases and their answers, all of which would like to be a script."""
    ids = [*HOSTILE_IDS, *(text for text in HOSTILE if len(text) < 100 and "\ud800" not in text and "\0" not in text)]
    says = {}
    for number, case in enumerate(ids):
        for role, shift in (("candidate", 0), ("baseline", 1)):
            says[role, case] = [HOSTILE[(number + shift + index) % len(HOSTILE)] for index in range(len(HOSTILE))]
    scores = {case: [0.0] * len(HOSTILE) for case in ids}
    best = {case: [1.0] * len(HOSTILE) for case in ids}
    name = f"suites/t.py::test_a[</script><script>{OWNED}</script>]"
    rule = {"requirement": f"non-functional: <b onclick='{OWNED}'>safe</b></script>", "threshold": 0.5}
    proto = Scored("__proto__", candidate={"constructor": [1.0, "skipped"], "toString": ["error", 1.0]})
    return Scored(name, candidate=scores, baseline=best, says=says, rule=rule), proto


def page(store: Store, folder: Path, *evaluations: Scored, run_id: str = "20261124-161500-3f2a1b", **more: Any) -> Path:
    """Store a run, and write its page."""
    return page_of(store, stored.run(store, run_id, *evaluations, **more), folder)


def page_of(store: Store, side: Side, folder: Path) -> Path:
    """The page of a stored run."""
    return write_html(store, side.weighed.run, side.report, folder)


def read(path: Path) -> Any:
    """The page as lxml (libxml2) parses it."""
    return parser.fromstring(path.read_bytes(), parser=parser.HTMLParser(encoding="utf-8"))


def data(path: Path) -> dict[str, Any]:
    """What the page holds."""
    (block,) = read(path).xpath("//script[@type='application/json']")
    content: dict[str, Any] = json.loads(block.text)
    return content


def details(path: Path) -> list[dict[str, Any]]:
    """All cases in the files beside a page."""
    return cases_in(path.parent / "details", data(path)["run_id"])


def cases_in(folder: Path, run_id: str) -> list[dict[str, Any]]:
    """All cases in files of details, each of which names its run and number."""
    found = []
    for file in sorted(folder.glob("[0-9]*.js"), key=lambda each: int(each.stem)):
        match = re.fullmatch(r'steelyard\.details\("([^"]*)",(\d+),(\[.*\])\);\n', file.read_text("ascii"), re.DOTALL)
        assert match is not None, file
        assert (match[1], match[2]) == (run_id, file.stem)
        found += json.loads(match[3])
    return found
