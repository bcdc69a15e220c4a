"""What a run may spend: counted when it arrives, expected while it is under way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from harness.config.versions import VersionSettings
from harness.errors import BudgetSpentError, CapabilityError
from harness.models.version import Version
from harness.records import BudgetLimits, Price, Request, Sample
from harness.records.keys import KeyedQuestion, request_text
from harness.requests import Sampler, SampleSource, Spending
from harness.requests.pending import PendingDraws
from harness.requests.spending import ForwardPass
from harness.store import Store
from tests.requests.engines import NotingEngine


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class CountingEngine(NotingEngine):
    """Answers with so many tokens, read and written, for each request and sample."""

    def __init__(self, prompt: int | None = 10, completion: int | None = 5, **more: Any) -> None:
        super().__init__(**more)
        self._tokens = {"prompt_tokens": prompt, "completion_tokens": completion}

    async def sample(self, request: Request, indices: Any) -> list[Sample]:
        return [replace(each, **self._tokens) for each in await super().sample(request, indices)]


def source(engine: NotingEngine, name: str = "v", price: Price | None = None) -> SampleSource:
    """Where samples of a version come from."""
    return SampleSource(Version(name, VersionSettings(name, "scripted", price=price), fingerprint=name * 8), engine)


def asked(where: SampleSource, text: str = "q", n: int = 1) -> PendingDraws:
    request = Request(messages=({"role": "user", "content": text},))
    return PendingDraws(where, request, text.encode(), tuple(range(n)))


def landed(spending: Spending, what: PendingDraws, prompt: int | None, completion: int | None) -> None:
    """One request, sent and answered."""
    spending.sent(what)
    answers = [Sample("a", i, prompt_tokens=prompt, completion_tokens=completion) for i in what.indices]
    spending.landed(what, answers)


def run(
    store: Store, limits: BudgetLimits, *asking: tuple[SampleSource, str], width: int = 4
) -> tuple[list[Any], Sampler]:
    """Ask for one sample each, all at once; errors are results."""

    async def all_of_them() -> tuple[list[Any], Sampler]:
        sampler = Sampler(store, window=width, spending=Spending(limits))

        async def one(where: SampleSource, text: str) -> Sample:
            request = Request(messages=({"role": "user", "content": text},))
            question = KeyedQuestion(request_text(where.version.fingerprint, request))
            return (await sampler.draw(where, request, question, 0))[1]

        try:
            return await asyncio.gather(*(one(*each) for each in asking), return_exceptions=True), sampler
        finally:
            await sampler.close()

    return asyncio.run(all_of_them())


def answered(results: list[Any]) -> int:
    return sum(isinstance(each, Sample) for each in results)


# -- counting ---------------------------------------------------------------------------------------------------------


def test_each_prompt_passes_once_and_only_its_last_token_predicts() -> None:
    spending, where = Spending(), source(NotingEngine())
    landed(spending, asked(where, n=3), 10, 5)
    landed(spending, asked(where, "r"), 10, 0)
    assert spending.versions["v"].passes == {ForwardPass(10, 0, 1): 2, ForwardPass(5, 10, 5): 3}
    assert (spending.prompt_tokens, spending.completion_tokens) == (20, 15), "of a request's choices the prompt once"
    what = PendingDraws(where, Request(kind="loglikelihood", prompt="p", continuation="c"), b"k", (0, 1))
    landed(spending, what, 8, 2)
    assert (spending.prompt_tokens, spending.completion_tokens) == (28, 17), "what is weighed is computed once"
    assert (
        spending.versions["v"].passes[ForwardPass(8, 0, 8)] == spending.versions["v"].passes[ForwardPass(2, 8, 2)] == 1
    )
    load = {"requests": 11, "completed": 10, "prompt_tokens": 205, "completion_tokens": 61}
    spending.measured(where.version, load)
    assert spending.versions["v"].passes[ForwardPass(20, 0, 1)] == 10
    assert spending.versions["v"].passes[ForwardPass(6, 20, 6)] == 10


@pytest.mark.parametrize(
    "limits", [BudgetLimits(max_requests=12), BudgetLimits(max_tokens=21), BudgetLimits(max_cost=0.00002)]
)
def test_a_pair_of_blocks_begins_only_while_no_limit_is_reached(limits: BudgetLimits) -> None:
    spending, where = Spending(limits), source(NotingEngine(), price=Price(1.0, 1.0))
    spending.begin_block([where.version], 1)
    spending.measured(where.version, {"requests": 11, "completed": 10, "prompt_tokens": 20, "completion_tokens": 1})
    with pytest.raises(BudgetSpentError):
        spending.begin_block([where.version], 1)
    (limit,) = (name for name in ("max_requests", "max_tokens", "max_cost") if getattr(limits, name) is not None)
    budget = spending.budget(1)
    assert budget is not None
    assert (budget.stopped_by, budget.spent.requests, budget.spent.tokens) == (limit, 12, 21)
    assert not spending.allows(asked(where), 1, 0)


def test_a_server_that_counts_no_tokens_is_measured_no_further_under_a_limit_of_them() -> None:
    spending, where = Spending(BudgetLimits(max_tokens=100)), source(NotingEngine())
    spending.begin_block([where.version], 0)
    spending.measured(where.version, {"requests": 9, "completed": 9, "prompt_tokens": None, "completion_tokens": None})
    with pytest.raises(CapabilityError, match="v answers without a count of its tokens"):
        spending.begin_block([where.version], 0)


@pytest.mark.parametrize("limits", [BudgetLimits(max_tokens=100), BudgetLimits(max_cost=1.0)])
def test_a_block_of_which_nothing_was_answered_says_nothing_of_what_answers_take(limits: BudgetLimits) -> None:
    spending, where = Spending(limits), source(NotingEngine(), price=Price(1.0, 1.0))
    spending.measured(where.version, {"requests": 9, "completed": 0, "prompt_tokens": None, "completion_tokens": None})
    spending.begin_block([where.version], 0)
    budget = spending.budget(0)
    assert budget is not None
    assert (budget.spent.requests, budget.spent.tokens, budget.spent.cost) == (9, 0, 0.0)


def test_cost_is_that_of_each_version_at_its_own_price() -> None:
    spending = Spending()
    landed(spending, asked(source(NotingEngine(), "a", Price(1.0, 2.0))), 1_000_000, 500_000)
    landed(spending, asked(source(NotingEngine(), "b", Price(10.0, 0.0))), 100_000, 7)
    assert spending.cost == 3.0


def test_a_price_of_a_version_that_was_not_asked_is_not_missed() -> None:
    assert Spending(prices={"a": Price(1.0, 1.0)}).cost == 0
    assert Spending(prices={"a": None}).cost is None
    spending = Spending(prices={"a": Price(1.0, 1.0), "b": None})
    landed(spending, asked(source(NotingEngine(), "a", Price(1.0, 1.0))), 1_000_000, 0)
    assert spending.cost == 1.0
    landed(spending, asked(source(NotingEngine(), "b")), 10, 10)
    assert spending.cost is None


# -- limits -----------------------------------------------------------------------------------------------------------


def test_without_limits_everything_is_allowed_and_there_is_no_budget() -> None:
    spending = Spending()
    assert spending.allows(asked(source(NotingEngine())), 10**9, 10**6)
    assert spending.budget(0) is None


def test_tokens_of_requests_under_way_are_those_that_the_version_took_before() -> None:
    spending, where = Spending(BudgetLimits(max_tokens=100)), source(NotingEngine())
    landed(spending, asked(where, n=2), 10, 5)
    spending.sent(asked(where, n=2))
    spending.sent(asked(where, n=2))
    assert spending.allows(asked(where, n=2), 3, 2), "20 spent, 40 under way, 20 more"
    spending.sent(asked(where, n=2))
    assert spending.allows(asked(where, n=2), 4, 3), "it comes to 100, which may be spent"
    spending.sent(asked(where, n=2))
    assert not spending.allows(asked(where, n=2), 5, 4)
    assert not spending.is_over, "those under way may take less"


def test_what_does_not_fit_waits_while_anything_is_under_way_and_then_ends_the_run() -> None:
    spending, where = Spending(BudgetLimits(max_tokens=40)), source(NotingEngine())
    landed(spending, asked(where), 20, 10)
    assert not spending.allows(asked(where), 1, 0)
    assert spending.stopped_by == "max_tokens"
    assert str(spending.refuse()) == "nothing more is asked for: max_tokens 40 is spent"


def test_of_a_version_that_nothing_is_known_of_one_request_goes_out() -> None:
    spending, where = Spending(BudgetLimits(max_tokens=40)), source(NotingEngine())
    assert spending.allows(asked(where), 0, 0)
    spending.sent(asked(where))
    assert not spending.allows(asked(where), 1, 1)
    assert not spending.is_over
    landed(spending, asked(where), 10, 5)
    spending.landed(asked(where), [])
    assert spending.allows(asked(where), 2, 0)


def test_a_spent_limit_allows_nothing_not_even_of_a_version_that_nothing_is_known_of() -> None:
    spending = Spending(BudgetLimits(max_tokens=30))
    landed(spending, asked(source(NotingEngine())), 20, 10)
    assert not spending.allows(asked(source(NotingEngine(), "other")), 1, 0)
    assert spending.stopped_by == "max_tokens"


def test_max_cost_weighs_tokens_by_price() -> None:
    spending = Spending(BudgetLimits(max_cost=1.0))
    dear, cheap = source(NotingEngine(), "dear", Price(0, 1e6)), source(NotingEngine(), "cheap", Price(0, 1))
    landed(spending, asked(cheap), 5, 1000)
    assert spending.allows(asked(cheap), 1, 0)
    spending.sent(asked(dear))
    assert not spending.allows(asked(cheap), 2, 1), "nothing is known of what the dear one's answer costs"
    assert not spending.is_over
    spending.landed(asked(dear), [Sample("a", 0, prompt_tokens=5, completion_tokens=1)])
    assert spending.stopped_by is None
    assert not spending.allows(asked(cheap), 2, 0), "it cost 1"
    assert spending.stopped_by == "max_cost"


def test_a_failed_request_frees_what_it_was_expected_to_take() -> None:
    spending, where = Spending(BudgetLimits(max_tokens=60)), source(NotingEngine())
    landed(spending, asked(where), 20, 10)
    spending.sent(asked(where))
    assert not spending.allows(asked(where), 2, 1)
    spending.landed(asked(where), [])
    assert spending.allows(asked(where), 2, 0)


def test_the_deadline_counts_from_the_start_of_the_session() -> None:
    clock = Clock()
    spending = Spending(BudgetLimits(deadline_s=60), elapsed_s=20, clock=clock)
    assert spending.left_s == 40
    assert spending.allows(asked(source(NotingEngine())), 0, 0)
    clock.now = 40.0
    assert spending.is_late
    assert not spending.allows(asked(source(NotingEngine())), 0, 0)
    assert spending.stopped_by is None, "nothing was refused yet"
    assert spending.refuse().limit == "--deadline 1m"
    assert spending.stopped_by == "deadline"


def test_the_first_limit_that_ended_the_run_is_told() -> None:
    clock = Clock()
    spending = Spending(BudgetLimits(max_requests=1, deadline_s=5), clock=clock)
    assert not spending.allows(asked(source(NotingEngine())), 1, 0)
    clock.now = 6.0
    assert spending.refuse().limit == "max_requests 1"
    budget = spending.budget(1)
    assert budget is not None
    assert (budget.stopped_by, budget.spent.requests, budget.spent.elapsed_s) == ("max_requests", 1, 6.0)


# -- in the window ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [10, None])
def test_no_request_beyond_the_limit_is_sent_and_those_in_flight_are_stored(store: Store, tokens: int | None) -> None:
    engine = CountingEngine(tokens, tokens)
    results, sampler = run(store, BudgetLimits(max_requests=3), *((source(engine), f"q{i}") for i in range(10)))
    assert len(engine.asked) == answered(results) == store.info().samples == 3
    assert {each.limit for each in results if isinstance(each, BudgetSpentError)} == {"max_requests 3"}
    assert len([each for each in results if isinstance(each, BudgetSpentError)]) == 7
    assert sampler.window.requests == 3


def test_stored_samples_cost_nothing(store: Store) -> None:
    engine = CountingEngine()
    asking = [(source(engine), f"q{i}") for i in range(6)]
    run(store, BudgetLimits(), *asking)
    results, sampler = run(store, BudgetLimits(max_tokens=1), *asking)
    assert answered(results) == 6
    assert sampler.spending.stopped_by is None


@pytest.mark.parametrize("width", [1, 4, 50])
def test_tokens_stay_within_the_limit_where_answers_are_as_long_as_before(store: Store, width: int) -> None:
    engine = CountingEngine()
    results, sampler = run(
        store, BudgetLimits(max_tokens=100), *((source(engine), f"q{i}") for i in range(40)), width=width
    )
    spent = sampler.spending.prompt_tokens + sampler.spending.completion_tokens
    assert (spent, answered(results)) == (90, 6)


def test_longer_answers_go_over_by_no_more_than_what_was_in_flight(store: Store) -> None:
    short, long = CountingEngine(), CountingEngine(completion=200)
    run(store, BudgetLimits(), (source(short), "other"))
    results, sampler = run(store, BudgetLimits(max_tokens=500), *((source(long), f"q{i}") for i in range(40)), width=4)
    spent = sampler.spending.prompt_tokens + sampler.spending.completion_tokens
    assert spent == 210 * answered(results) <= 500 + 4 * 210


def test_a_version_that_counts_no_tokens_is_asked_no_further_and_told(store: Store) -> None:
    engine = CountingEngine(completion=None)
    results, _ = run(store, BudgetLimits(max_tokens=10_000), *((source(engine), f"q{i}") for i in range(9)), width=2)
    errors = [each for each in results if isinstance(each, CapabilityError)]
    assert answered(results) == len(engine.asked) <= 3
    assert len(errors) == 9 - answered(results)
    assert "max_tokens 10,000 can't be kept: v answers without a count of its tokens" in str(errors[0])


@pytest.mark.service
def test_at_the_deadline_what_is_queued_or_in_flight_comes_to_nothing_and_what_is_held_back_is_not_sent(
    store: Store,
) -> None:
    engine = CountingEngine()
    engine.answers.clear()
    results, sampler = run(store, BudgetLimits(deadline_s=0.5), *((source(engine), f"q{i}") for i in range(5)), width=2)
    assert (answered(results), len(engine.asked)) == (0, 2)
    assert [str(each) for each in engine.held[:1]] == ["nothing more is asked for: --deadline 0.5s is spent"]
    assert sampler.spending.stopped_by == "deadline"


def test_an_engine_that_is_still_loading_at_the_deadline_is_not_waited_for(store: Store) -> None:
    class Slow(NotingEngine):
        async def start(self) -> None:
            await asyncio.Event().wait()

    results, _ = run(store, BudgetLimits(deadline_s=0.05), (source(Slow()), "q"))
    assert isinstance(results[0], BudgetSpentError)


class TellingEngine(CountingEngine):
    """Says what each answer cost."""

    async def sample(self, request: Request, indices: Any) -> list[Sample]:
        return [replace(each, cost=0.25) for each in await super().sample(request, indices)]


def test_a_cost_that_is_told_counts_in_place_of_that_of_tokens_and_needs_no_price(store: Store) -> None:
    told, priced = TellingEngine(completion=None), CountingEngine()
    asked_for = (source(told, "a"), "q"), (source(told, "a"), "r"), (source(priced, "b", Price(1e5, 0)), "q")
    _, sampler = run(store, BudgetLimits(), *asked_for)
    assert sampler.spending.cost == pytest.approx(2 * 0.25 + 10 * 1e5 / 1e6)


def test_a_cost_that_is_told_is_bounded(store: Store) -> None:
    engine = TellingEngine(prompt=None, completion=None)
    results, sampler = run(store, BudgetLimits(max_cost=1.0), *((source(engine), f"q{i}") for i in range(9)), width=1)
    assert (answered(results), sampler.spending.cost) == (4, 1.0)


@pytest.mark.parametrize("limits", [BudgetLimits(max_cost=1.0), BudgetLimits(max_tokens=60)])
def test_a_version_that_tells_nothing_does_not_end_the_bound_on_those_that_do(
    store: Store, limits: BudgetLimits
) -> None:
    told, silent = source(TellingEngine()), source(CountingEngine(None, None), "silent")
    results, sampler = run(store, limits, (silent, "q"), *((told, f"q{i}") for i in range(9)), width=1)
    assert answered(results) == 5
    budget = sampler.budget
    assert budget is not None
    (name,) = (name for name in ("max_cost", "max_tokens") if getattr(limits, name) is not None)
    spent = {"max_cost": "at least 1.00", "max_tokens": "at least 60"}[name]
    assert (budget.stopped_by, budget.spent.in_words(name), sampler.spending.cost) == (name, spent, None)


def test_what_costs_nothing_need_not_count_its_tokens(store: Store) -> None:
    silent = source(CountingEngine(None, None), price=Price(0, 0))
    results, sampler = run(store, BudgetLimits(max_cost=1.0), *((silent, f"q{i}") for i in range(3)), width=1)
    assert (answered(results), sampler.spending.cost) == (3, 0)


def test_a_cost_that_is_told_by_some_answers_alone_is_not_known(store: Store) -> None:
    engine = TellingEngine()
    _, sampler = run(store, BudgetLimits(), (source(engine, "a"), "q"), (source(CountingEngine(), "a"), "r"))
    assert sampler.spending.cost is None
