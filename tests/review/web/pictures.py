"""Makes the pictures of the guide: `python -m tests.review.web.pictures docs/images`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from harness.review import Queue
from harness.store import Store
from tests.review.web import contents
from tests.review.web.serving import Server

LAPTOP = {"viewport": {"width": 1200, "height": 720}}
TALL = {"viewport": {"width": 1200, "height": 940}}
PHONE = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True}
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_GAP = 24


def fill(folder: Path) -> None:
    """A queue in which two reviewers have labelled some items, which they differ in now and then."""
    with Store.open(str(folder / "store.db")) as store:
        contents.fill(store)
        store.review.set_source("b-scale", "20261124-091500-4f2a1c", {})
        queue = Queue(store)
        for name in ("ann", "bob"):
            queue.add_reviewer(name)
        for number in range(10):
            for name, values in (("ann", (5, 2, 1, 4)), ("bob", (5, 3, 1, 4))):
                view = queue.next(name)
                assert view is not None
                value = values[number % 4] if number % 3 else values[number % 4] // 2 + 1
                queue.label(name, view.lease_id, value, key=f"{name}-{number}")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        fill(Path(place))
        with Server(Path(place), "--reviewer", "zoe") as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(args=_OPTIONS, executable_path="/usr/bin/chromium")
            take(browser, server, folder)
            browser.close()


def take(browser: Browser, server: Server, folder: Path) -> None:
    first = browser.new_page()
    first.goto(server.link)
    first.locator("#verdict .choice").first.wait_for()
    state = first.context.storage_state()

    @contextmanager
    def page(kind: dict[str, Any], scheme: str, path: str = "/") -> Iterator[Page]:
        context = browser.new_context(**kind, color_scheme=scheme, storage_state=state)
        opened = context.new_page()
        opened.goto(server.url + path)
        opened.wait_for_timeout(500)
        yield opened
        context.close()

    with page(TALL, "light", "/admin/batches/b-scale") as laptop:
        save(folder / "review-agreement.webp", shot(laptop))
    phones = []
    with page(LAPTOP, "light") as laptop, page(PHONE, "light") as phone:
        save(folder / "review.webp", shot(laptop))
        phones.append(shot(phone))
    skip_to(first, "Better")
    with page(LAPTOP, "dark") as laptop, page(PHONE, "dark") as phone:
        save(folder / "review-pair.webp", shot(laptop))
        phones.append(shot(phone))
    skip_to(first, "program")
    with page(PHONE, "light") as phone:
        phones.append(shot(phone))
    save(folder / "review-phone.webp", side_by_side(phones))
    with page(LAPTOP, "light", "/adjudicate") as laptop:
        save(folder / "review-adjudicate.webp", shot(laptop))


def skip_to(page: Page, title: str) -> None:
    while title not in page.locator("#item-title").inner_text():
        page.wait_for_timeout(200)
        page.keyboard.press("s")


def shot(page: Page) -> Image.Image:
    return Image.open(BytesIO(page.screenshot())).convert("RGB")


def side_by_side(pictures: list[Image.Image]) -> Image.Image:
    width = sum(each.width for each in pictures) + _GAP * (len(pictures) - 1)
    whole = Image.new("RGB", (width, pictures[0].height), "#888888")
    left = 0
    for each in pictures:
        whole.paste(each, (left, 0))
        left += each.width + _GAP
    return whole


def save(path: Path, picture: Image.Image) -> None:
    picture.save(path, "WEBP", quality=80, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
