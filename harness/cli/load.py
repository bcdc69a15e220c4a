"""`steelyard load`: a served version under a load that is planned beforehand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.cli.console import Number, build_line, shows
from harness.config.settings import load_settings
from harness.config.typed import read
from harness.errors import UsageError
from harness.models.engine_creation import check_version
from harness.models.version import load_version
from harness.reporting.load import LoadReport, view
from harness.reporting.terminal.progress import LiveLine
from harness.stages.building import built
from harness.stages.inference.load.plan import DOUBTS, LoadPlan, read_prompts
from harness.stages.inference.load.run import LoadProgress, run_load
from harness.stages.inference.serving import serve, takes_load

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("version")
@click.option("--rate", metavar="R", type=Number(), help="Requests a second, whatever the answers take.")
@click.option("--concurrency", metavar="N", type=int, help="So many in flight, each followed by the next.")
@click.option("--seconds", metavar="S", type=Number(), help="For how long requests are begun.")
@click.option("--requests", metavar="N", type=int, help="How many are begun.  [default: 300]")
@click.option("--prompts", metavar="FILE", type=_FILE, help="Prompts: .jsonl, or a line each.  [random]")
@click.option("--prompt-tokens", metavar="N", type=int, default=128, show_default=True, help="Of a random prompt.")
@click.option(
    "--output-tokens", metavar="N", type=int, help="Of an answer.  [default: the version's max_tokens, or 64]"
)
@click.option("--ends-itself", is_flag=True, help="Let the model end its answers before --output-tokens.")
@click.option("--cached", is_flag=True, help="Let the server's prefix cache answer; else it is kept out.")
@click.option("--warm-up", metavar="N", type=int, default=4, show_default=True, help="Requests before those measured.")
@click.option(
    "--objective", metavar="NAME=S,…", help="Seconds that a good request keeps: ttft=0.5,itl=0.1 (tpot, e2e)."
)
@click.option(
    "--timeout", "timeout_s", metavar="S", type=Number(), default=300, show_default=True, help="Of a request."
)
@click.option(
    "--accept", metavar="DOUBT", multiple=True, help=f"Not invalid for this: {', '.join(DOUBTS)}; repeatable."
)
@shows(view)
def load(version: str, **options: Any) -> LoadReport:
    """Put VERSION under load, and tell its latencies, its throughput, and whether they can be trusted.

    VERSION has an address (any server that speaks OpenAI's API), or weights, and is then served by vLLM on this machine
    for as long as it takes, with answers of exactly --output-tokens. Requests are planned before the first is sent:
    with --rate they are begun when it is their time, whatever became of those before.

    Exit code 0: valid. 1: not to be trusted, and why. 2: ended by Ctrl-C, with what was measured until then.

    \b
    Examples:
      steelyard load served --rate 2.5 --seconds 60
      steelyard load served --concurrency 16 --requests 500 --output-tokens 128
      steelyard load smollm2 --rate 4 --seconds 120 --objective ttft=0.5,itl=0.1 --json
    """
    settings = load_settings(Path.cwd())
    chosen = settings.version(version)
    if version in settings.corpora:
        raise UsageError(f"{version} is a corpus, which answers nothing: load is put on a model.")
    plan = planned(options, chosen.sampling)
    if not takes_load(chosen):
        raise UsageError(
            f"Version {version!r} has the engine {chosen.engine!r} and no address to send load to. Give it base_url "
            'and model (engine = "openai"), or weights and engine = "vllm", which is then served here.'
        )
    check_version(chosen, settings.root)
    with build_line() as building:
        made = load_version(built(settings, version, progress=building.show), settings.root)
    line = LiveLine(sys.stderr, sys.stderr.isatty(), 80, log_prefix="steelyard load  ")
    with line, serve(made, settings.root, progress=lambda text: line.write([text])) as address:
        result = run_load(plan, address, progress=lambda state: line.write(_pieces(state)))
    return LoadReport(version, plan, result)


def _pieces(state: LoadProgress) -> list[str]:
    planned = "" if state.planned is None else f" of {state.planned:,}"
    failed = [f"{state.failed:,} errors"] if state.failed else []
    elapsed = [f"{state.elapsed_s:.0f} s"] if state.elapsed_s else []
    return [state.phase, f"{state.sent:,}{planned} begun", f"{state.completed:,} answered", *failed, *elapsed]


def planned(options: dict[str, Any], sampling: Any) -> LoadPlan:
    """The plan that the options describe; answers are as long as the version's sampling says, unless an option does."""
    given = {name: value for name, value in options.items() if value is not None}
    table = {"output_tokens": sampling.get("max_tokens", 64), **given}
    if "prompts" in table:
        table["prompts"] = read_prompts(table["prompts"])
    return read(LoadPlan, table, where="steelyard load", error=UsageError)
