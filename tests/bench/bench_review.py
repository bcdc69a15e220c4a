"""The review queue in a browser: the time from a label to the next item, on the server and on the screen."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

from harness.gate.people.batches import fill_batch, settle_batch
from harness.review import Queue
from harness.review.batches.draws import subject_of
from harness.review.batches.plans import ReviewPlan
from harness.statistics.labels.draws import LabelQuestion
from harness.store import Store
from tests.bench.sampling import Figure
from tests.review import runs
from tests.review.web import contents
from tests.review.web.client import Client
from tests.review.web.serving import Server

ITEMS = 10_000
JUDGED = 1_000
REVIEWERS = 8
LABELS = 60
PAUSE_S = 0.5
PRESSES = 60
_STEP = "label in and next item out over HTTP"
CHROMIUM = shutil.which("chromium") or "chromium"

# Of each press: from the key's event to the first frame in which the next item stands, as the page itself sees it.
_WATCH = """() => {
  window.took = [];
  addEventListener("keydown", (event) => {
    const began = event.timeStamp;
    const seen = new MutationObserver(() => {
      seen.disconnect();
      requestAnimationFrame(() => setTimeout(() => took.push(performance.now() - began)));
    });
    seen.observe(document.getElementById("stage"), { childList: true });
  }, { capture: true });
}"""


def review(folder: Path) -> list[Figure]:
    """Eight reviewers on 10,000 items, then one key after another in headless Chromium on the same queue; and eight
    reviewers on what a gate draws while they label, with 10,000 items behind it."""
    with Store.open(str(folder / "store.db")) as store:
        tokens = _filled(store)
    with Server(folder, "--reviewer", "zoe") as server:
        at_work = _label(server, tokens, PAUSE_S)
        flat_out = _label(server, tokens, 0.0)
        on_screen = _press(server)
    figures = [*_server_figures(at_work, flat_out), *_gate_figures(folder / "gate"), *_screen_figures(on_screen)]
    return [*figures, _front_figure(folder / "front.db")]


def _filled(store: Store) -> list[str]:
    """Add the items that no gate decides, and the reviewers; gives their tokens."""
    answers = [[f"{contents.SUMMARIES[number % 3]} ({number})"] for number in range(ITEMS)]
    contents.add(store, contents.SCALE, contents.items_of("b1", contents.BRIDGE, answers))
    return [Queue(store).add_reviewer(f"r{number}") for number in range(REVIEWERS)]


def _gate_figures(folder: Path) -> list[Figure]:
    """A batch that a gate filled is offered first. It is decided again as labels come in, and draws what they call for.

    The labels' mean is what is demanded, so that it stays open to the end and its ledger grows with each label.
    """
    folder.mkdir()
    with Store.open(str(folder / "store.db")) as store:
        run = runs.add_run(store, n_cases=JUDGED)
        subject = subject_of(store, run, ReviewPlan(runs.EVALUATION, "score", contents.SCALE), "uncertain")
        questions = (LabelQuestion("rate", demanded=0.5, margin=0.02),)
        batch = fill_batch(store, run, subject, questions, "uncertain")
        first = settle_batch(store, batch, subject, questions).ledger.n_items
        tokens = _filled(store)
    with Server(folder) as server:
        took = _label(server, tokens, PAUSE_S)
    with Store.open(str(folder / "store.db"), readonly=True) as store:
        labels, drawn = len(store.review.events(batch_id=batch.id)), len(store.review.items(batch.id)) - first
        if store.review.batch(batch.id).closed is not None or drawn < labels // 2:
            raise RuntimeError(f"{drawn} items were drawn after {labels} labels, or it was decided.")
    what = (
        f"review, {ITEMS:,} items, {REVIEWERS} reviewers, a gate of {JUDGED:,} cases decides again meanwhile: {_STEP}"
    )
    return _timed(what, took, f"{labels} of {len(took)} labels were the gate's, which drew {drawn} further items")


def _front_figure(path: Path) -> Figure:
    """The next item for somebody who has labelled all at the front, where others still have to."""
    with Store.open(str(path)) as store:
        answers = [[f"{contents.SUMMARIES[number % 3]} ({number})"] for number in range(ITEMS)]
        items = contents.items_of("b1", contents.BRIDGE, answers)
        contents.add(store, contents.SCALE, [replace(each, wanted=2) for each in items])
        queue, took = Queue(store), []
        queue.add_reviewer("ann")
        for number in range(ITEMS // 2):
            began = time.perf_counter()
            view = queue.next("ann")
            took.append((time.perf_counter() - began) * 1000)
            if view is None:
                raise RuntimeError(f"After {number} of {ITEMS} items the queue offers none.")
            queue.label("ann", view.lease_id, 3, key=f"{number}")
    middle = median(took[-200:])
    name = f"review, {ITEMS:,} items wanting two labels: the next item for who labelled {ITEMS // 2:,}, median"
    return Figure(name, middle, "ms", "≤ 10 ms", middle <= 10, f"{median(took[:200]):.2f} ms for the first ones")


def _label(server: Server, tokens: Sequence[str], pause_s: float) -> list[float]:
    """Milliseconds of each request that brings a label and fetches the next item, as clients see them."""
    took: list[float] = []
    ready = threading.Barrier(len(tokens))

    def work(number: int) -> None:
        random = Random(number)
        with Client(server.url) as client:
            client.sign_in(tokens[number])
            held = [client.next([])]
            held.append(client.next(held))
            ready.wait()
            for press in range(LABELS):
                time.sleep(random.expovariate(1 / pause_s) if pause_s else 0)
                lease = held.pop(0)
                body = {"act": "label", "lease": lease, "key": f"{lease}", "value": press % 5 + 1}
                began = time.perf_counter()
                answer = client.post("/api/answer", {**body, "want": True, "holding": held})
                took.append((time.perf_counter() - began) * 1000)
                held.append(answer["next"]["lease"])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(tokens))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(took) != LABELS * len(tokens):
        raise RuntimeError(f"{len(took)} of {LABELS * len(tokens)} labels came through:\n{server.log.read_text()}")
    return took


def _press(server: Server) -> list[float]:
    """Milliseconds from each key to the frame with the next item."""
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(server.link)
        page.locator("#verdict .choice").first.wait_for()
        page.evaluate(_WATCH)
        for press in range(PRESSES):
            page.wait_for_timeout(300)
            page.keyboard.press(str(press % 5 + 1))
            page.wait_for_function("(count) => took.length === count", arg=press + 1)
        took: list[Any] = page.evaluate("took")
        browser.close()
    return [float(each) for each in took]


def _server_figures(at_work: list[float], flat_out: list[float]) -> list[Figure]:
    what = f"review, {ITEMS:,} items, {REVIEWERS} reviewers: {_STEP}"
    beside = f"95th percentile {_high(flat_out):.0f} ms; clients share the machine's cores with the server"
    return [
        *_timed(what, at_work, f"a label every {PAUSE_S} s by each on average"),
        Figure(f"{what}, without a pause, median", median(flat_out), "ms", "", True, beside),
    ]


def _timed(what: str, took: list[float], beside: str) -> list[Figure]:
    middle, high = median(took), _high(took)
    return [
        Figure(f"{what}, median", middle, "ms", "≤ 10 ms", middle <= 10, beside),
        Figure(f"{what}, 95th percentile", high, "ms", "≤ 50 ms", high <= 50, beside),
    ]


def _screen_figures(took: list[float]) -> list[Figure]:
    middle = median(took)
    name = f"review, {ITEMS:,} items: key to the next item on screen, headless Chromium, median"
    beside = f"95th percentile {_high(took):.0f} ms, {len(took)} presses"
    return [Figure(name, middle, "ms", "≤ 100 ms", middle <= 100, beside)]


def _high(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]
