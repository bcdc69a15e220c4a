"""What the page asks for while somebody reviews, and every kind of bad input: a clear answer, and nothing lost."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from fastapi import FastAPI

from harness.records.review import Form, LabelChoice
from harness.records.tool_calls import with_calls
from harness.review import Queue
from harness.review.queue import Outlook
from harness.review.web import WebOptions, create_app
from harness.review.web.desk import Desk
from harness.review.web.showing import SHOWN
from harness.store import Store
from tests.review.web import contents
from tests.review.web.conftest import ORIGIN, Browser, SignIn, begin

pytestmark = pytest.mark.service


@pytest.fixture
def ann(store: Store, sign_in: SignIn) -> Browser:
    """A reviewer before four items of each form."""
    contents.fill(store)
    return sign_in("ann")


def labels(store: Store, batch_id: str = "b-scale") -> list[Any]:
    return [event.value for event in store.review.events(batch_id=batch_id) if event.kind == "label"]


def words(fragment: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", " ", fragment))


# Reviewing


def test_one_request_takes_a_label_and_brings_the_item_after_the_next(ann: Browser, store: Store) -> None:
    one = ann.take()
    two = ann.next(holding=(one,))
    assert two is not None
    answer = ann.say(one, value=4, want=True, holding=[two["lease"]]).json()
    assert answer["repeated"] is False
    assert answer["next"]["lease"] not in (one, two["lease"])
    assert 590 < answer["next"]["expires_in_s"] <= 600
    assert labels(store) == [4]


def test_without_want_no_item_is_leased(ann: Browser, desk: Desk) -> None:
    assert ann.say(ann.take(), value=4).json()["next"] is None
    assert [batch.held for batch in desk.queue.progress()] == [0, 0, 0]


def test_a_page_comes_with_its_first_item_which_a_reload_shows_again(ann: Browser) -> None:
    leases = [re.search(r'data-lease="(\w+)"', ann.get("/").text) for _ in range(2)]
    assert leases[0]
    assert leases[1]
    assert leases[0][1] == leases[1][1] == ann.take()


def test_an_undo_brings_the_item_back_and_says_what_was_undone(ann: Browser, store: Store) -> None:
    ann.say(ann.take(), value=4)
    answer = ann.post("/api/undo", json={"key": "u1"}).json()
    assert answer["undone"] == "labelled 4"
    assert contents.SUMMARIES[0] in words(answer["view"]["html"])
    ann.say(answer["view"]["lease"], value=2)
    assert [event.kind for event in store.review.events(batch_id="b-scale")] == ["label", "undo", "label"]


def test_the_undo_of_a_pair_names_the_side_that_was_seen(sign_in: SignIn, store: Store) -> None:
    contents.add(store, contents.PAIR, contents.items_of("b1", "Q?", [["one", "two"]] * 8))
    ann = sign_in("ann")
    for number, (value, said) in enumerate(
        [("left", "A is better"), ("tie", "both as good"), ("right", "B is better")] * 2
    ):
        ann.say(ann.take(), value=value)
        assert ann.post("/api/undo", json={"key": f"u{number}"}).json()["undone"] == f"labelled {said}"


def test_progress_counts_the_open_batches(ann: Browser, store: Store) -> None:
    def progress(task: str = "label") -> tuple[int, int]:
        found = ann.get(f"/api/progress?task={task}").json()
        return found["done"], found["left"]

    assert progress() == (0, 56)
    ann.say(ann.take(), value=4)
    assert progress() == (1, 55)
    store.review.set_closed("b-programs", 1.0, "closed by zoe")
    assert progress() == (1, 51)
    assert progress("adjudicate") == (0, 0)
    assert "51 labels left" in ann.get("/").text


def test_every_answer_tells_how_far_the_queue_is(ann: Browser, sign_in: SignIn) -> None:
    def progress(answer: Any) -> tuple[int, int]:
        found = answer.json()["progress"]
        return found["done"], found["left"]

    assert progress(ann.post("/api/next", json={})) == (0, 56)
    lease = ann.take()
    assert progress(ann.say(lease, value=4, key="k1")) == (1, 55)
    assert progress(ann.say(lease, value=4, key="k1")) == (1, 55), "sent again"
    assert progress(ann.say(ann.take(), "skip")) == (1, 55)
    assert progress(ann.say(ann.take(), "flag")) == (1, 53)
    for key, left in (("u1", 55), ("u2", 55), ("u3", 56)):
        assert ann.post("/api/undo", json={"key": key}).json()["progress"]["left"] == left
    ann.say(ann.take(), "flag")
    eve = sign_in("eve", "adjudicator")
    assert progress(eve.post("/api/next", json={"task": "adjudicate"})) == (0, 1)
    lease = eve.take("adjudicate")
    assert progress(eve.say(lease, value=3, task="adjudicate")) == (1, 0)
    assert progress(eve.post("/api/undo", json={"key": "u1", "task": "adjudicate"})) == (0, 1)


def test_the_page_says_what_was_decided_when_nothing_is_left(sign_in: SignIn, store: Store) -> None:
    ann, eve = sign_in("ann"), sign_in("eve", "adjudicator")

    def said(task: str = "label") -> str:
        told = [words(ann.get(f"/api/progress?task={task}").json()["empty"]), words(ann.get("/").text)]
        first, page = (" ".join(each.split()) for each in told)
        assert task != "label" or first in page
        return first

    assert said().startswith("Nothing is left for you The queue is empty.")
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [["one"]]), "suites/test_a")
    contents.add(store, contents.PAIR, contents.items_of("b2", "Q?", [["one", "two"]]), "suites/test_b")
    assert said().startswith("Nothing is left for you 2 labels are left, for others")
    store.review.set_closed("b1", 1.0, "decided: regressed")
    assert said().startswith(
        "Nothing is left for you Faithful summary decided suites/test_a 1 label is left, for others"
    )
    store.review.set_closed("b2", 2.0, "decided: passed")
    assert said().startswith(
        "The gate is decided Faithful summary decided: regressed suites/test_a "
        "Better explanation decided: passed suites/test_b No more labels are needed."
    )
    for name in ("b1", "b2"):
        store.review.set_closed(name, 1.0, "closed by zoe")
    assert said().startswith("Nothing is left for you Every batch is closed.")
    assert said("adjudicate").startswith("Nothing is in dispute")
    assert "Nothing is in dispute" in eve.get("/adjudicate").text


def test_about_how_many_more_labels_would_decide_it_is_told(store: Store) -> None:
    """To an admin as the gate forecasts it; to reviewers in tens, counted down from what was foretold first."""
    contents.fill(store)
    outlooks = {"b-scale": Outlook(14, 24, enough=14), "b-pair": Outlook(1, 4)}
    app = create_app(store, WebOptions((ORIGIN,), outlooks=outlooks))
    app.state.desk.queue.add_reviewer("zoe", "admin")
    with Browser(app, begin(app.state.desk, "zoe")) as zoe:
        assert "About 14 more labels would decide it." in zoe.get("/admin/batches/b-scale").text
        assert "About 1 more label would decide it." in zoe.get("/admin/batches/b-pair").text
        assert "would decide it" not in zoe.get("/admin/batches/b-programs").text
        assert "about 14 until it is decided" in zoe.get("/admin").text
        assert "about 20 until it is decided" in zoe.get("/").text
        assert "until it is decided" not in zoe.get("/adjudicate").text
        for _ in range(4):
            zoe.say(zoe.take(), value=4)
        assert "about 10 until it is decided" in zoe.get("/").text
        store.review.set_closed("b-scale", 1.0, "decided: passed")
        page = " ".join(words(zoe.get("/admin/batches/b-scale").text).split())
        assert "Closed: decided: passed" in page
        assert "exit code: steelyard gate --resume secret-run --store" in page
        assert "would decide it" not in page
        assert "until it is decided" not in zoe.get("/").text


def test_what_is_left_is_at_most_what_a_gate_may_still_draw(store: Store) -> None:
    """So that it does not climb when further items are drawn after labels came in."""
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [["one"]] * 20))
    outlooks = {"b1": Outlook(None, 30, problem="30 cases cannot pass whatever people say: about 60 would")}
    app = create_app(store, WebOptions((ORIGIN,), outlooks=outlooks))
    app.state.desk.queue.add_reviewer("zoe")
    with Browser(app, begin(app.state.desk, "zoe")) as zoe:
        page = zoe.get("/").text
        assert "at most 30 labels left" in page
        assert (
            "30 cases cannot pass whatever people say: about 60 would. Labels can only show that it is worse." in page
        )
        left = [zoe.say(zoe.take(), value=4).json()["progress"]["left"] for _ in range(4)]
        more = [
            replace(each, id=f"more-{each.position}", position=each.position + 20) for each in store.review.items("b1")
        ]
        store.review.extend("b1", more[:4])
        left.append(zoe.say(zoe.take(), value=4).json()["progress"]["left"])
        assert left == [29, 28, 27, 26, 25]


@pytest.mark.parametrize("blank", ["", " \n\t\n", "\u200b\u00a0", "\x00"])
def test_an_empty_answer_says_that_it_is_one(sign_in: SignIn, store: Store, blank: str) -> None:
    contents.add(store, contents.PAIR, contents.items_of("b1", blank, [[blank, "two"]]))
    found = sign_in("ann").next()
    assert found is not None
    assert words(found["html"]).count("(empty answer)") == 1
    assert words(found["html"]).count("(empty text)") == 1


def test_a_form_shows_its_choices_with_their_keys(sign_in: SignIn, store: Store) -> None:
    ten = Form("scale", "Ten", choices=tuple(LabelChoice(score, "", score / 10) for score in range(1, 11)))
    zero = Form("scale", "Zero", choices=tuple(LabelChoice(score, "", None) for score in (-1, 0, 1, 10)))
    keys = {"b1": "1 2 3 4 5 6 7 8 9 0", "b2": " 0 1 "}
    ann = sign_in("ann")
    for batch_id, form in zip(keys, (ten, zero), strict=True):
        contents.add(store, form, contents.items_of(batch_id, "Q?", [["one"]]))
        found = ann.next()
        assert found is not None
        assert re.findall(r'data-keys="(.*?)"', found["html"]) == keys[batch_id].split(" ")
        values = [html.unescape(each) for each in re.findall(r'data-value="(.*?)"', found["html"])]
        assert len(values) == len(form.choices)
        ann.say(found["lease"], "skip")


def test_all_parts_of_what_was_asked_are_shown(sign_in: SignIn, store: Store) -> None:
    (item,) = contents.items_of("b1", "", [["one"]])
    messages = (
        {"role": "system", "content": "Be <brief>."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": "u"}}],
        },
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "search"}}]},
        {"role": "tool", "content": "found"},
    )
    fields = {name: getattr(item, name) for name in type(item).__slots__}
    contents.add(store, contents.SCALE, [type(item)(**{**fields, "messages": messages, "reference": "the right one"})])
    found = sign_in("ann").next()
    assert found is not None
    shown = words(found["html"])
    for part in (
        "System",
        "Be <brief>.",
        "Look:",
        '"image_url"',
        "Earlier answer",
        "Calls a tool",
        "search()",
        "found",
        "the right one",
    ):
        assert part in shown


def test_lone_surrogates_of_a_model_and_of_a_note_stop_nothing(sign_in: SignIn, store: Store) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": '{"a": "\\ud800"}'}}
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [[with_calls("", [call])], ["two"]]))
    ann, headers = sign_in("ann"), {"Content-Type": "application/json"}
    found = ann.next()
    assert found is not None
    assert "f(" in words(found["html"])
    body = {"act": "label", "lease": found["lease"], "key": "k1", "value": 4, "note": "\ud800!", "want": True}
    body["marks"] = [[0, "\udfff?"]]
    sent = ann.post("/api/answer", content=json.dumps(body), headers=headers)
    assert sent.status_code == 200
    (event,) = store.review.events(batch_id="b1")
    assert (event.note, event.details) == ("?!", {"marks": [[0, "??"]]})
    for changed in ({"key": "\ud800"}, {"lease": "\ud800", "key": "k2"}, {"holding": ["\ud800"]}):
        refused = ann.post("/api/answer", content=json.dumps(body | changed), headers=headers)
        assert 200 <= refused.status_code < 500
    for path, asked in (
        ("next", {"holding": ["\ud800"] * 2}),
        ("renew", {"lease": "\ud800"}),
        ("undo", {"key": "\ud800"}),
    ):
        assert ann.post(f"/api/{path}", content=json.dumps(asked), headers=headers).status_code < 500


# Bad input


def test_a_label_for_an_expired_lease_is_refused_and_counts_after_a_renewal(
    store: Store, sign_in: SignIn, desk: Desk
) -> None:
    contents.fill(store)
    ann = sign_in("ann")
    early = Queue(store, lease_s=1, clock=lambda: 1_000.0).next("ann")
    assert early is not None
    response = ann.say(early.lease_id, value=4)
    assert (response.status_code, response.json()["error"]) == (409, "lease_expired")
    assert "ran out" in response.json()["message"]
    assert labels(store) == []
    assert ann.post("/api/renew", json={"lease": early.lease_id}).json()["expires_in_s"] > 590
    assert ann.say(early.lease_id, value=4).status_code == 200
    assert labels(store) == [4]


def test_an_unknown_lease_and_somebody_elses_are_refused(ann: Browser, sign_in: SignIn, store: Store) -> None:
    for lease in ("nothing", sign_in("bob").take(), "x" * 10_000, "\x00"):
        response = ann.say(lease, value=4)
        assert (response.status_code, response.json()["error"]) == (409, "lease")
        assert "Take the next item." in response.json()["message"]
    assert labels(store) == []


def test_an_unknown_text_batch_and_page_are_not_found(ann: Browser, sign_in: SignIn) -> None:
    zoe = sign_in("zoe", "admin")
    assert zoe.get("/admin/batches/none").status_code == 404
    assert zoe.post("/admin/batches/none/close").status_code == 404
    assert zoe.get("/none").status_code == 404


@pytest.mark.parametrize(
    "body", [b'{"value": ' + b"[" * 100_000, b'{"value": ' + b"9" * 5_000 + b"}", b'{"value": "\xff"}']
)
def test_a_body_that_python_can_not_read_is_refused(ann: Browser, body: bytes) -> None:
    response = ann.post("/api/answer", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")
    assert response.json()["message"].startswith("The request can't be understood: it is no JSON")


@pytest.mark.parametrize("in_chunks", [True, False])
def test_a_body_that_is_too_large_is_refused_as_that(ann: Browser, in_chunks: bool) -> None:
    body = iter([b"[" * 600_000] * 2) if in_chunks else b"[" * 1_200_000
    response = ann.post("/api/answer", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert "too large" in response.text.lower()


@pytest.mark.parametrize("value", [6, 0, "4", "", None, "left", -1, 10**30])
def test_a_value_outside_the_scale_is_refused_with_the_right_ones(ann: Browser, store: Store, value: Any) -> None:
    response = ann.say(ann.take(), value=value)
    assert (response.status_code, response.json()["error"]) == (422, "label")
    assert "1, 2, 3, 4, 5" in response.json()["message"]
    assert labels(store) == []


@pytest.mark.parametrize("value", [4.0, 4.5, True, [4], {"a": 4}])
def test_a_value_of_another_kind_is_not_understood(ann: Browser, store: Store, value: Any) -> None:
    response = ann.say(ann.take(), value=value)
    assert (response.status_code, response.json()["error"]) == (422, "bad_request")
    assert response.json()["message"].startswith("The request can't be understood: value.")
    assert labels(store) == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "its body: Field required"),
        (b"[]", "its body: Input should be a valid dictionary"),
        (b'{"act": "label", "key": "k"}', "lease: Field required"),
        (b'{"act": "erase", "lease": "a", "key": "b"}', "act: Input should be 'label', 'skip', 'flag' or 'exclude'"),
        (b'{"act": "skip", "lease": "a", "key": "b", "holding": [1]}', "holding.0: Input should be a valid string"),
        (b"\xff\xfe", "0: JSON decode error"),
    ],
)
def test_a_body_that_is_no_request_is_refused_in_words(ann: Browser, body: bytes, told: str) -> None:
    response = ann.post("/api/answer", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422)
    assert response.json()["message"].startswith(f"The request can't be understood: {told}")


def test_of_an_answer_of_5_mb_the_beginning_is_shown(store: Store, sign_in: SignIn) -> None:
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [["all work and no play " * 250_000]]))
    found = sign_in("ann").next()
    assert found is not None
    assert len(found["html"]) < 2 * SHOWN
    assert "the first 200,000 of 5,250,000 characters." in found["html"]


def test_a_store_that_can_not_be_written_is_told_and_the_label_can_be_sent_again(
    ann: Browser, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = ann.take()
    store._database.readonly = True
    response = ann.say(lease, value=4, key="k1")
    assert (response.status_code, response.json()["error"]) == (503, "store")
    assert "Nothing was stored." in response.json()["message"]
    store._database.readonly = False
    assert ann.say(lease, value=4, key="k1").json()["repeated"] is False
    assert labels(store) == [4]


def test_a_restarted_server_knows_sessions_leases_and_keys(store: Store, tmp_path: Any) -> None:
    contents.fill(store)

    def start() -> FastAPI:
        return create_app(store, WebOptions((ORIGIN,), sessions=tmp_path / "sessions.json"))

    apps = [start(), start()]
    apps[0].state.desk.queue.add_reviewer("ann")
    session = begin(apps[0].state.desk, "ann")
    with Browser(apps[0], session) as before:
        lease = before.take()
        before.say(lease, value=4, key="k1")
        held = before.take()
    with Browser(start(), session) as after:
        assert after.say(lease, value=4, key="k1").json()["repeated"] is True
        assert after.say(held, value=5).status_code == 200
    assert labels(store) == [4, 5]


# The admin's pages


def test_an_admin_adds_reviewers_and_gives_tokens_that_work(sign_in: SignIn, desk: Desk, visitor: Browser) -> None:
    zoe = sign_in("zoe", "admin")
    tokens = []
    for path, fields in (("reviewers", {"name": "eve", "role": "adjudicator"}), ("reviewers/token", {"name": "eve"})):
        page = zoe.post(f"/admin/{path}", data=fields).text
        found = re.search(r'<code class="token">(.*?)</code>', page)
        assert found
        tokens.append(found[1])
    assert desk.queue.sign_in(tokens[0]) is None
    reviewer = desk.queue.sign_in(tokens[1])
    assert reviewer is not None
    assert (reviewer.name, reviewer.role) == ("eve", "adjudicator")
    assert tokens[1] not in zoe.get("/admin").text


@pytest.mark.parametrize(
    ("name", "role", "told"), [("", "admin", "no name"), ("zoe", "admin", "already"), ("eve", "boss", "annotator")]
)
def test_a_reviewer_that_can_not_be_is_refused_in_words(sign_in: SignIn, name: str, role: str, told: str) -> None:
    response = sign_in("zoe", "admin").post("/admin/reviewers", data={"name": name, "role": role})
    assert response.status_code == 403
    assert told in response.text


def test_a_batch_is_closed_and_opened_again(sign_in: SignIn, store: Store) -> None:
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [["one"]]))
    zoe, ann = sign_in("zoe", "admin"), sign_in("ann")
    assert zoe.post("/admin/batches/b1/close").headers["location"] == "/admin"
    assert "closed by zoe" in zoe.get("/admin").text
    assert ann.next() is None
    zoe.post("/admin/batches/b1/reopen")
    assert ann.next() is not None


def test_a_batch_shows_its_origin_progress_and_agreement(ann: Browser, sign_in: SignIn, store: Store) -> None:
    bob, zoe = sign_in("bob"), sign_in("zoe", "admin")
    for value, other in ((4, 4), (2, 2), (5, 1), (1, 1)):
        ann.say(ann.take(), value=value)
        bob.say(bob.take(), value=other)
    told = " ".join(words(zoe.get("/admin/batches/b-scale").text).split())
    origin = str(Queue(store).origins()["b-scale"])
    assert origin in told
    assert origin in " ".join(words(zoe.get("/admin").text).split())
    assert "24 items: 3 done, 20 open, 1 in dispute, 0 flagged." in told
    assert "4 items have labels of two reviewers or more; 1 of them differ." in told
    assert re.search(r"Krippendorff's alpha: 0\.\d\d \[", told)
    assert "The judge against people" in told


@pytest.mark.parametrize("kind", sorted(contents.FORMS))
def test_every_form_has_a_page_with_headings_in_order(sign_in: SignIn, store: Store, kind: str) -> None:
    """A screen reader's outline: what is judged comes first, and no level is left out."""
    answers = [["one", "two"]] if kind == "preference" else [["one"]]
    contents.add(store, contents.FORMS[kind], contents.items_of("b1", "Q?", answers))
    stage = sign_in("ann").get("/").text.partition('id="stage"')[2].partition('id="waiting"')[0]
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", stage)]
    assert levels[:2] == [1, 2]
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
