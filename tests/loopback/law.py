"""A server whose latencies follow a known law: `python -m tests.loopback.law '{"median_s": 0.05, …}'`.

Each answer is a stream whose first token comes after a log-normal time from the arrival of the request, and the others
at constant distances from it. Nothing waits for anything else, however many requests there are. The times that it drew
are at /drawn, each beside the one that it took, so that what a client measures can be held against them.

The standard library's streams carry it, with no web framework between a time and its bytes.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from harness.stages.inference.load.generator import hurry
from tests import warm

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass(frozen=True)
class Law:
    """How the server answers.

    Attributes:
        median_s, sigma: of the log-normal time to the first token.
        itl_s: between one token and the next.
        tokens: of an answer, unless the request asks for fewer.
        per_chunk: so many tokens come in one event, whose time is that of its last token.
        counters: whether it has vLLM's counters at /metrics, and says that it is vLLM.
        hits: what share of the prompt its counters say a cache answered.
        preemptions, extra_tokens: that its counters tell of each request, the latter beyond those of the usage.
        sound: so many requests are answered before it tells of the first preemption.
        port: 0 for any that is free.
    """

    median_s: float = 0.05
    sigma: float = 0.5
    itl_s: float = 0.005
    tokens: int = 8
    per_chunk: int = 1
    seed: int = 0
    counters: bool = False
    hits: float = 0.0
    preemptions: int = 0
    extra_tokens: int = 0
    sound: int = 0
    port: int = 0


@dataclass
class LawServer:
    """The server, with what it drew and counted."""

    law: Law
    drawn: list[list[float]] = field(default_factory=list)
    counted: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.law.seed)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after another."""
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) is not None:
                came_s = time.perf_counter()
                sizes = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                body = await reader.readexactly(int(sizes[0].partition(b":")[2])) if sizes else b""
                path = head.split()[1].decode()
                if path.endswith("/chat/completions"):
                    await self._answer(writer, json.loads(body), came_s)
                else:
                    self._tell(writer, path)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, asked: dict[str, Any], came_s: float) -> None:
        law = self.law
        ttft_s = law.median_s * self.random.lognormvariate(0, law.sigma)
        tokens = min(law.tokens, asked.get("max_tokens", law.tokens))
        prompt = len(str(asked["messages"][-1]["content"]).split())
        writer.write(HEAD)
        writer.write(_event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}))
        first = min(law.per_chunk, tokens)
        await _until(came_s + ttft_s)
        done = 0
        while done < tokens:
            now = min(law.per_chunk, tokens - done)
            done += now
            if done > first:
                await _until(came_s + ttft_s + (done - first) * law.itl_s)
            else:
                self.drawn.append([ttft_s, time.perf_counter() - came_s])
            writer.write(_event({"choices": [{"index": 0, "delta": {"content": " word" * now}}]}))
        usage = {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}
        writer.write(_event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}))
        writer.write(_event({"choices": [], "usage": usage}))
        writer.write(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        self._count(prompt, tokens, ttft_s)

    def _count(self, prompt: int, tokens: int, ttft_s: float) -> None:
        itl_s, preempted = self.law.itl_s, self.law.preemptions
        for name, value in {
            "request_success_total": 1,
            "prompt_tokens_total": prompt,
            "generation_tokens_total": tokens + self.law.extra_tokens,
            "num_preemptions_total": 0 if self.counted.get("request_success_total", 0) < self.law.sound else preempted,
            "prefix_cache_queries_total": prompt,
            "prefix_cache_hits_total": prompt * self.law.hits,
            "time_to_first_token_seconds_sum": ttft_s,
            "time_to_first_token_seconds_count": 1,
            "inter_token_latency_seconds_sum": (tokens - 1) * itl_s,
            "inter_token_latency_seconds_count": tokens - 1,
        }.items():
            self.counted[name] = self.counted.get(name, 0.0) + value

    def _tell(self, writer: asyncio.StreamWriter, path: str) -> None:
        is_told = self.law.counters
        if path == "/drawn":
            _write(writer, json.dumps(self.drawn))
        elif path.endswith("/models"):
            entry = {"id": "law", "owned_by": "vllm" if is_told else "law", "max_model_len": 4096 if is_told else None}
            _write(writer, json.dumps({"data": [entry]}))
        elif path == "/metrics" and is_told:
            lines = [f'vllm:{name}{{engine="0",model_name="law"}} {value}' for name, value in self.counted.items()]
            _write(writer, "\n".join(lines) + "\n")
        else:
            _write(writer, "no such page", "404 Not Found")


async def _until(at_s: float) -> None:
    """Sleep until a time; the last of it awake, for the loop wakes up to a millisecond late."""
    while (left_s := at_s - time.perf_counter()) > 0:
        await asyncio.sleep(max(0.0, left_s - 0.0012))


def _write(writer: asyncio.StreamWriter, text: str, status: str = "200 OK") -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}".encode())


def _event(event: dict[str, Any]) -> bytes:
    return _chunk(b"data: " + json.dumps(event).encode() + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def main(law: Law) -> None:
    server = LawServer(law)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", law.port, backlog=4096)
    print(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", flush=True)
    await listening.serve_forever()


@contextmanager
def law_server(**law: Any) -> Iterator[LawProcess]:
    """The server in a process of its own, so that client and server do not share a thread."""
    with warm.start("-m", "tests.loopback.law", json.dumps(law), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield LawProcess(process.stdout.readline().strip(), process)
        finally:
            process.kill()


@dataclass(frozen=True)
class LawProcess:
    """A server that runs."""

    base_url: str
    process: warm.Process

    def drawn(self) -> list[list[float]]:
        """For each answer so far: the time to its first token as it was drawn, and as it was."""
        with urllib.request.urlopen(self.base_url.replace("/v1", "/drawn")) as page:
            return json.load(page)


if __name__ == "__main__":
    hurry()  # on a busy machine, too, what it draws is what it does
    asyncio.run(main(Law(**json.loads(sys.argv[1]))))
