"""`steelyard parity`: how far what an engine makes of weights is from what they are."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli.foundation.described import asked_version
from harness.cli.shared.progress import progress
from harness.config.settings import load_settings
from harness.errors import UsageError

_TOP = 100
_WIDTH = 80
_MOST_PLACES = 6


@click.command()
@click.argument("version")
@click.argument("other", required=False)
@click.option(
    "--texts",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Texts to foresee: a .jsonl with a field `text`, or paragraphs. Else the project's evals/foundation/prose.",
)
@click.option(
    "--top", type=click.IntRange(1, 1000), help=f"Tokens that the engine is asked for at each place.  [default: {_TOP}]"
)
@click.option("--weights", "whole", is_flag=True, help="Compute VERSION in 32 bits, too, and ask no engine.")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object.")
def parity(version: str, other: str | None, texts: Path | None, top: int | None, whole: bool, as_json: bool) -> None:
    """Tell how far VERSION is from a reference, at every position of some texts.

    The reference is the weights of OTHER, or VERSION's own before they were rounded, computed by transformers in 32
    bits. The engine of VERSION tells its most probable tokens alone, so the divergences are lower bounds; with
    --weights both are compared in full. All texts are the same for both, and nothing is drawn.

    \b
    Examples:
      steelyard parity smollm2                          # the engine against its weights
      steelyard parity smollm2-int8                     # what rounding changes
      steelyard parity smollm2-pruned smollm2 --weights # one model against another
    """
    from harness.stages.foundation.divergence import summarise
    from harness.stages.foundation.parity import compare_served, compare_weights, read_texts

    if whole and top is not None:
        raise UsageError("--top is of what an engine tells, and with --weights none is asked; leave one of them out.")
    settings = load_settings(Path.cwd())
    against = other or version
    for name in (version, against) if whole else (against,):
        asked_version(settings, name)
    documents = read_texts(settings.root / "evals/foundation/prose/documents.jsonl" if texts is None else texts)
    with progress(len(documents), "texts") as step:
        if whole:
            found = compare_weights(settings, version, against, documents, step)
        else:
            found = compare_served(settings, version, against, documents, top or _TOP, step)
    summary = {"version": version, "reference": against, **summarise(found)}
    click.echo(json.dumps(summary, indent=2, allow_nan=False) if as_json else "\n".join(_lines(summary)))


def _lines(found: dict[str, Any]) -> list[str]:
    from harness.reporting.shared.columns import columns
    from harness.reporting.shared.text import labelled

    bound = "  (lower bounds)" if found["is_lower_bound"] else ""
    names = ("mean", "median", "p90", "p95", "p99", "p99.9", "max")
    rows: list[tuple[str, ...]] = [("nats a token", *names)]
    labels = {"kl": "KL(ref||version)", "kl_reverse": "KL(version||ref)"}
    figures = zip(*(_alike([found[label][name] for label in labels]) for name in names), strict=True)
    rows += [(label, *told) for label, told in zip(labels.values(), figures, strict=True)]
    interval = found["kl"]
    between = "" if interval["low"] is None else f" [{interval['low']:.3g}, {interval['high']:.3g}]"
    return [
        f"{found['version']} beside the weights of {found['reference']} in 32 bits",
        f"{found['texts']:,} texts, {found['positions']:,} tokens",
        "",
        *columns(rows, left=len(rows[0])),
        "",
        f"mean KL            {interval['mean']:.3g}{between} nats a token{bound}",
        f"same top token     {found['same_top']:.1%}",
        f"change of p, RMS   {found['change_rms']:.2%}",
        f"perplexity         {found['perplexity']:.4g} beside {found['reference_perplexity']:.4g}: "
        f"x {found['perplexity_ratio']:.4f}",
        *([""] if found["notes"] else []),
        *(line for note in found["notes"] for line in labelled("note", note, _WIDTH)),
    ]


def _alike(values: Sequence[float | None]) -> list[str]:
    """Figures of a column with the same decimals: two significant ones of the smallest; "-" for what is not known.

    >>> _alike([0.0039, 0.00401]), _alike([0.0, None]), _alike([3e-9, 1.2e-8])
    (['0.0039', '0.0040'], ['0.0', '-'], ['3.0e-09', '1.2e-08'])
    """
    sizes = [abs(value) for value in values if value]
    places = max(1, 1 - math.floor(math.log10(min(sizes)))) if sizes else 1
    form = f".{places}f" if places <= _MOST_PLACES else ".1e"
    return ["-" if value is None else format(value, form) for value in values]
