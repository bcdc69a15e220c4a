"""`steelyard review add`: answers of a stored run into the queue."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.shared.stored import open_existing, settings_with_store, store_option
from harness.config.settings import Settings
from harness.errors import ReviewError, RubricError, SettingsError, choices
from harness.store.location import option_for

if TYPE_CHECKING:
    from harness.records import Role, ScoringRule
    from harness.records.review import Form
    from harness.review.batches.filling import BatchAddition
    from harness.review.batches.plans import ReviewPlan
    from harness.scoring.judging.rubric import Rubric
    from harness.store import RunInfo, ScoreSet, Store


@dataclass(frozen=True, slots=True)
class _AddOptions:
    """The options of the command line, beside the run."""

    place: str | None
    evaluation: str | None
    metric: str | None
    rubric: str | None
    categories: tuple[str, ...]
    text: str | None
    pairs: bool
    versions: str
    items: int
    overlap: int
    seed: int
    show_system: bool
    as_json: bool


@click.command()
@click.argument("run_name", metavar="RUN")
@store_option
@click.option("--evaluation", metavar="PATTERN", help="Only evaluations whose name or id matches this shell pattern.")
@click.option("--metric", metavar="NAME", help="Of an evaluation with several; default: the one that a judge scored.")
@click.option(
    "--rubric", metavar="PATH", help="Reviewers score by this rubric; default: the one that the judge went by."
)
@click.option("--category", "categories", metavar="NAME=SCORE", multiple=True, help="Reviewers choose one of these.")
@click.option("--text", metavar="QUESTION", help="Reviewers answer in words.")
@click.option("--pairs", is_flag=True, help="Reviewers compare the answers of candidate and baseline.")
@click.option(
    "--versions",
    type=click.Choice(["candidate", "baseline", "both"]),
    default="candidate",
    show_default=True,
    help="Whose single answers are reviewed.",
)
@click.option("--items", metavar="N", type=click.IntRange(1), default=100, show_default=True, help="Draws at most.")
@click.option(
    "--overlap", metavar="N", type=click.IntRange(1, 50), default=1, show_default=True, help="Labels an item."
)
@click.option("--seed", metavar="N", type=click.IntRange(0), default=0, show_default=True, help="Of the drawing.")
@click.option("--show-system", is_flag=True, help="Show system messages, which can tell one version from another.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def add(run_name: str, **given: Any) -> None:
    """Draw answers of RUN at random, and add them to the review queue: a batch for each evaluation.

    RUN is the id of a run, the beginning of it, `latest`, or the name of a version. Cases of which the judge is in
    doubt are more probable; each one's probability is stored, so that labels can be weighted.

    \b
    Examples:
      steelyard review add latest
      steelyard review add latest --evaluation '*summaries*' --items 200 --overlap 2
      steelyard review add 20261124-1615 --pairs --rubric evals/evaluation/summaries/rubric.md
      steelyard review add latest --category right=1 --category wrong=0
    """
    from harness.gate.history.runs import find_version

    options = _AddOptions(**given)
    settings = settings_with_store(options.place)
    with open_existing(settings) as opened:
        run = find_version(opened.runs(), run_name).run
        plans = _plans(opened, run, options, settings)
        added, known = _add_new(opened, run, plans)
    for problem in known:
        click.echo(f"note: {problem}", err=True)
    if options.as_json:
        click.echo(json.dumps([_entry(each) for each in added], indent=2))
        return
    for each in added:
        click.echo(_line(each))
    click.echo(f"next    steelyard review serve{option_for(opened.url)}")


def _add_new(store: Store, run: RunInfo, plans: Sequence[ReviewPlan]) -> tuple[list[BatchAddition], list[str]]:
    """Add evaluations to the queue; give what was added, and what is said of those that the queue holds already.

    Raises:
        ReviewError: it holds all of them.
    """
    from harness.review.batches.filling import add_run

    added, known = [], []
    for plan in plans:
        try:
            added.append(add_run(store, run, plan))
        except ReviewError as error:
            known.append(str(error))
    if not added and known:
        raise ReviewError(" ".join(known))
    return added, known


def _plans(store: Store, run: RunInfo, options: _AddOptions, settings: Settings) -> list[ReviewPlan]:
    from harness.reporting.shared.names import find_evaluations
    from harness.review.batches.plans import ReviewPlan

    roles: dict[str, tuple[Role, ...]] = {
        "candidate": ("candidate",),
        "baseline": ("baseline",),
        "both": ("candidate", "baseline"),
    }
    sets = store.score_sets(run.run_id)
    pattern = "*" if options.evaluation is None else options.evaluation
    plans = []
    for evaluation_id in find_evaluations(pattern, (each.evaluation_id for each in sets), where=f"Run {run.run_id}"):
        own = [each for each in sets if each.evaluation_id == evaluation_id]
        metric = _metric(store, own, options.metric, evaluation_id)
        judges = store.judged_by([each for each in own if each.metric == metric])
        plans.append(
            ReviewPlan(
                evaluation_id=evaluation_id,
                metric=metric,
                form=_form(options, judges, evaluation_id, settings),
                roles=roles[options.versions],
                draws=options.items,
                overlap=options.overlap,
                seed=options.seed,
                show_system=options.show_system,
            )
        )
    return plans


def _metric(store: Store, sets: list[ScoreSet], wanted: str | None, evaluation_id: str) -> str:
    """The metric asked for, else the first that a judge scored, else the first."""
    known = list(dict.fromkeys(each.metric for each in sets))
    if wanted is not None:
        if wanted not in known:
            raise SettingsError(f"{evaluation_id}: {choices('metric', wanted, known)}")
        return wanted
    judged = (metric for metric in known if store.judged_by([each for each in sets if each.metric == metric]))
    return next(judged, known[0])


def _form(options: _AddOptions, judges: frozenset[ScoringRule], evaluation_id: str, settings: Settings) -> Form:
    from harness.review.forms import category_form, preference_form, rating_form, text_form

    kinds = [bool(options.categories), options.text is not None, options.pairs]
    if sum(kinds) > 1:
        raise SettingsError("--category, --text and --pairs are different forms; give one of them.")
    if options.text is not None:
        if not options.text.strip():
            raise SettingsError(
                "--text is empty: reviewers would not know what to write. Ask, such as 'What is wrong?'."
            )
        return text_form(options.text)
    rubric = _rubric(options.rubric, judges, settings)
    if options.categories:
        return category_form(options.categories, rubric)
    if options.pairs:
        return preference_form(rubric)
    if rubric is None:
        raise SettingsError(
            f"{evaluation_id}: nothing says what to ask of reviewers. Give a rubric with --rubric PATH, categories "
            "such as --category right=1 --category wrong=0, --text 'What is wrong?', or --pairs."
        )
    return rating_form(rubric)


def _rubric(path: str | None, judges: frozenset[ScoringRule], settings: Settings) -> Rubric | None:
    """The rubric of a path; without one, that by which the judge went, if its file is still what it was."""
    from harness.review.forms import find_rubric
    from harness.scoring.judging.rubric import Rubrics

    if path is not None:
        return Rubrics([Path.cwd(), settings.root]).get(path)
    digests = {each.rubric for each in judges}
    if len(digests) > 1:
        raise RubricError("Its scores come from several rubrics; name the one for reviewers with --rubric PATH.")
    return next((find_rubric(settings.root / "evals", digest) for digest in digests), None)


def _entry(added: BatchAddition) -> dict[str, Any]:
    return {
        "batch": added.batch.id,
        "evaluation_id": added.batch.evaluation_id,
        "metric": added.batch.metric,
        "kind": added.batch.form.kind,
        "title": added.batch.form.title,
        "items": added.n_items,
        "cases": added.n_cases,
        "left_out": dict(added.left_out),
    }


def _line(added: BatchAddition) -> str:
    left_out = "".join(f", {count:,} {reason}" for reason, count in added.left_out.items())
    rest = f" (left out{left_out[1:]})" if left_out else ""
    return (
        f"batch {added.batch.id}  {added.batch.evaluation_id}: {added.n_items:,} items of {added.n_cases:,} cases, "
        f"{added.batch.form.title!r}{rest}"
    )
