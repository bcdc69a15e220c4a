"""Attempts on what forms, marks, changes and the practice round add: to say for others, to run, to look, to stop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.records.review import Batch, FormQuestion
from harness.review import Queue
from harness.store import Store
from tests.review.web import contents
from tests.review.web.conftest import Browser, SignIn, csrf_in

FORM = replace(contents.SCALE, questions=(FormQuestion("<i>Tone</i>", ("rude", "<img src=x>")),))
SCRIPT = "<script>alert(1)</script>"


def settle(store: Store, note: str = "") -> None:
    """A known label of a file's item, and an item that waits."""
    batch = Batch("old", 1.0, "test_old", FORM, source={"imported": True})
    store.review.add_batch(batch, contents.items_of("old", "Q?", [["known"]]))
    queue = Queue(store)
    for name, role in (("kim", "annotator"), ("eve", "admin")):
        queue.add_reviewer(name, role)
    view = queue.next("kim")
    assert view is not None
    queue.flag("kim", view.lease_id, key="f", note=note)
    contents.add(store, FORM, contents.items_of("b1", "Q?", [["new"], ["other"]]))


def test_what_a_person_wrote_is_text_on_every_page(sign_in: SignIn, store: Store) -> None:
    contents.add(store, FORM, contents.items_of("b1", f"Q? {SCRIPT}", [[f"$\\text{{{SCRIPT}}}$ {SCRIPT}"]], wanted=2))
    said: dict[str, Any] = {"answers": {"<i>Tone</i>": "<img src=x>"}, "marks": [[0, SCRIPT]], "note": SCRIPT}
    ann, bob, eve = sign_in("ann"), sign_in("bob"), sign_in("eve", "admin")
    assert ann.say(ann.take(), value=1, **said).status_code == 200
    assert bob.say(bob.take(), value=2, **said).status_code == 200
    pages = [ann.get("/own").text, ann.get("/?again=1").text, eve.get("/adjudicate").text]
    assert eve.say(eve.take("adjudicate"), task="adjudicate", value=1, **said).status_code == 200
    pages += [eve.get(path).text for path in ("/own", "/admin/items/b1-00000", "/admin/batches/b1", "/admin")]
    for page in pages:
        for hostile in ("<script>alert", "<img", "<i>"):
            assert hostile not in page
    assert "&lt;script&gt;alert" in pages[4]


def test_nobody_changes_what_somebody_else_said(sign_in: SignIn, store: Store) -> None:
    contents.add(store, contents.SCALE, contents.items_of("b1", "Q?", [["secret to bob"], ["other"]]))
    ann, bob = sign_in("ann"), sign_in("bob")
    ann.say(ann.take(), value=1)
    (event,) = store.review.events(batch_id="b1")
    for path in (f"/?again={event.number}", "/own"):
        assert "secret to bob" not in bob.get(path).text
    assert "secret to bob" in ann.get(f"/?again={event.number}").text
    assert bob.get("/?again=x").status_code == 422
    lease = store.review.revise(lambda: event.time, "ann", event.number, 600.0)[1].lease.id
    assert bob.say(lease, value=5).json()["error"] == "lease"
    assert store.review.standing("b1-00000").value == 1


@pytest.mark.parametrize(
    "said",
    [
        {"marks": [[0, "x" * 2_001]]},
        {"marks": [[0, "x"]] * 21},
        {"marks": [[0, "x"]] * 101},
        {"marks": [[7, "x"]]},
        {"marks": [["a", 1]]},
        {"marks": "x"},
        {"answers": {"<i>Tone</i>": 1}},
        {"answers": {"<i>Tone</i>": "loud"}},
        {"answers": {}},
        {"answers": {"__proto__": "rude"}},
    ],
)
def test_what_is_none_of_the_form_is_refused_and_nothing_stored(
    sign_in: SignIn, store: Store, said: dict[str, Any]
) -> None:
    contents.add(store, FORM, contents.items_of("b1", "Q?", [["new"]]))
    ann = sign_in("ann")
    refused = ann.say(ann.take(), value=1, **{"answers": {"<i>Tone</i>": "rude"}, **said})
    assert refused.status_code == 422
    assert store.review.events(batch_id="b1") == []


def test_practice_is_behind_the_same_guards_and_shows_no_secret(sign_in: SignIn, store: Store) -> None:
    settle(store)
    eve = sign_in("eve")
    done = eve.say(eve.take("adjudicate"), task="adjudicate", value=4, answers={"<i>Tone</i>": "rude"}, note=SCRIPT)
    assert done.status_code == 200
    ann = sign_in("ann")
    assert ann.get("/").headers["location"] == "/practice"
    page = ann.get("/practice")
    for secret in ("secret-candidate", "fingerprint", "0.77", SCRIPT, "alert(1)"):
        assert secret not in page.text
    form = {"csrf": csrf_in(page.text), "at": "0", "value": "2"}
    bare = {"X-CSRF-Token": ""}
    assert ann.post("/practice", data={**form, "csrf": ""}, headers=bare).status_code == 403
    assert ann.post("/practice", data=form, headers={**bare, "Origin": "https://evil.example"}).status_code == 403
    for wrong in ({"at": "-1"}, {"at": "9"}, {"value": "9"}, {"value": SCRIPT}):
        assert ann.post("/practice", data={**form, **wrong}, headers=bare).headers["location"] == "/"
    shown = ann.post("/practice", data=form, headers=bare)
    assert "4; you said 2" in shown.text
    assert "&lt;script&gt;" in shown.text
    assert SCRIPT not in shown.text
    assert ann.get("/practice").headers["location"] == "/"
    assert ann.get("/").status_code == 200


def test_nobody_looks_who_is_not_signed_in(visitor: Browser, store: Store) -> None:
    settle(store)
    for path in ("/own", "/practice", "/?again=1", "/adjudicate?again=1"):
        assert visitor.get(path).headers["location"] == "/sign-in"
        assert visitor.get(path, headers={"Host": "evil.example"}).status_code == 400
