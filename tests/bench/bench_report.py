"""The HTML report of 10,000 samples: written from the store, and opened from disk in headless Chromium."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import numpy as np

from harness.gate.history.scores import Side
from harness.reporting.html import write_html
from harness.store import Store
from tests.bench.sampling import Figure
from tests.chromium import launched
from tests.gate import stored
from tests.gate.stored import Scored

CASES = 500
SAMPLES = 10
WORDS = 40
"""Of each answer."""
TEXT = "the capital of this country is its largest city and was not always where it is now"

# From the start of the navigation to the first frame in which the verdicts and the list of cases stand.
_WATCH = """new MutationObserver((_, own) => {
  if (!document.querySelector(".case")) return;
  own.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.opened = performance.now(); }));
}).observe(document, { childList: true, subtree: true })"""


def report(folder: Path, repeats: int) -> list[Figure]:
    """Two versions of 500 cases × 10 samples, and 10,000 cases of a sample each."""
    with Store.open(str(folder / "store.db")) as store:
        samples = f"{CASES * SAMPLES * 2:,} samples"
        paired = _fill(store, "paired", CASES, SAMPLES, is_paired=True)
        many = _fill(store, "many", CASES * SAMPLES * 2, 1, is_paired=False)
        figures = _measured(store, paired, folder / "paired", repeats, f"{samples} ({CASES} cases, two versions)")
        return figures + _measured(store, many, folder / "many", repeats, f"{samples} (a case each)")


def _fill(store: Store, run_id: str, cases: int, samples: int, *, is_paired: bool) -> Side:
    """A run with answers of forty words."""
    rng = np.random.default_rng(1)
    words = np.array(TEXT.split())
    rates = rng.beta(4, 1, cases)
    ids = [f"case-{number:05}" for number in range(cases)]
    roles = ("candidate", "baseline") if is_paired else ("candidate",)
    scores = {role: (rng.random((cases, samples)) < rates[:, np.newaxis]).astype(float).tolist() for role in roles}
    says = {
        (role, case): [" ".join(rng.choice(words, WORDS)) for _ in range(samples)] for role in roles for case in ids
    }
    values = {role: dict(zip(ids, each, strict=True)) for role, each in scores.items()}
    rule = {"threshold": 0.7, "n_planned": cases}
    scored = Scored(candidate=values["candidate"], baseline=values.get("baseline"), says=says, rule=rule)
    return stored.run(store, run_id, scored)


def _measured(store: Store, side: Side, folder: Path, repeats: int, what: str) -> list[Figure]:
    took, worked = [], []
    for _ in range(repeats):
        began, work_began = time.perf_counter(), time.process_time()
        path = write_html(store, side.weighed.run, side.report, folder)
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - work_began)
    size_mb = path.stat().st_size / 1e6
    beside_mb = sum(each.stat().st_size for each in (folder / "details").iterdir()) / 1e6
    written, opened = median(took), median(_open(path) for _ in range(repeats))
    beside = f"{median(worked):.2f} s of CPU, details {beside_mb:.1f} MB"
    return [
        Figure(f"HTML report of {what}: written", written, "s", "≤ 2 s", written <= 2, beside),
        Figure(f"HTML report of {what}: the page", size_mb, "MB", "< 2 MB", size_mb < 2),
        Figure(f"HTML report of {what}: opened in headless Chromium", opened, "s", "≤ 0.3 s", opened <= 0.3),
    ]


def _open(path: Path) -> float:
    """Seconds until the page stands, in a browser that has just been started."""
    with launched() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(_WATCH)
        page.goto(path.as_uri())
        return float(page.wait_for_function("window.opened").json_value()) / 1000
