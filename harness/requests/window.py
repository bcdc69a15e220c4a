"""One window of requests in flight over all engines."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import CapabilityError, EngineError, PartlyAnsweredError
from harness.models.engine import Capability, Engine
from harness.records import Request, Sample
from harness.requests.pending import PendingDraws
from harness.requests.spending import Spending

_QUEUED_WINDOWS = 4
"""What is queued is no other process's to draw; a store is asked less often the more it is."""


@dataclass(slots=True, eq=False)
class _Lane:
    """The requests that wait for one engine."""

    engine: Engine
    queue: deque[PendingDraws] = field(default_factory=deque)
    in_flight: int = 0
    n_sent: int = 0
    ready: asyncio.Task[None] | None = None


class Window:
    """Sends what is asked, as many requests at once as the window is wide.

    Engines start when they are first needed. Those that share a device take turns: one goes on until it has nothing
    left to do. Once the budget of the run is spent, what was not sent comes to nothing.

    Args:
        width: the most requests in flight.
        arrived: takes the samples of a request, one for each index.
        failed: takes a request that came to nothing, with the reason.
    """

    def __init__(
        self,
        width: int,
        arrived: Callable[[PendingDraws, Sequence[Sample]], None],
        failed: Callable[[PendingDraws, BaseException], None],
        spending: Spending,
    ) -> None:
        self.spending = spending
        self.in_flight = 0
        self.n_failed = 0  # samples that an engine was asked for, and gave an error in their place
        self._deadline: asyncio.TimerHandle | None = None
        self._width, self._arrived, self._failed = width, arrived, failed
        self._lanes: dict[int, _Lane] = {}
        self._turn: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    @property
    def http_requests(self) -> int:
        """Requests sent over a wire so far, retries included."""
        return sum(lane.engine.http_requests for lane in self._lanes.values())

    @property
    def requests(self) -> int:
        """Requests to engines so far: those over a wire with their retries."""
        return sum(max(lane.n_sent, lane.engine.http_requests) for lane in self._lanes.values())

    @property
    def starting(self) -> list[str]:
        """Engines that are loading now."""
        lanes = self._lanes.values()
        return [lane.engine.name for lane in lanes if lane.ready is not None and not lane.ready.done()]

    @property
    def troubles(self) -> list[str]:
        """The engines' words about requests that they send again now."""
        return [trouble for lane in self._lanes.values() if (trouble := lane.engine.trouble)]

    def room(self, engine: Engine) -> int:
        """How many more requests may be queued for an engine: none until less than a window of them is left."""
        n_queued = len(self._lane(engine).queue)
        return _QUEUED_WINDOWS * self._width - n_queued if n_queued < self._width else 0

    def add(self, asked: PendingDraws) -> None:
        """Queue a request; `pump` sends it. Once the window has stopped, it comes to nothing."""
        if self._stopped:
            self._failed(asked, EngineError("the run has ended"))
            return
        self._lane(asked.engine).queue.append(asked)
        left_s = self.spending.left_s
        if self._deadline is None and left_s is not None:
            self._deadline = asyncio.get_running_loop().call_later(max(0.0, left_s), self._give_up)

    def _lane(self, engine: Engine) -> _Lane:
        if id(engine) not in self._lanes:
            self._lanes[id(engine)] = _Lane(engine)
            engine.ask_before_sending(lambda: self.spending.refusal(self.http_requests))
        return self._lanes[id(engine)]

    def _give_up(self) -> None:
        """The deadline has come: what is in flight comes to nothing."""
        for task in self._tasks:
            task.cancel()
        self.pump()

    def pump(self) -> None:
        """Send what there is room for, an engine after the other, one request of each at a time."""
        waiting = [lane for lane in self._lanes.values() if lane.queue]
        while waiting:
            waiting = [lane for lane in waiting if self._sends(lane)]
        if self.spending.is_over:  # what is queued comes to nothing, and so does what engines have not sent yet
            for lane in self._lanes.values():
                self._drop(lane, self.spending.refuse())
                if (refusal := self.spending.refusal(self.http_requests)) is not None:
                    lane.engine.hold(refusal)

    def _sends(self, lane: _Lane) -> bool:
        """Send the next request of a lane where it may go out; tells whether it has more to try. What an engine raises
        before it is asked belongs to the body that waits.
        """
        try:
            return self._may_send(lane) and self._send_next(lane)
        except Exception as error:  # noqa: BLE001 - else nobody would be told, and the run would wait for ever
            if lane.queue:
                self._failed(lane.queue.popleft(), error)
            return bool(lane.queue)

    def _may_send(self, lane: _Lane) -> bool:
        """Tell whether the next request of a lane may go out: its engine has started, or is started now, and has its
        device's turn, and the budget allows it. What never may comes to nothing.
        """
        if self.in_flight >= self._width:
            return False
        ready = self._begin(lane)
        if not ready.done() or ready.cancelled():
            return False
        if (error := ready.exception()) is not None:
            self._drop(lane, error)
            return False
        device = lane.engine.device
        holder = lane if device is None else self._turn.get(device, lane)
        if holder is not lane and (holder.in_flight > 0 or holder.queue):
            return False
        if device is not None:
            self._turn[device] = lane
        while lane.queue and (refused := self.spending.uncounted(lane.queue[0].source.version)) is not None:
            self._failed(lane.queue.popleft(), refused)
        return bool(lane.queue) and self.spending.allows(_next(lane.queue[0]), self.requests, self.in_flight)

    def _drop(self, lane: _Lane, error: BaseException) -> None:
        while lane.queue:
            self._failed(lane.queue.popleft(), error)

    async def start(self, engine: Engine) -> None:
        """Start an engine before its first request. Raises EngineError: it can't, or the run has ended or is late."""
        if self._stopped:
            raise EngineError("the run has ended")
        ready = self._begin(self._lane(engine))
        try:
            async with asyncio.timeout(self.spending.left_s):
                await asyncio.shield(ready)
        except TimeoutError:
            raise self.spending.refuse() from None

    def _begin(self, lane: _Lane) -> asyncio.Task[None]:
        if lane.ready is None:
            lane.ready = asyncio.get_running_loop().create_task(lane.engine.start())
            lane.ready.add_done_callback(lambda _: self.pump())
        return lane.ready

    def _send_next(self, lane: _Lane) -> bool:
        """Send the next request of a lane; tells whether it has more."""
        asked = _next(lane.queue[0])
        whole = lane.queue.popleft()
        if len(asked.indices) < len(whole.indices):
            lane.queue.appendleft(whole.of(whole.indices[len(asked.indices) :]))
        lane.in_flight += 1
        lane.n_sent += 1
        self.in_flight += 1
        self.spending.sent(asked)
        task = asyncio.get_running_loop().create_task(self._send(lane, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return bool(lane.queue)

    async def _send(self, lane: _Lane, asked: PendingDraws) -> None:
        samples: list[Sample] = []
        errors: dict[int, BaseException] = {}
        # Only an engine that makes its own chance sees the number of a question.
        number = 0 if asked.question is None else asked.question.number
        request = replace(asked.request, number=number) if number else asked.request
        try:
            try:
                samples = _apart(request, await lane.engine.sample(request, asked.indices))
                answered = asked.indices[: len(samples)]
            except PartlyAnsweredError as partly:
                samples, answered = _apart(request, partly.samples.values()), tuple(partly.samples)
                errors = dict(partly.errors)
            self._arrived(asked.of(answered), samples)
            for index, error in errors.items():
                self._failed(asked.of((index,)), error)
            if rest := tuple(index for index in asked.indices if index not in errors and index not in answered):
                lane.queue.appendleft(asked.of(rest))
            self.n_failed += len(errors)
        except asyncio.CancelledError as error:
            is_given_up = self.spending.is_late and not self._stopped
            self._failed(asked, self.spending.refuse() if is_given_up else error)
            raise
        except Exception as error:  # noqa: BLE001 - whatever an engine raises belongs to the bodies that wait
            self.n_failed += len(asked.indices)
            self._failed(asked, error)
        finally:
            lane.in_flight -= 1
            self.in_flight -= 1
            self.spending.landed(asked, samples)
            asyncio.get_running_loop().call_soon(self.pump)

    async def stop(self) -> None:
        """Cancel what is in flight; nothing more is sent."""
        self._stopped = True
        if self._deadline is not None:
            self._deadline.cancel()
        for lane in self._lanes.values():
            lane.queue.clear()
        await _cancelled(self._tasks)

    async def close_engines(self) -> None:
        """Free every engine that was used."""
        lanes = self._lanes.values()
        await _cancelled([lane.ready for lane in lanes if lane.ready is not None])
        await asyncio.gather(*(lane.engine.close() for lane in lanes), return_exceptions=True)


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _apart(request: Request, samples: Iterable[Sample]) -> list[Sample]:
    """The samples, those of a chat with reasoning and answer apart."""
    return [reasoning_apart(sample) for sample in samples] if request.kind == "chat" else list(samples)


def reasoning_apart(sample: Sample) -> Sample:
    """A sample of a chat with its reasoning kept apart from its answer, also where the engine did not do that."""
    start = sample.text.lstrip()
    if sample.reasoning is not None or not start.startswith("<think>"):
        return sample
    reasoning, _, answer = start.removeprefix("<think>").partition("</think>")
    return replace(sample, text=answer.lstrip(), reasoning=reasoning.strip() or None)


def _next(asked: PendingDraws) -> PendingDraws:
    """The first draws of what was asked, as many as fit in one request."""
    most, first = max(1, asked.engine.choices_per_request(asked.request)), asked.indices[0]
    if "seed" in asked.request.sampling:  # which draws consecutive ones
        most = next((n for n, index in enumerate(asked.indices[:most]) if index != first + n), most)
    return asked.of(asked.indices[:most])


def check_capabilities(engine: Engine, request: Request) -> None:
    """Refuse what an engine can't do. Raises CapabilityError: it names what is lacking and what there is."""
    wanted = {
        Capability.COMPLETION: request.kind == "completion",
        Capability.CHAT_TEMPLATE: request.kind != "chat" and bool(request.messages),
        Capability.LOGPROBS: request.logprobs is not None and request.kind != "rolling",
        Capability.LOGLIKELIHOOD: request.kind == "loglikelihood",
        Capability.ROLLING: request.kind == "rolling" and request.logprobs is None,
        Capability.PROMPT_LOGPROBS: request.kind == "rolling" and request.logprobs is not None,
        Capability.SCHEMA: request.schema is not None,
        Capability.TOOLS: request.tools is not None,
        Capability.SEED: "seed" in request.sampling,
    }
    lacking = [name.value for name, is_wanted in wanted.items() if is_wanted and name not in engine.capabilities]
    if lacking and (how := engine.remedy(lacking[0])):
        raise CapabilityError(f"{engine.name} takes no {lacking[0]}, and was asked with it. {how}.")
    if lacking:
        able = ", ".join(sorted(engine.capabilities)) or "plain chat only"
        server = ", such as one with the base_url of `vllm serve --enable-auto-tool-choice --tool-call-parser …`"
        message = f"{engine.name} has no {', '.join(lacking)} (it has: {able}); use a version that has it"
        raise CapabilityError(f"{message}{'' if request.tools is None else server}.")
