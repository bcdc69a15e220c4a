"""Run the server: `python -m tests.loopback --port 0 --latency 0.2`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from tests.loopback.faults import Fault
from tests.loopback.server import Options, Server, listen


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.loopback", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 for any free one")
    parser.add_argument("--latency", type=float, default=0.0, metavar="S", help="seconds that each answer takes")
    parser.add_argument("--slots", type=int, default=0, help="requests answered at once; 0 for all")
    parser.add_argument("--answers", type=Path, metavar="FILE", help="JSON: {prompt: answer or {answer: probability}}")
    parser.add_argument("--default", default="ok", help="the answer to every other prompt")
    parser.add_argument("--stamp", metavar="TEXT", help="what stands in answers for a number that each request has")
    parser.add_argument("--echo", action="store_true", help="answer with the last user message")
    parser.add_argument("--ignore-n", action="store_true", help="always give one choice")
    parser.add_argument("--reject-n", action="store_true", help="HTTP 400 for n above 1")
    parser.add_argument("--api-key", help="demand this bearer token")
    parser.add_argument(
        "--fault", type=Fault.parse, action="append", default=[], metavar="KIND[:first=K|:after=K|:attempts=K|:rate=P]"
    )
    asyncio.run(_serve(parser.parse_args()))


async def _serve(arguments: argparse.Namespace) -> None:
    options = Options(
        answers=json.loads(arguments.answers.read_text()) if arguments.answers else {},
        default=arguments.default,
        stamp=arguments.stamp,
        echo=arguments.echo,
        latency_s=arguments.latency,
        slots=arguments.slots,
        ignore_n=arguments.ignore_n,
        reject_n=arguments.reject_n,
        api_key=arguments.api_key,
        faults=tuple(arguments.fault),
    )
    runner, base_url = await listen(Server(options), arguments.port)
    print(base_url, flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    main()
