"""The window holds all requests, engine by engine."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import EngineError, PartlyAnsweredError
from harness.records import Request, Sample
from harness.requests import Sampler
from harness.store import Store
from tests.requests.engines import NotingEngine
from tests.requests.samplers import draw, run, source


def test_engine_that_gives_fewer_is_asked_for_the_rest(store: Store) -> None:
    engine = NotingEngine(gives=2)
    where = source(engine)
    samples = run(store, *(lambda s, i=i: draw(s, where, "q", i) for i in range(5)))
    assert [sample.text for sample in samples] == [f"q/{i}" for i in range(5)]
    assert engine.asked == [(0, 1, 2, 3, 4), (2, 3, 4), (4,)]


def test_request_holds_no_more_than_the_engine_takes(store: Store) -> None:
    engine = NotingEngine(most=2)
    where = source(engine)
    run(store, *(lambda s, i=i: draw(s, where, "q", i) for i in range(5)))
    assert sorted(engine.asked) == [(0, 1), (2, 3), (4,)]


def test_seeded_request_holds_consecutive_samples(store: Store) -> None:
    engine = NotingEngine()
    run(store, *(lambda s, i=i: draw(s, source(engine), "q", i, seed=1) for i in (1, 2)))
    run(store, *(lambda s, i=i: draw(s, source(engine), "q", i, seed=1) for i in range(5)))
    assert engine.asked == [(1, 2), (0,), (3, 4)]


def test_window_is_never_wider_than_told(store: Store) -> None:
    engine = NotingEngine()
    where = source(engine)
    run(store, *(lambda s, i=i: draw(s, where, f"q{i}", 0) for i in range(20)), width=3)
    assert engine.max_in_flight == 3


def test_engines_of_one_device_take_turns(store: Store) -> None:
    order: list[tuple[str, str]] = []
    engines = [NotingEngine(name, device="cpu", order=order) for name in "ab"]
    works = [lambda s, e=engine, i=i: draw(s, source(e, e.name), f"q{i}", 0) for i in range(4) for engine in engines]
    run(store, *works)
    names = [name for _, name in order]
    assert names == ["a"] * 8 + ["b"] * 8


def test_engines_without_a_device_work_side_by_side(store: Store) -> None:
    order: list[tuple[str, str]] = []
    engines = [NotingEngine(name, order=order) for name in "ab"]
    run(store, *(lambda s, e=engine: draw(s, source(e, e.name), "q", 0) for engine in engines))
    assert [kind for kind, _ in order] == ["begin", "begin", "end", "end"]


def test_draws_that_failed_beside_others_are_errors_and_not_asked_again(store: Store) -> None:
    class Partly(NotingEngine):
        async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
            samples = await super().sample(request, indices)
            errors = {index: EngineError(f"no {index}") for index in indices if index % 2}
            raise PartlyAnsweredError({each.index: each for each in samples if each.index not in errors}, errors)

    engine = Partly()
    where = source(engine)
    n_failed = []

    async def drawn(sampler: Sampler, index: int) -> Sample:
        try:
            return await draw(sampler, where, "q", index)
        finally:
            n_failed.append(sampler.window.n_failed)

    found = run(store, *(lambda s, i=i: drawn(s, i) for i in range(4)))
    assert n_failed[-1] == 2
    assert [each.text if isinstance(each, Sample) else str(each) for each in found] == ["q/0", "no 1", "q/2", "no 3"]
    assert engine.asked == [(0, 1, 2, 3)]


def test_what_an_engine_raises_before_it_is_asked_reaches_the_body_that_waits(store: Store) -> None:
    class Raises(NotingEngine):
        def choices_per_request(self, request: Request) -> int:
            if request.messages[-1]["content"] == "wrong":
                raise TypeError("no number")
            return super().choices_per_request(request)

    where = source(Raises())
    found = run(store, *(lambda s, q=q: draw(s, where, q, 0) for q in ("wrong", "right")))
    assert [each.text if isinstance(each, Sample) else str(each) for each in found] == ["no number", "right/0"]
