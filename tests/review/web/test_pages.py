"""Pages show what may be seen, escaped, and nothing that sways."""

from __future__ import annotations

import re

import pytest

from harness.store import Store
from tests.review.web import contents
from tests.review.web.conftest import SignIn

pytestmark = pytest.mark.service

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.mark.parametrize("kind", sorted(contents.FORMS))
def test_what_a_model_or_a_person_wrote_is_escaped(sign_in: SignIn, store: Store, kind: str) -> None:
    answers = [[SCRIPT, SCRIPT]] if kind == "preference" else [[SCRIPT]]
    contents.add(store, contents.FORMS[kind], contents.items_of("b1", SCRIPT, answers), evaluation_id=SCRIPT)
    ann, zoe = sign_in("ann"), sign_in(SCRIPT[:60], "admin")
    lease = ann.take()
    ann.get("/")
    ann.say(lease, "flag", note=SCRIPT)
    zoe.get("/adjudicate")
    zoe.get("/admin")
    zoe.get("/admin/batches/b1")
    zoe.get(f"/{SCRIPT}")
    zoe.post("/admin/reviewers", data={"name": SCRIPT[:50], "role": "annotator"})
    bodies = [response.text for browser in (ann, zoe) for response in browser.received]
    assert sum("&lt;script&gt;alert(1)" in body for body in bodies) >= 6
    for body in bodies:
        assert "<script>" not in body
        assert "<img" not in body


def test_disputes_are_for_adjudicators(sign_in: SignIn, store: Store) -> None:
    contents.fill(store)
    ann = sign_in("ann")
    ann.say(ann.take(), "flag", note="it is cut")
    bob = sign_in("bob")
    assert bob.get("/adjudicate").status_code == 403
    assert bob.post("/api/next", json={"task": "adjudicate"}).status_code == 403
    assert sign_in("eve", "adjudicator").next("adjudicate") is not None


# Blindness


@pytest.mark.parametrize("kind", sorted(contents.FORMS))
def test_nothing_that_sways_is_in_any_response_before_the_label_is_in(sign_in: SignIn, store: Store, kind: str) -> None:
    """Every header and body that a reviewer gets, from signing in to the last item, is searched."""
    value = {"scale": 4, "preference": "left"}[kind]
    answers = [["one", "two"]] if kind == "preference" else [["one"]]
    contents.add(store, contents.FORMS[kind], contents.items_of("b1", "Question?", answers * 4, wanted=3))
    bob, ann = sign_in("bob"), sign_in("ann")
    for _ in range(4):
        assert bob.say(bob.take(), value=value, note="a note of bob's").status_code == 200
    ann.get("/")
    ann.get("/api/progress")
    for _ in range(2):
        lease = ann.take()
        ann.post("/api/renew", json={"lease": lease})
        ann.say(lease, "skip", want=True)
        ann.post("/api/undo", json={"key": f"undo-{lease}"})
        ann.say(ann.take(), value=value, want=True)
        ann.say("of-nobody", value=value)
        ann.say(ann.take(), value=[])
    for path in ("/admin", "/admin/batches/b1", "/adjudicate", "/nowhere"):
        ann.get(path)
    assert len(ann.received) > 20
    told = "\n".join(f"{response.headers}\n{response.text}" for response in ann.received)
    assert "Question?" in told
    for secret in ("secret", "fingerprint", "bob", "0.7712", "0.1234", "note of", "n_labels"):
        assert secret not in told


def test_an_adjudicator_sees_what_was_said_but_neither_by_whom_nor_of_which_version(
    sign_in: SignIn, store: Store
) -> None:
    contents.add(store, contents.PAIR, contents.items_of("b1", "Q?", [["one", "two"]], wanted=2))
    ann, bob, eve = sign_in("ann"), sign_in("bob"), sign_in("eve", "adjudicator")
    ann.say(ann.take(), value="left", note="clearer")
    bob.say(bob.take(), value="tie")
    found = eve.next("adjudicate")
    assert found is not None
    for told in ("What reviewers said", "is better</strong>", "both as good</strong>", "“clearer”"):
        assert told in found["html"]
    for secret in ("secret", "fingerprint", "ann", "bob", "0.7712", "0.1234"):
        assert secret not in re.sub(r"beginning|Answer", "", found["html"])
