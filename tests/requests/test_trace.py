"""What cases asked, told in a digest: the same for cases that share all their samples, and for no others."""

from __future__ import annotations

from harness.records.keys import KeyedQuestion
from harness.requests import Trace


def digest(*asked: KeyedQuestion, others: tuple[KeyedQuestion, ...] = ()) -> bytes | None:
    trace = Trace()
    trace.asked.extend(asked)
    trace.asked_others.extend(others)
    return trace.all_asked()


HELLO, BYE, AGAIN = KeyedQuestion(b"hello"), KeyedQuestion(b"bye"), KeyedQuestion(b"hello", 1)


def test_all_that_was_asked_counts() -> None:
    assert digest(HELLO) != digest(HELLO, BYE) != digest(HELLO, AGAIN)
    assert digest(HELLO, BYE) == digest(HELLO, BYE)


def test_questions_that_were_asked_side_by_side_have_no_order() -> None:
    assert digest(HELLO, BYE) == digest(BYE, HELLO)


def test_a_judges_questions_count_where_nothing_else_was_asked() -> None:
    assert digest(HELLO, others=(BYE,)) == digest(HELLO)
    assert digest(others=(HELLO,)) == digest(HELLO)
    assert digest() is None
