"""The page in a real browser: keys, prefetching, lost connections, leases, dialogs, focus, and what a model wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from harness.review import Queue
from harness.store import Store
from tests.chromium import MARKS, WAIT_S, launched, look_at, wait_until
from tests.ports import held_port
from tests.review.web import contents
from tests.review.web.serving import Server

pytestmark = MARKS
TITLE = "#item-title"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """The store that the server serves, for a look at what is in it."""
    with Store.open(str(tmp_path / "store.db")) as opened:
        yield opened


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """`serve(lease_s=2, port=…)`: a server for the admin zoe."""
    with ExitStack() as stack:

        def start(port: int = 0, lease_s: float | None = None) -> Server:
            port = port or stack.enter_context(held_port())
            return stack.enter_context(Server(tmp_path, "--reviewer", "zoe", port=port, lease_s=lease_s))

        yield start


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(address)`: a page of a browser of its own; an error in a script fails the test."""
    contexts, errors = [], []

    def on_dialog(dialog: Dialog) -> None:
        if dialog.type != "beforeunload":
            errors.append(f"dialog: {dialog.message}")
        dialog.accept()

    def start(address: str, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
        page.on("dialog", on_dialog)
        page.goto(address)
        if "#" in address:
            page.locator("#verdict *").first.wait_for(state="attached")  # the script has run
        return page

    yield start
    for context in contexts:
        context.close()
    assert errors == []


def numbered(store: Store, n_items: int, form: contents.Form = contents.SCALE, **fields: Any) -> None:
    """Items whose answers are their numbers."""
    answers = [
        [f"left {number}", f"right {number}"] if form.is_pair else [f"answer {number}"] for number in range(n_items)
    ]
    contents.add(store, form, contents.items_of("b1", "Q?", answers, **fields))


def values(store: Store) -> list[Any]:
    """What counts at present, by the items' order."""
    items, standings = store.review.items_and_standings("b1")
    return [standings[item.id].value for item in items if standings[item.id].state == "done"]


def expect_values(page: Page, store: Store, expected: list[Any]) -> None:
    """Wait until what the page sends has come to the store, and see that it is this."""
    wait_until(page, lambda: len(values(store)) >= len(expected))
    assert values(store) == expected


def fetched(page: Page, n: int = 1) -> None:
    """Wait until the server has answered so often with the item after the one on screen."""
    page.wait_for_function(_ANSWERS, arg=n, timeout=1_000 * WAIT_S)


_ANSWERS = """(n) => performance.getEntriesByType("resource")
  .filter((each) => each.name.endsWith("/api/next") || each.name.endsWith("/api/answer")).length >= n"""


def press(page: Page, key: str, shown: str) -> None:
    """Press a key as a person would, who has seen the item, and wait for what it leads to."""
    look_at(page)
    page.keyboard.press(key)
    expect(page.locator("#stage")).to_contain_text(shown)


def test_one_key_labels_submits_and_shows_the_next(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 5)
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    assert "#" not in page.url, "the token is out of the address bar"
    for number in range(1, 5):
        press(page, str(number), f"answer {number}")
        expect(page.locator("#said")).to_have_text(f"Labelled {number}.")
        expect(page.locator(TITLE)).to_be_focused()
    look_at(page)
    page.keyboard.press("5")
    expect(page.locator("#empty h1")).to_be_focused()
    assert values(store) == [1, 2, 3, 4, 5]


def enter_address(page: Page, url: str) -> None:
    """Go to an address as its bar does. A script of the page may end with the page before it has answered."""
    session = page.context.new_cdp_session(page)
    session.send("Page.navigate", {"url": url})
    session.detach()


def test_the_printed_address_works_in_a_tab_that_shows_the_sign_in_already(
    serve: Any, open_page: Any, store: Store
) -> None:
    """Then nothing but what is behind the # changes, and no page is loaded; the token does not stay in sight."""
    numbered(store, 2)
    server = serve()
    page = open_page(server.url + "/sign-in")
    for _ in range(2):
        with page.expect_navigation(url=re.compile("/sign-in$")):
            enter_address(page, f"{page.url}#wrong")
        expect(page.get_by_role("alert")).to_contain_text("This token is nobody's")
        assert page.url == server.url + "/sign-in"
    enter_address(page, server.link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    assert page.url == server.url + "/"
    page.go_back()
    assert "#" not in page.url


def test_the_next_item_is_there_before_the_key_and_held_for_the_reviewer(
    serve: Any, open_page: Any, store: Store
) -> None:
    numbered(store, 5)
    server = serve()
    page = open_page(server.link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    fetched(page)
    assert Queue(store).progress()[0].held == 2
    server.kill()
    press(page, "4", "answer 1")


def test_skip_flag_and_undo(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 4)
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    press(page, "s", "answer 1")
    press(page, "z", "answer 0")
    expect(page.locator("#said")).to_have_text("Taken back: skipped.")
    press(page, "4", "answer 1")
    page.keyboard.press("c")
    expect(page.get_by_label("Comment on this item")).to_be_focused()
    look_at(page)
    page.keyboard.type("cut 1 2 s z")
    page.keyboard.press("Enter")
    press(page, "f", "answer 2")
    expect(page.get_by_label("Comment on this item")).to_have_value("")
    press(page, "5", "answer 3")
    press(page, "z", "answer 2")
    press(page, "z", "answer 1")
    press(page, "z", "answer 0")
    page.keyboard.press("z")
    expect(page.locator("#said")).to_contain_text("nothing that could be undone")
    expect(page.locator(".answer")).to_contain_text("answer 0")
    kinds = [event.kind for event in store.review.events(batch_id="b1")]
    assert kinds == ["skip", "undo", "label", "flag", "label", "undo", "undo", "undo"]
    assert store.review.events(batch_id="b1")[3].note == "cut 1 2 s z"


def focused(page: Page) -> str:
    """What a screen reader says of the element that has the focus: its name in the browser's accessibility tree."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    names = [
        f"{node['role']['value']} {node['name']['value']}"
        for node in nodes
        if any(each["name"] == "focused" and each["value"]["value"] for each in node.get("properties", ()))
        and node["role"]["value"] != "RootWebArea"
    ]
    return names[0] if names else ""


@pytest.mark.nightly
def test_a_screen_reader_is_told_that_another_item_is_there(serve: Any, open_page: Any, store: Store) -> None:
    """All items have the same title; the number that is said before it makes each another."""
    numbered(store, 4)
    page = open_page(serve().link)
    expect(page.get_by_role("heading", name="Item 1: Faithful summary", exact=True)).to_be_visible()
    expect(page.get_by_role("article", name="Item 1: Faithful summary", exact=True)).to_be_visible()
    press(page, "4", "answer 1")
    assert focused(page) == "heading Item 2: Faithful summary"
    press(page, "s", "answer 2")
    assert focused(page) == "heading Item 3: Faithful summary"
    press(page, "z", "answer 1")
    assert focused(page) == "heading Item 2, again: Faithful summary"
    expect(page.get_by_role("status").filter(has_text="Taken back: skipped.")).to_be_visible()
    press(page, "5", "answer 2")
    assert focused(page) == "heading Item 3: Faithful summary"
    press(page, "5", "answer 3")
    look_at(page)
    page.keyboard.press("5")
    expect(page.locator("#empty h1")).to_be_focused()
    assert focused(page) == "heading Nothing is left for you"


@pytest.mark.nightly
def test_the_count_follows_each_key(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 1_003)
    page = open_page(serve().link)
    counts, bar = page.locator("#counts"), page.locator("#progress")
    expect(counts).to_have_text("1,003 labels left")
    press(page, "4", "answer 1")
    expect(counts).to_have_text("1,002 labels left")
    press(page, "s", "answer 2")
    expect(counts).to_have_text("1,002 labels left")
    press(page, "z", "answer 1")
    press(page, "z", "answer 0")
    expect(counts).to_have_text("1,003 labels left")
    press(page, "5", "answer 1")
    expect(counts).to_have_text("1,002 labels left")
    assert bar.evaluate("(each) => [each.value, each.max]") == [1, 1_003]


def test_the_end_says_what_was_decided(serve: Any, open_page: Any, store: Store) -> None:
    """The gate decides a moment after the last label: the page looks again by itself, and says so to the ear, too."""
    numbered(store, 2, wanted=2)
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    press(page, "4", "answer 1")
    look_at(page)
    page.keyboard.press("4")
    expect(page.locator("#empty h1")).to_have_text("Nothing is left for you")
    expect(page.locator("#counts")).to_have_text("2 labels left")
    store.review.set_closed("b1", 1.0, "decided: passed")
    expect(page.locator("#empty")).to_contain_text("Faithful summary decided: passed")
    expect(page.locator("#empty h1")).to_be_focused()
    assert focused(page) == "heading The gate is decided"
    expect(page.locator("#counts")).to_have_text("0 labels left")
    expect(page.get_by_text("Every open item has its labels")).to_be_hidden()


def test_a_comment_goes_with_the_verdict_and_its_letters_are_no_keys(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 3)
    page = open_page(serve().link)
    comment = page.get_by_label("Comment on this item")
    expect(page.locator(".answer")).to_contain_text("answer 0")
    page.keyboard.press("c")
    page.keyboard.type("4 f, zu kurz")
    page.keyboard.press("Escape")
    expect(page.locator(TITLE)).to_be_focused()
    press(page, "2", "answer 1")
    expect(comment).to_have_value("")
    press(page, "3", "answer 2")
    expect_values(page, store, [2, 3])
    assert [event.note for event in store.review.events(batch_id="b1")] == ["4 f, zu kurz", ""]


def test_a_pair_is_judged_by_arrows_and_numbers_on_the_side_that_was_seen(
    serve: Any, open_page: Any, store: Store
) -> None:
    numbered(store, 6, contents.PAIR)
    page = open_page(serve().link)
    preferred = []
    for number, key in enumerate(["ArrowLeft", "ArrowRight", "1", "3", "2"]):
        # Not all_inner_texts: it is empty until the browser has drawn what it shows by `content-visibility: auto`.
        sides = [text.strip() for text in page.locator(".pair .answer .body").all_text_contents()]
        assert sorted(sides) == [f"left {number}", f"right {number}"]
        preferred.append({"ArrowLeft": sides[0], "1": sides[0], "ArrowRight": sides[1], "3": sides[1], "2": "tie"}[key])
        press(page, key, f"left {number + 1}")
    wait_until(page, lambda: len(values(store)) == len(preferred))
    said = {"first": "left", "second": "right", "tie": "tie"}
    assert [said[value] for value in values(store)] == [words.split()[0] for words in preferred]


@pytest.mark.nightly
def test_a_key_that_bounces_or_is_held_down_labels_nothing_that_nobody_saw(
    serve: Any, open_page: Any, store: Store
) -> None:
    numbered(store, 20)
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    look_at(page)
    page.evaluate(_TWICE)
    expect(page.locator(".answer")).to_contain_text("answer 1")
    for _ in range(5):
        look_at(page)
        page.keyboard.down("5")  # the first is a press, the others repeat
    page.keyboard.up("5")
    page.wait_for_timeout(300)
    expect_values(page, store, [4, 5])


_TWICE = """() => {
  const press = () => new KeyboardEvent("keydown", { key: "4", code: "Digit4", bubbles: true });
  for (let n = 0; n < 2; n++) document.body.dispatchEvent(press());
}"""


def test_nothing_is_lost_when_the_server_is_killed_between_two_keys(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 6)
    server = serve()
    page = open_page(server.link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    press(page, "1", "answer 1")
    fetched(page, 2)
    server.kill()
    press(page, "2", "answer 2")
    look_at(page)
    page.keyboard.press("3")
    expect(page.get_by_role("alert")).to_contain_text("The server can't be reached. Your last 2 are kept here")
    serve(port=server.port)
    expect(page.locator(".answer")).to_contain_text("answer 3")
    expect(page.locator("#trouble")).to_be_hidden()
    press(page, "4", "answer 4")
    expect_values(page, store, [1, 2, 3, 4])


@pytest.mark.nightly
def test_what_was_said_to_a_dead_server_is_sent_after_the_page_was_opened_again(
    serve: Any, open_page: Any, store: Store
) -> None:
    numbered(store, 4)
    server = serve()
    page = open_page(server.link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    fetched(page)
    server.kill()
    press(page, "2", "answer 1")
    page.evaluate("window.stop()")
    address = page.url
    page.goto("about:blank")
    serve(port=server.port)
    page.goto(address)
    expect(page.locator(".answer")).to_contain_text("answer 1")
    assert values(store) == [2]


@pytest.mark.nightly
def test_an_answer_that_got_lost_on_its_way_back_counts_once(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 4)
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    lost = []

    def lose_first(route: Any) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    page.route("**/api/answer", lose_first)
    press(page, "4", "answer 1")
    press(page, "5", "answer 2")
    expect_values(page, store, [4, 5])
    assert lost == [200]
    assert [event.value for event in store.review.events(batch_id="b1")] == [4, 5]


@pytest.mark.nightly
def test_an_expired_lease_is_told_and_the_item_can_be_taken_up_again(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 3)
    page = open_page(serve(lease_s=2).link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    expect(page.get_by_role("alert")).to_contain_text("Your time for this item ran out.")
    page.mouse.move(100, 100)  # who is back keeps it
    expect(page.locator("#trouble")).to_be_hidden()
    press(page, "4", "answer 1")
    expect(page.get_by_role("alert")).to_contain_text("ran out")
    press(page, "5", "answer 2")  # without taking it up: it is still free, so it counts
    expect_values(page, store, [4, 5])


@pytest.mark.nightly
def test_a_reviewer_at_work_keeps_the_item(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 3)
    page = open_page(serve(lease_s=6).link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    for step in range(50):
        page.mouse.move(100 + step, 100)
        page.wait_for_timeout(200)
    expect(page.locator("#trouble")).to_be_hidden()
    assert Queue(store).progress()[0].held == 2


@pytest.mark.nightly
def test_a_label_for_an_item_that_somebody_else_has_by_now_is_told_and_not_counted(
    serve: Any, open_page: Any, store: Store
) -> None:
    numbered(store, 3)
    page = open_page(serve(lease_s=2).link)
    expect(page.get_by_role("alert")).to_contain_text("ran out")
    queue = Queue(store)
    queue.add_reviewer("bob")
    view = queue.next("bob")
    assert view is not None
    queue.label("bob", view.lease_id, 2, key="k")
    page.keyboard.press("4")
    refused = page.locator("#refused")
    expect(refused).to_contain_text("Not counted: labelled 4.")
    expect(page.locator(".answer")).to_contain_text("answer 1")
    refused.get_by_role("button", name="Close").click()
    expect(refused).to_be_hidden()


def test_two_tabs_count_a_label_once(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 4)
    server = serve()
    page = open_page(server.link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    other = page.context.new_page()
    other.goto(server.url)
    expect(other.locator(".answer")).to_contain_text("answer 0")
    press(page, "4", "answer 1")
    expect_values(page, store, [4])
    other.bring_to_front()
    press(other, "2", "answer")
    expect(other.get_by_role("alert")).to_contain_text("Not counted: labelled 2.")
    expect(other.get_by_role("alert")).to_contain_text("another tab")
    assert values(store) == [4]
    server.kill()
    other.wait_for_timeout(200)
    other.keyboard.press("3")
    expect(other.locator("#trouble")).to_contain_text("The server can't be reached.")
    expect(other.locator("#refused")).to_contain_text("Not counted: labelled 2.")
    serve(port=server.port)
    expect(other.locator("#trouble")).to_be_hidden()
    expect(other.locator("#refused")).to_be_hidden()
    assert values(store) == [4, 3]


@pytest.mark.nightly
def test_who_is_signed_out_meanwhile_is_told_and_loses_nothing(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 4)
    server = serve()
    page = open_page(server.link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    fetched(page)
    page.context.clear_cookies()
    press(page, "4", "answer 1")
    expect(page.get_by_role("alert")).to_contain_text("You are signed out. What you said last is kept here")
    token = Queue(store).new_token("zoe")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in").click()
    opened.value.get_by_label("Token").fill(token)
    opened.value.get_by_role("button", name="Sign in").click()
    expect(opened.value.locator(".answer")).to_contain_text("answer 1")
    assert values(store) == [4]


@pytest.mark.parametrize("form", list(contents.FORMS.values()), ids=list(contents.FORMS))
def test_nothing_that_a_model_wrote_is_executed(serve: Any, open_page: Any, store: Store, form: contents.Form) -> None:
    attack = (
        "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
        "</textarea></template></article><svg onload=document.title='owned'><style>*{display:none}</style>"
        "<a href=\"javascript:document.title='owned'\">link</a>\n```\n</code></pre>"
        "<script>document.title='owned'</script>"
    )
    answers = [[attack, attack] if form.is_pair else [attack]] * 3
    contents.add(store, form, contents.items_of("b1", attack, answers), evaluation_id=attack)
    page = open_page(serve().link)
    for _ in range(2):
        expect(page.locator(".answer").first).to_contain_text("<script>document.title='owned'</script>")
        assert page.locator("#stage").locator("script, img, svg, style, a").count() == 0
        assert page.title() == "Review · Steelyard"
        page.wait_for_timeout(200)
        page.keyboard.press("s")
    page.wait_for_timeout(200)
    page.goto(page.url + "admin")
    expect(page.locator("table").first).to_contain_text("<script>")
    assert page.title() == "Admin · Steelyard"


@pytest.mark.nightly
@pytest.mark.parametrize("answer", ["all work and no play\n" * 250_000, "x" * 5_000_000], ids=["lines", "one word"])
def test_an_answer_of_5_mb_does_not_hang_the_browser(serve: Any, open_page: Any, store: Store, answer: str) -> None:
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [[answer], ["short"]]))
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text("the first 200,000 of ", timeout=5_000)
    # Two frames and a scroll to the end: a hanging browser would not answer within these.
    page.set_default_timeout(3_000)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    press(page, "4", "short")
    expect_values(page, store, [4])


def test_the_guidelines_stay_as_the_reviewer_left_them(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 4)
    page = open_page(serve().link)
    expect(page.get_by_text("Read the text first, then the summary.")).to_be_visible()
    page.keyboard.press("g")
    expect(page.get_by_text("Read the text first, then the summary.")).to_be_hidden()
    press(page, "4", "answer 1")
    expect(page.get_by_text("Read the text first, then the summary.")).to_be_hidden()


def test_single_keys_can_be_turned_off(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 3)
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("4")
    page.get_by_label("Single keys work").uncheck()
    page.keyboard.press("Escape")
    page.wait_for_timeout(200)
    page.keyboard.press("4")
    page.keyboard.press("s")
    page.wait_for_timeout(200)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    page.get_by_role("button", name="4 one detail is off").click()
    expect(page.locator(".answer")).to_contain_text("answer 1")


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("key", "code", "said"), [("&", "Digit1", "Labelled 1."), ("ы", "KeyS", "Skipped."), ("S", "KeyS", "Skipped.")]
)
def test_keys_work_on_other_layouts(serve: Any, open_page: Any, store: Store, key: str, code: str, said: str) -> None:
    numbered(store, 3)
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    page.wait_for_timeout(200)
    page.dispatch_event("body", "keydown", {"key": key, "code": code})
    expect(page.locator("#said")).to_have_text(said)


@pytest.mark.nightly
def test_a_browser_that_lets_nothing_be_stored_loses_nothing_while_the_page_is_open(
    serve: Any, open_page: Any, store: Store
) -> None:
    numbered(store, 5)
    server = serve()
    page = open_page(server.url + "/sign-in")
    page.add_init_script("Storage.prototype.setItem = Storage.prototype.getItem = () => { throw new Error('no'); }")
    page.goto("about:blank")
    page.goto(server.link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    fetched(page)
    server.kill()
    press(page, "2", "answer 1")
    look_at(page)
    page.keyboard.press("3")
    expect(page.get_by_role("alert")).to_contain_text("Your last 2 are kept here")
    serve(port=server.port)
    expect(page.locator("#trouble")).to_be_hidden()
    expect(page.locator(".answer")).to_contain_text("answer 2")
    expect_values(page, store, [2, 3])


def test_buttons_are_reached_and_pressed_with_the_tab_key_alone(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 3)
    page = open_page(serve().link)
    expect(page.locator(".answer")).to_contain_text("answer 0")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim().replace(/\\s+/g, ' ')"))
        if reached[-1].startswith("4"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_contain_text("answer 1")
    expect(page.locator(TITLE)).to_be_focused()
    expect_values(page, store, [4])


def test_a_phone_has_buttons_large_enough_and_scrolls_one_way(serve: Any, open_page: Any, store: Store) -> None:
    contents.fill(store, most=2)  # each is skipped on the way to the next form
    server = serve()
    phone = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
    page = open_page(server.link, **phone)
    page.locator("#verdict .choice").first.wait_for()
    number = 1
    for title in ("Faithful", "Better", "program"):
        while title not in page.locator(TITLE).inner_text():
            page.wait_for_timeout(200)
            page.get_by_role("button", name="Skip").tap()
            number += 1
            expect(page.locator("#item-number")).to_have_text(str(number))
        buttons = page.locator("#dock button:visible")
        for button in buttons.all():
            box = button.bounding_box()
            assert box
            assert box["height"] >= 38
            assert box["width"] >= 44
            assert box["x"] + box["width"] <= 390
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for path in ("/adjudicate", "/admin", "/admin/batches/b-scale"):
        page.goto(server.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_a_long_name_of_an_evaluation_breaks_on_a_phone(serve: Any, open_page: Any, store: Store) -> None:
    named = "quality/assistant/test_answers_of_the_help_desk.py::test_that_each_answer_is_right"
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [["an answer"]]), named)
    page = open_page(serve().link, viewport={"width": 390, "height": 844})
    expect(page.locator(".answer")).to_contain_text("an answer")
    expect(page.locator("#stage")).to_contain_text(named)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


SIZES = {"phone": (390, 844), "on its side": (844, 390), "at 200 %": (640, 400), "at 400 %": (320, 256)}
TEN = contents.Form(
    "scale",
    "How much of it is in the text, from nothing to all?",
    choices=tuple(
        contents.LabelChoice(n, f"meaning of the value number {n}, which is rather long and goes on", n / 10)
        for n in range(1, 11)
    ),
)


@pytest.mark.nightly
@pytest.mark.parametrize("size", list(SIZES.values()), ids=list(SIZES))
def test_ten_values_with_meanings_leave_room_for_the_item(
    serve: Any, open_page: Any, store: Store, size: tuple[int, int]
) -> None:
    """The item has more than half of the screen, wherever one scrolls to read it, and every button can be reached."""
    width, height = size
    contents.add(store, TEN, contents.items_of("b1", contents.BRIDGE, [["word " * 300]] * 3))
    page = open_page(serve().link, viewport={"width": width, "height": height})
    expect(page.locator(".answer")).to_contain_text("word")
    for part in ("#item-title", ".answer h2"):
        page.locator(part).evaluate("(each) => scrollTo(0, each.getBoundingClientRect().top + scrollY - 10)")
        seen = page.evaluate(_UNCOVERED)
        assert seen > 0.55, part
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for button in page.locator("#dock button:visible").all():
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= height + 1
        assert box["x"] + box["width"] <= width
        middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
        assert button.evaluate("(each, [x, y]) => each.contains(document.elementFromPoint(x, y))", middle)
    page.get_by_role("button", name="10 meaning").click()
    expect(page.locator("#said")).to_have_text("Labelled 10.")
    box = page.locator("#stage").bounding_box()
    assert box
    assert -1 <= box["y"] < height / 2, "the next item is shown from its beginning"


# The share of the screen's height in which the item is seen: neither header nor choices are before it.
_UNCOVERED = """() => {
  const inItem = (y) => document.elementsFromPoint(innerWidth / 2, y)[0]?.closest("main");
  const rows = Array.from({ length: innerHeight }, (_, y) => y);
  return rows.filter(inItem).length / innerHeight;
}"""


@pytest.mark.nightly
def test_the_admins_pages_never_scroll_sideways(serve: Any, open_page: Any, store: Store) -> None:
    """Every button is on the screen; on a phone the counts have their names beside them."""
    contents.fill(store)
    long_name = f"suites/{'evaluation' * 12}.py::test_long"
    contents.add(store, contents.SCALE, contents.items_of("b-long", "Q?", [["one"]]), long_name)
    store.review.set_closed("b-long", 1.0, "superseded by run 20261124-091500-4f2a1c")
    queue = Queue(store)
    for name in ("ann", "bob"):
        queue.add_reviewer(name)
        view = queue.next(name)
        assert view is not None
        queue.label(name, view.lease_id, 4, key=name)
    server = serve()
    page = open_page(server.link, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    for path in ("/admin", "/admin/batches/b-scale", "/admin/batches/b-long"):
        page.goto(server.url + path)
        for width in (320, 390, 640, 844, 991, 993, 1280):
            page.set_viewport_size({"width": width, "height": 844})
            for table in page.locator(".scroll").all():
                assert table.evaluate("(each) => each.scrollWidth <= each.clientWidth"), (path, width)
            for each in page.locator("main button, main a").all():
                box = each.bounding_box()
                assert box
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(server.url + "/admin")
    names = (
        page.locator("#batches ~ * tbody tr")
        .first.locator("td")
        .evaluate_all("(cells) => cells.map((each) => getComputedStyle(each, '::before').content)")
    )
    assert names == ["none", '"Labels"', '"Left"', '"Disputed"', '"Flagged"', '"State"', "none"]
    page.get_by_role("button", name="New token for ann").tap()
    expect(page.locator("code.token")).to_be_visible()


def test_right_to_left_answers_read_from_the_right(serve: Any, open_page: Any, store: Store) -> None:
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [[contents.ARABIC]]))
    page = open_page(serve().link)
    words = page.locator(".answer p").first
    assert words.evaluate("(each) => getComputedStyle(each).direction") == "rtl"
    assert page.locator(".asked p").first.evaluate("(each) => getComputedStyle(each).direction") == "ltr"


def test_an_adjudicator_settles_what_others_differ_in(serve: Any, open_page: Any, store: Store) -> None:
    numbered(store, 2, wanted=2)
    queue = Queue(store)
    for name, value in (("ann", 4), ("bob", 2)):
        queue.add_reviewer(name)
        view = queue.next(name)
        assert view is not None
        queue.label(name, view.lease_id, value, key=name)
    server = serve()
    page = open_page(server.link)
    page.goto(server.url + "/adjudicate")
    expect(page.locator(TITLE)).to_have_text("Item 1: Settle: Faithful summary")
    assert page.locator(".given li").all_inner_texts() == ["4", "2"]
    expect(page.locator("#counts")).to_have_text("1 to settle")
    page.wait_for_timeout(200)
    page.keyboard.press("3")
    expect(page.locator("#counts")).to_have_text("0 to settle")
    expect(page.get_by_role("heading", name="Nothing is in dispute")).to_be_visible()
    assert values(store) == [3]


@pytest.mark.nightly
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(serve: Any, open_page: Any, store: Store, scheme: str) -> None:
    """4.5 to 1 for every text against what is behind it, on each page."""
    contents.fill(store)
    server = serve()
    page = open_page(server.link, color_scheme=scheme)
    page.locator("#verdict .choice").first.wait_for()
    for path in ("/", "/admin"):
        page.goto(server.url + path)
        page.wait_for_timeout(300)
        for text, front, back in page.evaluate(_COLOURS):
            assert contrast(front, back) >= 4.5, f"{path}: {text}: {front} on {back}"


_COLOURS = """() => [...document.querySelectorAll("body *")]
  .filter((each) => each.checkVisibility())
  .filter((each) => [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .map((each) => {
    let behind = each;
    while (behind && getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
    const back = behind ? getComputedStyle(behind).backgroundColor : "rgb(255, 255, 255)";
    return [each.textContent.trim().slice(0, 40), getComputedStyle(each).color, back];
  })"""


def contrast(front: str, back: str) -> float:
    """Contrast ratio of two colours as CSS writes them: WCAG 2.2, relative luminance."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    lighter, darker = sorted((luminance(front), luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
