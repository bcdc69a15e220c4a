"""Applications for tests, written into a folder, and engines that ask them."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from harness.config import VersionSettings
from harness.models.application.declarations import COMMAND, PYTHON
from harness.models.application.engine import ApplicationEngine
from harness.records import Request, Sample
from tests.repositories import write
from tests.waiting import until


def application(folder: Path, code: str, name: str = "bot.py") -> Path:
    """A folder with a module."""
    write(folder, name, textwrap.dedent(code))
    return folder


def version(call: str = "bot:answer", **options: Any) -> VersionSettings:
    """A version whose engine is `python`."""
    common = {name: options.pop(name) for name in ("sampling", "system") if name in options}
    return VersionSettings("bot", "python", engine_options={"call": call, **options}, **common)


def python(folder: Path, call: str = "bot:answer", **options: Any) -> ApplicationEngine:
    """An engine that is not started."""
    return cast("ApplicationEngine", PYTHON.create(version(call, **options), folder))


def command(folder: Path, words: Sequence[str], **options: Any) -> ApplicationEngine:
    """An engine for a program that is not started."""
    settings = VersionSettings("bot", "command", engine_options={"command": list(words), **options})
    return cast("ApplicationEngine", COMMAND.create(settings, folder))


def program(folder: Path, code: str, **options: Any) -> ApplicationEngine:
    """An engine for a program of this code that is not started."""
    application(folder, code, "program.py")
    return command(folder, [sys.executable, "program.py"], **options)


def chat(*texts: str, **fields: Any) -> Request:
    """A request with messages of user and assistant in turn."""
    roles = ("user", "assistant") * len(texts)
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return Request(messages=tuple(messages), **fields)


class Limits:
    """Time limits of an engine that are reached when a test says so."""

    def __init__(self, engine: ApplicationEngine) -> None:
        self._engine = engine
        self._set: list[asyncio.Timeout] = []
        engine.limit = self._limit

    def _limit(self, _seconds: float) -> asyncio.Timeout:
        self._set.append(asyncio.timeout(None))
        return self._set[-1]

    async def reach(self, number: int) -> None:
        """Let one be reached, once it is set and the application has printed something."""
        await until(lambda: self._engine.printed_lines and len(self._set) > number)
        self._set[number].reschedule(0)


def ask(
    engine: ApplicationEngine, *requests: Request, index: int = 0, reached: Iterable[int] = ()
) -> list[Sample | BaseException]:
    """What comes of requests that are asked at once, of an engine that is started and closed.

    Args:
        reached: numbers of the time limits that are reached, one after the other.
    """

    async def run() -> list[Sample | BaseException]:
        try:
            await engine.start()
            limits = Limits(engine) if reached else None
            asked = asyncio.gather(*(engine.sample(request, [index]) for request in requests), return_exceptions=True)
            for number in reached:
                assert limits is not None
                await limits.reach(number)
            found = await asked
        finally:
            await engine.close()
        return [each if isinstance(each, BaseException) else each[0] for each in found]

    return asyncio.run(run())


def answer(engine: ApplicationEngine, *texts: str, reached: Iterable[int] = (), **fields: Any) -> Sample:
    """The one sample of a request."""
    (found,) = ask(engine, chat(*texts, **fields), reached=reached)
    if isinstance(found, BaseException):
        raise found
    return found


def facts(sample: Sample, *names: str) -> Mapping[str, Any]:
    """Some fields of a sample."""
    return {name: getattr(sample, name) for name in names}
