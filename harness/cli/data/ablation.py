"""`steelyard corpus ablation`: which of two corpora makes the better model."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

import click

from harness.cli.data.built import opened_corpus
from harness.cli.shared.layout import terminal_layout
from harness.errors import UsageError

_FOLDER = "evals/data/ablation"
_TOKENS = 600_000
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--seeds", metavar="N", type=int, default=5, show_default=True, help="Pairs of models that are trained.")
@click.option(
    "--tokens", metavar="N", type=int, default=_TOKENS, show_default=True, help="That each model is trained on."
)
@click.option(
    "--epochs", metavar="N", type=float, default=4, show_default=True, help="A corpus is read at most so often."
)
@click.option(
    "--held-out",
    metavar="FILE",
    type=_FILE,
    default=f"{_FOLDER}/held_out.jsonl",
    show_default=True,
    help="Texts that are in neither.",
)
@click.option(
    "--cloze",
    metavar="FILE",
    type=_FILE,
    help=f"Sentences with a gap.  [default: {_FOLDER}/cloze.jsonl, if it is there]",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def ablation(
    first: str, second: str, seeds: int, tokens: int, epochs: float, held_out: Path, cloze: Path | None, as_json: bool
) -> None:
    """Train the same tiny models on the corpora called A and B, and tell which makes the better ones.

    Each seed has a model on either corpus, with the same first weights, on as many tokens, in the same order as far as
    documents are in both. What so many seeds can show is told before. Models that were trained before are not trained
    again. FILEs are JSON lines: `id` and `text`; `context`, `choices` and the place of the right `answer`, from 0.

    \b
    Examples:
      steelyard corpus ablation clean raw
      steelyard corpus ablation clean raw --seeds 8 --tokens 200000 --json
    """
    from harness.reporting.data.ablation import ablation_document, ablation_lines
    from harness.reporting.shared.live_line import LiveLine
    from harness.stages.data.ablation.ablation import Ablation
    from harness.stages.data.ablation.comparison import train_pairs
    from harness.stages.data.ablation.plan import AblationPlan
    from harness.stages.data.ablation.power import seed_power

    if seeds < 2:
        raise UsageError(f"--seeds {seeds} can show nothing: a single pair has no spread. Train 5 or more.")
    plan = AblationPlan(tokens=tokens, most_epochs=epochs)
    beside = held_out.with_name("cloze.jsonl")
    questions = cloze or (beside if beside.is_file() else None)
    corpora = opened_corpus(first), opened_corpus(second)
    power = seed_power(seeds)
    click.echo(power.in_words(), err=as_json)
    line = LiveLine(sys.stderr, sys.stderr.isatty(), shutil.get_terminal_size().columns)
    going = ["", ""]

    def told(number: int, text: str) -> None:
        going[number] = text
        if line.is_due:
            line.write([each for each in going if each])

    sides = (
        Ablation(corpora[0], Path(), lambda text: told(0, text)),
        Ablation(corpora[1], Path(), lambda text: told(1, text)),
    )
    try:
        pairs = asyncio.run(train_pairs(sides, range(1, seeds + 1), plan, held_out, questions))
    finally:
        line.clear()
    if as_json:
        click.echo(json.dumps(ablation_document((first, second), power, pairs)))
    else:
        click.echo("\n".join(["", *ablation_lines((first, second), pairs, terminal_layout())]))
