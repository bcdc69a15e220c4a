"""The server itself: /v1/chat/completions, /v1/completions, /v1/models and /stats."""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from aiohttp import web

from harness.models.scripted.engine import ScriptedEngine
from harness.records import Request, Sample
from tests.loopback.faults import Fault, fail, striking
from tests.loopback.streaming import event_stream

_WORD = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class Options:
    """How the server behaves.

    Attributes:
        answers: {prompt: answer} or {prompt: {answer: probability}}, for the last user message and for a raw prompt;
            anything else is answered with `default`.
        stamp: what stands in an answer for a number that each request has of its own.
        echo: answer with the last user message instead.
        crowded: what is answered in place of that while other requests are in flight.
        twins: a request waits, for a second, until so many equal ones have come.
        together: no request is answered before so many are in flight at once.
        slots: so many requests are answered at once, the others wait; 0 for all.
        latency_s: how long each answer takes. jitter_s: up to so much longer, drawn from the request.
        ignore_n: always give one choice. reject_n: HTTP 400 for n above 1. most_choices: give at most so many.
        wants_completion_tokens: HTTP 400 for max_tokens, as OpenAI's newer models do.
        has_completions, has_logprobs: whether /v1/completions is there, and chat answers with log probabilities.
        call_tools: answer with a call of the first tool, where the request has tools.
        reasoning: given beside every answer, under the name `reasoning_field`.
        usage: whether answers count their tokens. uncounted: those to a request that holds this text do not.
        model: the name that answers give the model; None for none.
        described: laid over what /v1/models says of the model; None for no such page.
        streams: "asked": HTTP 400 unless a stream is asked for; "always": an event stream, asked for or not.
        api_key: demanded as a bearer token.
        faults: requests that fail.
    """

    answers: Mapping[str, Any] = field(default_factory=dict)
    default: Any = "ok"
    stamp: str | None = None
    echo: bool = False
    crowded: str | None = None
    twins: int = 1
    together: int = 1
    slots: int = 0
    latency_s: float = 0.0
    jitter_s: float = 0.0
    ignore_n: bool = False
    reject_n: bool = False
    most_choices: int = 1000
    wants_completion_tokens: bool = False
    has_completions: bool = True
    has_logprobs: bool = True
    call_tools: bool = False
    reasoning: str | None = None
    reasoning_field: str = "reasoning_content"
    usage: bool = True
    uncounted: str | None = None
    model: str | None = None
    described: Mapping[str, Any] | None = field(default_factory=dict)
    streams: Literal["asked", "always"] | None = None
    api_key: str | None = None
    faults: tuple[Fault, ...] = ()


class Server:
    """Answers requests and counts them.

    Attributes:
        received: bodies of all chat and completion requests, in the order of arrival.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.received: list[dict[str, Any]] = []
        self.stats = Counter[str](requests=0, choices=0, faults=0, in_flight=0, max_in_flight=0)
        self._engine = ScriptedEngine("loopback", {"answers": options.answers, "default": options.default}, Path())
        self._attempts = Counter[bytes]()
        self._drawn = Counter[bytes]()
        self._crowd = asyncio.Event()
        self._slots = asyncio.Semaphore(options.slots or 1_000_000)
        self._twins: defaultdict[bytes, asyncio.Event] = defaultdict(asyncio.Event)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        return await self._answer(request, self._chat)

    async def completion(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/completions: answers to one prompt, or the echo of several with log probabilities."""
        return await self._answer(request, self._completion)

    async def models(self, request: web.Request) -> web.Response:
        """GET /v1/models."""
        if self.options.described is None:
            return _refuse(404, "no such path")
        entry = {"id": "loopback", "object": "model", "created": id(self), **self.options.described}
        return web.json_response({"object": "list", "data": [entry]})

    async def show_stats(self, request: web.Request) -> web.Response:
        """GET /stats."""
        return web.json_response(self.stats)

    async def _answer(self, request: web.Request, answer: Any) -> web.StreamResponse:
        body = await request.read()
        number, attempt = self.stats["requests"], self._attempts[body]
        self._attempts[body] += 1
        self.stats["requests"] += 1
        self.stats["in_flight"] += 1
        self.stats["max_in_flight"] = max(self.stats["max_in_flight"], self.stats["in_flight"])
        try:
            self.received.append(payload := json.loads(body))
            if self.stats["in_flight"] >= self.options.together:
                self._crowd.set()
            await self._crowd.wait()
            if attempt + 1 >= self.options.twins:
                self._twins[body].set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._twins[body].wait(), timeout=1)
            if self.options.latency_s or self.options.jitter_s:
                async with self._slots:
                    await asyncio.sleep(self.options.latency_s + self.options.jitter_s * zlib.crc32(body) / 2**32)
            if fault := striking(self.options.faults, body, number, attempt):
                self.stats["faults"] += 1
                return await fail(fault, request)
            key = self.options.api_key
            if key and request.headers.get("Authorization") != f"Bearer {key}":
                return _refuse(401, f"wrong key: {request.headers.get('Authorization')}")
            return await answer(payload, body)
        finally:
            self.stats["in_flight"] -= 1

    async def _chat(self, payload: dict[str, Any], body: bytes) -> web.Response:
        if "max_tokens" in payload and self.options.wants_completion_tokens:
            return _refuse(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        return await self._drawn_choices("chat.completion", payload, body)

    async def _drawn_choices(self, kind: str, payload: dict[str, Any], body: bytes) -> web.Response:
        n = payload.get("n", 1)
        if self.options.streams == "asked" and not payload.get("stream"):
            return _refuse(400, "This model only supports streaming; set stream to true.")
        if n > 1 and self.options.reject_n:
            return _refuse(400, "this server has no n")
        n = 1 if self.options.ignore_n else min(n, self.options.most_choices)
        samples = await self._samples(payload, body, n)
        self.stats["choices"] += n
        choice = self._completed if "prompt" in payload else self._choice
        document: dict[str, Any] = {
            "object": kind,
            "choices": [choice(payload, sample, position) for position, sample in enumerate(samples)],
        }
        uncounted = self.options.uncounted
        if self.options.usage and (uncounted is None or uncounted not in json.dumps(payload)):
            document["usage"] = {
                "prompt_tokens": samples[0].prompt_tokens,
                "completion_tokens": sum(sample.completion_tokens or 0 for sample in samples),
            }
        if self.options.model is not None:
            document["model"] = self.options.model
        if self.options.streams == "always" or payload.get("stream"):
            return web.Response(text=event_stream(document), content_type="text/event-stream")
        return web.Response(text=json.dumps(document), content_type="application/json")

    async def _samples(self, payload: dict[str, Any], body: bytes, n: int) -> list[Sample]:
        if self.options.crowded is not None and self.stats["in_flight"] > 1:
            return [Sample(self.options.crowded, prompt_tokens=1, completion_tokens=1)] * n
        if self.options.echo:
            text = payload["prompt"] if "prompt" in payload else payload["messages"][-1]["content"]
            return [Sample(text, prompt_tokens=1, completion_tokens=1)] * n
        sampling = {name: payload[name] for name in ("temperature", "max_tokens", "seed", "stop") if name in payload}
        if "max_completion_tokens" in payload:
            sampling["max_tokens"] = payload["max_completion_tokens"]
        first = 0 if "seed" in sampling else self._drawn[body]
        self._drawn[body] += n
        if "prompt" in payload:
            request = Request(
                kind="completion", prompt=payload["prompt"], sampling=sampling, logprobs=payload.get("logprobs")
            )
        else:
            logprobs = payload.get("top_logprobs", 0) if payload.get("logprobs") else None
            request = Request(messages=tuple(payload["messages"]), sampling=sampling, logprobs=logprobs)
        samples = await self._engine.sample(request, range(first, first + n))
        if self.options.stamp is None:
            return samples
        return [
            replace(sample, text=sample.text.replace(self.options.stamp, str(zlib.crc32(body)))) for sample in samples
        ]

    def _completed(self, payload: dict[str, Any], sample: Sample, position: int) -> dict[str, Any]:
        choice = {"index": position, "text": sample.text, "finish_reason": sample.finish_reason, "logprobs": None}
        if sample.logprobs is not None and self.options.has_logprobs:
            choice["logprobs"] = {
                "tokens": [entry.token for entry in sample.logprobs],
                "token_logprobs": [entry.logprob for entry in sample.logprobs],
                "top_logprobs": [dict(entry.top) for entry in sample.logprobs] if payload["logprobs"] else None,
            }
        return choice

    def _choice(self, payload: dict[str, Any], sample: Sample, position: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": sample.text}
        if self.options.reasoning is not None:
            message[self.options.reasoning_field] = self.options.reasoning
        choice: dict[str, Any] = {"index": position, "message": message, "finish_reason": sample.finish_reason}
        if self.options.call_tools and payload.get("tools"):
            function = {"name": payload["tools"][0]["function"]["name"], "arguments": "{}"}
            message |= {"content": None, "tool_calls": [{"id": "call-1", "type": "function", "function": function}]}
            choice["finish_reason"] = "tool_calls"
        if sample.logprobs is not None and self.options.has_logprobs:
            choice["logprobs"] = {
                "content": [
                    {
                        "token": entry.token,
                        "logprob": entry.logprob,
                        "top_logprobs": [{"token": token, "logprob": logprob} for token, logprob in entry.top],
                    }
                    for entry in sample.logprobs
                ]
            }
        return choice

    async def _completion(self, payload: dict[str, Any], body: bytes) -> web.Response:
        if not self.options.has_completions:
            return _refuse(404, "no such path")
        if not payload.get("echo"):
            return await self._drawn_choices("text_completion", payload, body)
        texts = payload["prompt"] if isinstance(payload["prompt"], list) else [payload["prompt"]]
        choices = [_echoed(text, position) for position, text in enumerate(texts)]
        if not self.options.has_logprobs:
            choices = [{**choice, "logprobs": None} for choice in choices]
        return web.json_response({"object": "text_completion", "choices": choices})


def _echoed(text: str, position: int) -> dict[str, Any]:
    """The prompt and one more token. A token is a word with the space before it; its log probability is minus a
    quarter of its length, and the token that the model would rather have seen is " the", at -1."""
    tokens = [*_WORD.findall(text), " end"]
    logprobs = [None, *(-len(token) / 4 for token in tokens[1:])]
    top = [None, *({" the": -1.0, token: -len(token) / 4} for token in tokens[1:])]
    return {
        "index": position,
        "text": "".join(tokens),
        "finish_reason": "length",
        "logprobs": {"tokens": tokens, "token_logprobs": logprobs, "top_logprobs": top},
    }


def _refuse(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message}}, status=status)


def application(server: Server) -> web.Application:
    """The web application around a server."""
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_post("/v1/completions", server.completion)
    app.router.add_get("/v1/models", server.models)
    app.router.add_get("/stats", server.show_stats)
    return app


async def listen(server: Server, port: int) -> tuple[web.AppRunner, str]:
    """Start to serve on the loopback interface; the runner to clean up, and the base address."""
    runner = web.AppRunner(application(server), access_log=None, shutdown_timeout=0.01, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=2048).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
