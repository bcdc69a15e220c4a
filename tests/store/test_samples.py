import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import StoreError, UnstorableError
from harness.records import NewSample, NotedFailures, Request, Sample, TokenLogprob
from harness.store import Store
from tests.store.conftest import NewUrl, OpenStore
from tests.store.rows import draw, key_of

FULL = Sample(
    text="Lima",
    index=7,
    finish_reason="tool_calls",
    prompt_tokens=20,
    completion_tokens=3,
    latency_s=0.1234567890123,
    reasoning="Peru is in South America.",
    tool_calls=({"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},),
    logprobs=(TokenLogprob("Li", -0.1, (("Li", -0.1), ("Cu", -2.5))), TokenLogprob("ma", -1e-9)),
    loglikelihood=-12.25,
    is_greedy=False,
    cut_tokens=3,
    context=({"id": "hours", "text": "We open at nine.", "page": 3},),
    cost=0.00031,
    metadata={"route": "small"},
    messages=({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Lima"}),
)


def test_nothing_is_found_in_an_empty_store(store: Store) -> None:
    assert store.find([key_of("a")]) == {}
    assert store.find([]) == {}
    assert store.add([]) == []


def test_a_sample_comes_back_whole_and_marked_as_stored(store: Store) -> None:
    one = replace(draw("a"), sample=FULL)
    assert store.add([one]) == [FULL]
    assert store.find([one.key]) == {one.key: {7: replace(FULL, stored=True)}}


def test_samples_come_back_by_key_and_index(store: Store) -> None:
    store.add([draw("a", "0", 0), draw("a", "1", 1_000_000), draw("b", "0", 0), draw("c", "0", 0)])
    found = store.find([key_of("a"), key_of("b"), key_of("missing"), key_of("a")])
    assert {key: {index: sample.text for index, sample in of_key.items()} for key, of_key in found.items()} == {
        key_of("a"): {0: "0", 1_000_000: "1"},
        key_of("b"): {0: "0"},
    }


@pytest.mark.service
def test_thousands_of_keys_are_found_at_once(store: Store) -> None:
    draws = [draw(f"question {number}", str(number)) for number in range(2500)]
    store.add(draws)
    found = store.find([each.key for each in draws])
    assert {key: of_key[0].text for key, of_key in found.items()} == {each.key: each.sample.text for each in draws}


@pytest.mark.service
@pytest.mark.parametrize(
    "text",
    [
        "",
        "NUL \0 inside",
        "\ud800 alone and \udfff too",
        "\ud83d\ude00 a pair that is not joined",
        "\x1b[31mred\x1b[0m \u202eright to left\u202c",
        "日本 😀",
        "x" * 1_000_000,
    ],
    ids=["empty", "nul", "surrogate", "surrogates", "escapes", "astral", "1 MB"],
)
def test_any_text_comes_back_unchanged(store: Store, text: str) -> None:
    one = draw("a", text, finish_reason=text[:20])
    store.add([one])
    found = store.find([one.key])[one.key][0]
    assert found.text == text
    assert found.finish_reason == text[:20]


@pytest.mark.service
@pytest.mark.parametrize("text", ["NUL \0 inside", "\ud800 alone", "日本 😀"])
def test_reasoning_tool_calls_and_requests_hold_any_text(store: Store, text: str) -> None:
    one = draw("a", reasoning=text, tool_calls=({"arguments": text},))
    one = replace(one, request=Request(messages=({"role": "user", "content": text},), tools=({"name": text},)))
    store.add([one])
    assert store.find([one.key])[one.key][0] == replace(one.sample, stored=True)
    assert store.request(one.key) == one.request


@pytest.mark.service
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec=None)), key=st.binary(min_size=16, max_size=16))
def test_whatever_is_stored_is_found(store: Store, text: str, key: bytes) -> None:
    one = replace(draw("a", text), key=key)
    (kept,) = store.add([one])
    assert store.find([key])[key][0] == replace(kept, stored=True)
    assert kept.stored or kept.text == text


def test_the_request_is_kept_once_for_a_key(store: Store) -> None:
    request = Request(
        kind="chat",
        messages=({"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text"}]}),
        sampling={"temperature": 0.7, "stop": ["\n"], "seed": 3},
        schema={"type": "object"},
        tools=({"type": "function"},),
        logprobs=0,
    )
    store.add([replace(draw("a", index=index), request=request) for index in range(3)])
    assert store.request(key_of("a")) == request
    assert store.info().requests == 1
    assert store.request(key_of("b")) is None


def test_a_loglikelihood_request_is_kept(store: Store) -> None:
    request = Request(kind="loglikelihood", prompt="The capital is", continuation=" Lima", truncate=True)
    one = NewSample(key_of("a"), "f0", 0, request, Sample("", loglikelihood=float("-inf"), is_greedy=True))
    store.add([one])
    assert store.request(one.key) == request
    assert store.find([one.key])[one.key][0].loglikelihood == float("-inf")


def test_who_stores_a_sample_first_is_kept(store: Store, url: str, open_store: OpenStore) -> None:
    other = open_store(url)
    assert other.add([draw("a", "theirs", 1)]) == [Sample("theirs", 1)]
    kept = store.add([draw("a", "ours", 0), draw("a", "ours", 1), draw("b", "ours", 1)])
    assert kept == [Sample("ours", 0), Sample("theirs", 1, stored=True), Sample("ours", 1)]
    assert store.find([key_of("a")])[key_of("a")][1].text == "theirs"


def test_of_two_draws_of_one_sample_the_first_counts(store: Store) -> None:
    assert store.add([draw("a", "one"), draw("a", "two")]) == [Sample("one"), Sample("one", stored=True)]


@pytest.mark.service
@pytest.mark.parametrize(
    "odd",
    [{"completion_tokens": 2**70}, {"text": None}, {"text": b"bytes"}, {"tool_calls": ({("a", 1): "b"},)}],
    ids=["huge", "none", "bytes", "no JSON"],
)
def test_a_value_that_it_does_not_take_is_an_error_and_nothing_of_that_call_is_kept(
    store: Store, odd: dict[str, Any]
) -> None:
    good = draw("a", index=0)
    with pytest.raises(UnstorableError):
        store.add([good, replace(good, sample=replace(good.sample, index=1, **odd))])
    assert store.find([good.key]) == {}
    assert store.add([good]) == [good.sample]


def test_a_store_open_for_reading_finds_and_does_not_add(store: Store, url: str, open_store: OpenStore) -> None:
    store.add([draw("a")])
    reader = open_store(url, readonly=True)
    assert reader.find([key_of("a")])[key_of("a")][0].text == "Lima"
    with pytest.raises(StoreError, match="open for reading only"):
        reader.add([draw("b")])


def test_generations_count_up_from_zero_for_each_version(store: Store) -> None:
    assert store.generations("f0")[0] == 0
    assert store.generations("f0")[0] == 0
    assert store.generations("f0", fresh=True)[0] == 1
    assert store.generations("f0")[0] == 1
    assert store.generations("f1", fresh=True)[0] == 0


def test_older_generations_with_samples_stay_in_use_behind_the_newest(store: Store) -> None:
    assert store.generations("f0") == (0,)
    store.add([draw("a"), draw("b", fingerprint="f1", generation=1)])
    assert store.generations("f0", fresh=True) == (1,)
    assert store.generations("f0") == (0,), "a fresh start that came to nothing is not gone on with"
    store.generations("f0", fresh=True)
    store.add([draw("a", generation=2)])
    assert store.generations("f0") == (2, 0)


def test_generations_beyond_the_age_are_not_in_use(store: Store) -> None:
    store.generations("f0", now=1000.0)
    store.generations("f0", fresh=True, now=1050.0)
    store.add([draw("a"), draw("a", generation=1)])
    assert store.generations("f0", max_age_s=100, now=1100.0) == (1, 0)
    assert store.generations("f0", max_age_s=100, now=1101.0) == (1,)
    assert store.generations("f0", max_age_s=100, now=1151.0) == (2,)
    assert store.generations("f0", now=9999.0) == (1, 0)


def test_an_old_generation_is_followed_by_a_new_one(store: Store) -> None:
    assert store.generations("f0", max_age_s=100, now=1000.0)[0] == 0
    assert store.generations("f0", max_age_s=100, now=1100.0)[0] == 0
    assert store.generations("f0", max_age_s=100, now=1101.0)[0] == 1
    assert store.generations("f0", max_age_s=100, now=1101.0)[0] == 1
    assert store.generations("f0", now=9999.0)[0] == 1


def test_a_generation_of_a_clock_that_was_far_ahead_is_followed_by_a_new_one(store: Store) -> None:
    assert store.generations("f0", max_age_s=100, now=9000.0)[0] == 0
    assert store.generations("f0", max_age_s=100, now=8950.0)[0] == 0
    assert store.generations("f0", max_age_s=100, now=1000.0)[0] == 1
    assert store.generations("f0", max_age_s=100, now=1000.0)[0] == 1


def test_generations_are_kept(url: str, open_store: OpenStore) -> None:
    first = open_store(url)
    first.generations("f0")
    first.generations("f0", fresh=True)
    assert open_store(url).generations("f0") == (1,)


def test_a_reader_begins_no_generation(store: Store, url: str, open_store: OpenStore) -> None:
    reader = open_store(url, readonly=True)
    assert reader.generations("f0")[0] == 0
    store.generations("f0", now=1000.0)
    assert reader.generations("f0", max_age_s=1, now=2000.0)[0] == 1
    assert store.generations("f0")[0] == 0
    with pytest.raises(StoreError, match="no new generation can begin"):
        reader.generations("f0", fresh=True)


def _at_once(url: str, call: str, **arguments: object) -> list[tuple[int, ...]]:
    barrier = threading.Barrier(4)
    numbers: list[tuple[int, ...]] = []

    def begin() -> None:
        with Store.open(url) as store:
            barrier.wait()
            numbers.append(getattr(store, call)("f0", **arguments))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(numbers)


def test_all_who_find_a_generation_too_old_at_once_are_in_the_same_new_one(url: str, store: Store) -> None:
    store.generations("f0", now=1000.0)
    assert _at_once(url, "generations", max_age_s=10, now=2000.0) == [(1,)] * 4


@pytest.mark.service
def test_fresh_generations_begun_at_once_are_all_different(url: str, store: Store) -> None:
    store.generations("f0")
    assert _at_once(url, "generations", fresh=True) == [(1,), (2,), (3,), (4,)]


FAILED = {"said": "v raised KeyError", "cause": "KeyError", "request_index": 0}


def failed(name: str, index: int = 0, **where: Any) -> NewSample:
    return draw(name, "", index, failure=FAILED, **where)


def test_failures_are_noted_once_and_counted_among_all_draws_of_their_generation(store: Store) -> None:
    assert store.note_failures([failed("a")]) == NotedFailures(), "nothing was ever answered"
    store.add([draw("a", index=1), draw("b"), draw("b", generation=1), draw("b", fingerprint="f1")])
    first = store.note_failures([failed("b"), failed("a")])
    assert (sorted(each.key for each in first.draws), first.n_drawn) == (sorted([key_of("a"), key_of("b")]), 3)
    assert {each.sample.failure["cause"] for each in first.draws if each.sample.failure} == {"KeyError"}
    both = store.note_failures([failed("a"), failed("b", 1)])
    assert (len(both.draws), both.n_requests, both.n_drawn) == (3, 2, 4)
    newer = store.note_failures([failed("a", generation=1)])
    assert (len(newer.draws), newer.n_drawn) == (1, 2), "each generation has its own"
    assert store.note_failures([failed("a", generation=2)]) == NotedFailures(), "nothing was answered in that one"
    assert store.find([key_of("a")])[key_of("a")].keys() == {1}, "a note is no sample"
    store.add(both.draws)
    assert store.find([key_of("b")])[key_of("b")][0].text == "Lima", "what was answered stays"
    assert store.find([key_of("a")])[key_of("a")][0].failure == FAILED


def test_draws_of_a_request_that_failed_as_one_are_one_request(store: Store) -> None:
    store.add([draw("q")])
    assert store.note_failures([failed("a", 0), failed("a", 1), failed("b", 2)]).n_requests == 2


def test_notes_of_failures_are_merged_and_pruned_with_their_version(
    store: Store, new_url: NewUrl, open_store: OpenStore
) -> None:
    other = open_store(new_url())
    other.add([draw("q")])
    other.note_failures([failed("a")])
    for _ in range(2):
        store.merge(other)
    assert len(store.note_failures([failed("b")]).draws) == 2
    store.prune(fingerprints=["f1"])
    assert len(store.note_failures([failed("b")]).draws) == 2
    store.prune(fingerprints=["f0"])
    store.add([draw("q")])
    assert len(store.note_failures([failed("b")]).draws) == 1


def test_draws_are_told_by_version_generation_and_index(store: Store) -> None:
    one = draw("a", "0", 3)
    store.add([one])
    found = [
        store.has_draws(fingerprint, known, first)
        for fingerprint in (one.fingerprint, "other")
        for known in ((one.generation,), (one.generation + 1,), ())
        for first in (3, 4)
    ]
    assert found == [True, *[False] * 11]
