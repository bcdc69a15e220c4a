"""Asks an application, which runs in processes of its own, as a version is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import harness
from harness.errors import CapabilityError, EngineError, PartlyAnsweredError
from harness.models.application.lines import LineWorker
from harness.models.application.pool import Manners, WorkerPool, WorkerStart
from harness.models.engine import Capability, Engine
from harness.models.processes.worker import UNCHANGED, Worker
from harness.records import Request, Sample, answer_turns

TIMEOUT_S = 300.0
_MOST_CALLS = 1_000
_CAPABILITIES = {"schema": Capability.SCHEMA, "tools": Capability.TOOLS, "sampling": Capability.SEED}
_WORKER = (
    "import importlib.util, sys\n"
    "spec = importlib.util.spec_from_file_location('harness', {file!r}, submodule_search_locations=[{folder!r}])\n"
    "sys.modules['harness'] = module = importlib.util.module_from_spec(spec)\n"
    "spec.loader.exec_module(module)\n"
    "from harness.models.processes.child import main\n"
    "main()\n"
)
"""Code for an interpreter, so that it finds this Steelyard and no other package of its folder."""


def worker_command(python: str) -> tuple[str, ...]:
    """The command that runs an application's worker in an interpreter."""
    here = Path(harness.__file__).resolve()
    code = _WORKER.format(file=str(here), folder=str(here.parent))
    return (python, "-P", "-c", code, "harness.models.application.worker:ApplicationWorker")


def import_paths(folder: Path) -> list[str]:
    """Return the folders in which an application's modules are looked for first: its own, and `src` in it."""
    return [str(folder), *([str(folder / "src")] if (folder / "src").is_dir() else [])]


class ApplicationEngine(WorkerPool, Engine):
    """Answers with what an application returns: a sample for each call.

    Args:
        name: shown in messages.
        call: what is called, in messages.
        start: as of `WorkerPool`.
        options: `workers` and `timeout_s`.
    """

    learns_at_start = True

    def __init__(self, name: str, call: str, start: WorkerStart, options: Mapping[str, Any]) -> None:
        super().__init__(name, start, int(options.get("workers", 1)), float(options.get("timeout_s", TIMEOUT_S)))
        self.capabilities = frozenset(_CAPABILITIES.values())
        self._call = call

    async def start(self) -> None:
        """Start the processes; which of sampling, schema and tools they take is known from then on."""
        await super().start()
        self.capabilities = frozenset(_CAPABILITIES[name] for name in self.manners.options)

    def check_turns(self) -> None:
        """Refuse a conversation that goes on, once it has started."""
        if not self.manners.takes_messages:
            raise self._only_prompt("a conversation of several turns")

    def choices_per_request(self, request: Request) -> int:
        """As many as wanted of a coroutine function, which is called for all of them side by side; else 1."""
        return _MOST_CALLS if self.manners.is_async and request.sampling.get("temperature") != 0 else 1

    async def sample(self, request: Request, indices: Sequence[int]) -> list[Sample]:
        """Call the application for each index.

        Raises:
            CapabilityError: it does not take what the request has.
            FailedDrawError: it raised, did not answer in time, returned no answer, or its process ended.
            EngineError: it could not be asked.
            PartlyAnsweredError: some of several calls did.
        """
        if len(indices) == 1:
            return [await self._sample(request, indices[0])]
        found = await asyncio.gather(*(self._sample(request, index) for index in indices), return_exceptions=True)
        errors = {index: each for index, each in zip(indices, found, strict=True) if isinstance(each, Exception)}
        samples = {index: each for index, each in zip(indices, found, strict=True) if isinstance(each, Sample)}
        if len(samples) < len(indices):
            raise PartlyAnsweredError(samples, errors)
        return list(samples.values())

    async def _sample(self, request: Request, index: int) -> Sample:
        reply, took_s = await self.ask(self._message(request, index))
        sample = _read(reply["answer"], index, reply.get("latency_s", took_s))
        if sample.messages is None:
            return sample
        return replace(sample, messages=(*request.messages, *answer_turns(request.messages, sample)))

    def _message(self, request: Request, index: int) -> dict[str, Any]:
        """Return the message for the application."""
        manners = self.manners
        for name in _CAPABILITIES:
            if getattr(request, name) and name not in manners.options:
                what = ", ".join(request.sampling) if name == "sampling" else "it"
                raise CapabilityError(
                    f"{self.name} takes no {name}, and was asked with {what}. {self.remedy(name)}, or leave it out."
                )
        given: dict[str, Any] = {name: getattr(request, name) for name in manners.options if name != "sampling"}
        if "sampling" in manners.options:
            sampling = dict(request.sampling)
            given["sampling"] = sampling | ({"seed": sampling["seed"] + index} if "seed" in sampling else {})
        prompt = _prompt(request)
        if prompt is None and not manners.takes_messages:
            raise self._only_prompt(_shape(request))
        return {"messages": [dict(turn) for turn in request.messages], "prompt": prompt, **given}

    def _only_prompt(self, asked: str) -> CapabilityError:
        return CapabilityError(
            f"{self.name}: {self._call} takes a prompt, and was asked with {asked}. Let it take all messages: write "
            "`messages: list` as its first parameter."
        )

    def remedy(self, lacking: str) -> str:
        """What gives the application what it lacks; "" where nothing does."""
        name = "sampling" if lacking == Capability.SEED else lacking
        if name not in _CAPABILITIES:
            return ""
        return f"Give {self._call} a parameter `{name}`" if ":" in self._call else ""


def python_engine(
    name: str,
    options: Mapping[str, Any],
    folder: Path,
    python: str,
    environment: Mapping[str, str] = UNCHANGED,
    watched: Mapping[str, Any] = UNCHANGED,
) -> ApplicationEngine:
    """The engine for a function of Python: `call`, `workers` and `timeout_s` of the options.

    Args:
        folder: from which it is imported, and in which it works.
        environment: variables that it has otherwise than this process.
        watched: what it is told to note which files it reads, for one at a commit.
    """
    call, limit_s = str(options["call"]), float(options.get("timeout_s", TIMEOUT_S))
    payload = {"name": name, "call": call, "paths": import_paths(folder), **watched}

    async def start() -> tuple[Worker, Manners]:
        try:
            async with asyncio.timeout(limit_s):
                worker = await Worker.spawn(
                    worker_command(python), environment, name=name, start=payload, folder=folder
                )
        except TimeoutError:
            said = f"{name} could not start: {call} was not imported within {limit_s:g} s (timeout_s)."
            raise EngineError(said) from None
        ready = worker.ready
        return worker, Manners(ready["takes_messages"], frozenset(ready["options"]), ready["is_async"])

    return ApplicationEngine(name, call, start, options)


def command_engine(
    name: str,
    options: Mapping[str, Any],
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] = UNCHANGED,
) -> ApplicationEngine:
    """The engine for a program that is asked in lines of JSON: `workers` and `timeout_s` of the options."""

    async def start() -> tuple[Worker, Manners]:
        worker = await LineWorker.run(command, environment, name=name, folder=folder)
        return worker, Manners(True, frozenset({"sampling"}))

    return ApplicationEngine(name, command[0], start, options)


def _prompt(request: Request) -> str | None:
    """The text of a request that asks one question and nothing before it."""
    if len(request.messages) != 1 or request.messages[0].get("role") != "user":
        return None
    content = request.messages[0].get("content")
    return content if isinstance(content, str) else None


def _shape(request: Request) -> str:
    if len(request.messages) == 1:
        return "a message that is no text of the user"
    return f"{len(request.messages)} messages ({', '.join(str(each.get('role')) for each in request.messages)})"


def _read(answer: dict[str, Any], index: int, latency_s: float) -> Sample:
    usage = answer.get("usage", {})
    lists: dict[str, Any] = {
        name: tuple(answer[name]) for name in ("tool_calls", "context", "messages") if name in answer
    }
    rest = {name: answer[name] for name in ("cost", "metadata", "reasoning", "finish_reason") if name in answer}
    return Sample(
        text=answer["text"],
        index=index,
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        latency_s=latency_s,
        **lists,
        **rest,
    )
