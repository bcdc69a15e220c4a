"""Turns a finished run into its report."""

from __future__ import annotations

import time
from contextlib import suppress

from harness.decisions import worst
from harness.errors import TIMED_OUT, StoreError, without_traceback
from harness.gate.history.losses import losses
from harness.gate.runs.run import Run
from harness.models.spec import engine_spec
from harness.records import Loss, Note, Report, StoredAnswers, VerdictKind
from harness.requests.sampler import LOCKED_S


def make_report(run: Run, *, exit_code: int, wall_s: float, n_unreached: int = 0) -> Report:
    """The report of a run: verdicts in the order of the evaluations, and what they cost."""
    settings = run.settings
    verdicts = run.all_verdicts
    candidate, baseline, anchor = run.references()
    failed_early = not verdicts and exit_code != 0
    shown = {name: each for name, each in run.collectors.items() if name not in run.closed}
    late = ((name, errors) for name, each in shown.items() if (errors := each.late_errors))
    return Report(
        run_id=run.run_id,
        created=run.created,
        exit_code=exit_code,
        verdict=VerdictKind.ERROR if failed_early else worst(verdict.verdict for verdict in verdicts),
        confidence_level=settings.confidence_level,
        candidate=candidate,
        baseline=baseline,
        anchor=anchor,
        usage=run.usage(wall_s),
        evaluations=verdicts,
        changes=run.changes,
        losses=_losses(run),
        judges=run.judge_references(),
        n_unreached=n_unreached,
        budget=run.sampler.budget,
        best_of=settings.best_of,
        skipped=run.all_skipped,
        notes=(
            *run.notes,
            *(
                Note("problem", without_traceback(text))
                for text in (*_of_failures(run), *_unstored(run), *_of_strangers(run))
            ),
            *(Note("problem", without_traceback(text), name) for name, text in late),
            *(Note("draws", text) for text in _of_older_draws(run)),
        ),
        from_store=_from_store(run),
        waivers=tuple(each for each in run.options.waivers if run.verdicts(each.evaluation_id)),
    )


def _losses(run: Run) -> tuple[Loss, ...]:
    """Return what each red evaluation lost, as far as the store has the answers."""
    red = [each for each in run.all_verdicts if each.verdict.is_red and each.id not in run.closed]
    with suppress(StoreError):  # is told at the end, unless it can be done then
        if red:
            run.flush(LOCKED_S)
            cases = {each.id: run.collectors[each.id].evaluation.cases for each in red}
            level = 1 - run.settings.confidence_level
            stored = [each for each in run.store.runs() if each.run_id == run.run_id]  # none, where it was pruned since
            return tuple(loss for each in stored for loss in losses(run.store, each, red, cases, level))
    return ()


def _of_older_draws(run: Run) -> list[str]:
    """Tell of answers of older draws than the newest, or that there will be some, where this run was interrupted: what
    `--fresh` did not come to counts as it was drawn before.
    """
    notes = []
    is_interrupted = any(verdict.interruption is not None for verdict in run.all_verdicts)
    for source in (run.candidate, *run.against.values()):
        version = source.version
        has_begun = is_interrupted and not source.older and version.settings.max_age_s is None  # by --fresh
        if n_older := run.sampler.origins(source).n_older:
            notes.append(
                f"{n_older:,} answers of {version.name} are older than its newest draws, which a run with --fresh "
                "began: what that run did not draw anew counts as it was drawn before. --fresh draws all anew"
            )
        elif has_begun and run.store.has_draws(version.fingerprint, range(source.generation)):
            notes.append(
                f"what was not drawn anew of {version.name} before the interruption counts as it was drawn before, in "
                "a run without --fresh that requires nothing; --fresh draws all anew"
            )
    return notes


def _of_strangers(run: Run) -> list[str]:
    """Where samples are missing: tell of versions that the store has samples of, and that no gate ever had."""
    if not any(each.lacks_samples for each in run.collectors.values()):
        return []
    own = {each.version.fingerprint: each.version.name for each in run.asked}
    others = ", ".join(each[:12] for each in run.store.unnamed() if each not in own)
    if not others:
        return []
    asked = ", ".join(f"{name} is {fingerprint[:12]}" for fingerprint, name in own.items())
    return [
        f"The store has samples of a version that no gate had, {others}: where --draw drew them, settings, code or "
        f"weights differ from those here ({asked})"
    ]


def _unstored(run: Run) -> list[str]:
    count = run.sampler.n_unstored
    text = f"{count:,} {'sample was' if count == 1 else 'samples were'} drawn and could not be stored"
    return [f"{text}: a rerun asks for {'it' if count == 1 else 'them'} again"] if count else []


def _of_failures(run: Run) -> list[str]:
    """Keep what versions failed at, and note which did."""
    run.sampler.keep_failures()
    names = {each.version.fingerprint: each.version.name for each in run.asked}
    notes = [
        f"{names.get(each, each)} failed at draws that are not noted, and a rerun asks for them again: {failure}"
        for each, failure in run.sampler.unnoted.items()
    ]
    for fingerprint, name in names.items():
        causes = list(run.sampler.failures.get(fingerprint, {}).values())
        n_late = causes.count(TIMED_OUT)
        late = f" ({n_late:,} of them by timeout_s)" if n_late else ""
        mend = ", or, once timeout_s is raised or --concurrency lowered, with" if n_late else ";"
        if causes:
            notes.append(
                f"{name} failed at {len(causes):,} {'draw' if len(causes) == 1 else 'draws'}{late}, kept as answers "
                f"are: a rerun fails there again, until its code or `revision` changes{mend} --fresh"
                f"{', which' if n_late else ''} draws all anew, as another look"
            )
    return notes


def _from_store(run: Run) -> StoredAnswers | None:
    """Return the days on which the candidate's answers were drawn; None unless all of them came from the store."""
    origins, settings = run.sampler.origins(run.candidate), run.candidate.version.settings
    if origins.n_asked or origins.oldest is None or origins.newest is None:
        return None
    is_endpoint = engine_spec(settings.engine).is_endpoint(settings.engine_options)
    days = (time.strftime("%Y-%m-%d", time.gmtime(at)) for at in (origins.oldest, origins.newest))
    return StoredAnswers("endpoint" if is_endpoint else "model", *days)
