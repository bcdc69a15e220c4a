"""`steelyard corpus ablation`: which of two corpora makes the better model."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.data.built import opened_corpora
from harness.cli.shared.layout import terminal_layout
from harness.config.settings import load_settings
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.stages.data.ablation.comparison import SeedPair
    from harness.stages.data.ablation.plan import AblationPlan
    from harness.stages.data.corpus import Corpus

_HELD_OUT = "evals/data/ablation/held_out.jsonl"
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
    "--epochs", metavar="N", type=float, default=4, show_default=True, help="As often as a corpus may be read."
)
@click.option(
    "--held-out",
    metavar="FILE",
    type=_FILE,
    help=f"Texts that are in neither.  [default: {_HELD_OUT} of the project]",
)
@click.option(
    "--cloze", metavar="FILE", type=_FILE, help="Questions.  [default: cloze.jsonl beside the held-out texts]"
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def ablation(first: str, second: str, as_json: bool, **options: Any) -> None:
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
    from harness.stages.data.ablation.plan import AblationPlan
    from harness.stages.data.ablation.power import seed_power
    from harness.stages.data.ablation.questions import read_cloze, read_held_out

    seeds = options["seeds"]
    if seeds < 2:
        raise UsageError(f"--seeds {seeds} can show nothing: a single pair has no spread. Train 5 or more.")
    plan = AblationPlan(tokens=options["tokens"], most_epochs=options["epochs"])
    held_out = options["held_out"] or load_settings(Path.cwd()).root / _HELD_OUT
    beside = held_out.with_name("cloze.jsonl")
    cloze = options["cloze"] or (beside if beside.is_file() else None)
    read_held_out(held_out)  # what is wrong with them is told before a corpus is built
    if cloze is not None:
        read_cloze(cloze)
    corpora = opened_corpora(first, second)
    power = seed_power(seeds)
    click.echo(power.in_words(), err=as_json)
    pairs = _trained(corpora, seeds, plan, (held_out, cloze))
    if as_json:
        click.echo(json.dumps(ablation_document((first, second), power, pairs)))
    else:
        click.echo("\n".join(["", *ablation_lines((first, second), pairs, terminal_layout())]))


def _trained(
    corpora: tuple[Corpus, Corpus], seeds: int, plan: AblationPlan, questions: tuple[Path, Path | None]
) -> tuple[SeedPair, ...]:
    """The models of all seeds, with how far they are on the standard error."""
    from harness.reporting.shared.live_line import LiveLine
    from harness.stages.data.ablation.ablation import Ablation
    from harness.stages.data.ablation.comparison import train_pairs

    line = LiveLine(sys.stderr, sys.stderr.isatty(), shutil.get_terminal_size().columns)
    going = ["", ""]

    def told(number: int, text: str) -> None:
        going[number] = text
        if line.is_due:
            line.write([each for each in going if each])

    sides = Ablation(corpora[0], Path(), partial(told, 0)), Ablation(corpora[1], Path(), partial(told, 1))
    try:
        return asyncio.run(train_pairs(sides, range(1, seeds + 1), plan, *questions))
    finally:
        line.clear()
