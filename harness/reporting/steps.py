"""The next steps of who reads a report: commands that can be copied, and why."""

from __future__ import annotations

import glob
import math
import shlex
from collections import Counter
from dataclasses import replace

from harness.gate.people.verdicts import as_queued_now, n_events_since
from harness.records import Report, Step, Verdict, VerdictKind
from harness.records.review import SUPERSEDED
from harness.reporting.shared.cases import is_typed, shown_changes
from harness.reporting.shared.figures import plural
from harness.reporting.wording.budget import GO_ON as DRAW_ON
from harness.reporting.wording.budget import cut_short
from harness.reporting.wording.failure import GO_ON, interrupted, way_on
from harness.reporting.wording.notes import with_notes
from harness.store import Store
from harness.store.location import option_for

_LAST_FAILED = ("--lf", "--last-failed")


def complete(report: Report, options: str = "") -> Report:
    """A report that was just made with all that its formats tell beside the figures: notes and next steps."""
    return with_steps(with_notes(report), options)


def with_steps(report: Report, options: str = "", store: Store | None = None) -> Report:
    """The report with the next steps from it.

    Args:
        options: more of a command line that reads the store: its place.
        store: that holds the run, for one that was made before; labels may have come since.
    """
    came = [] if store is None else resume_steps(store, report, options)
    return replace(report, steps=(*came, *_reviews(report, options), *_answers(report, options), *_verdicts(report)))


def stored_now(store: Store, report: Report) -> Report:
    """A stored report as the queue is now, with the steps from there."""
    return with_steps(as_queued_now(store, report), option_for(store.url), store)


def step_in_words(step: Step) -> str:
    """The command with the reason as a shell's comment, or the reason alone."""
    return f"{step.command}   # {step.why}" if step.command else step.why


def resume_steps(store: Store, report: Report, options: str) -> list[Step]:
    """The command that decides a stored run with the labels that came after its report."""
    n_events = n_events_since(store, report)
    why = f"{plural(n_events, 'label')} came or went since, and {'counts' if n_events == 1 else 'count'} there"
    return [Step(f"steelyard gate --resume {report.run_id}{options}", why)] if n_events else []


def _reviews(report: Report, options: str) -> list[Step]:
    """Where the items that wait are, how long one reviewer takes, and the command that opens what is closed.

    Without an address in the settings that is the command that serves the queue, which says at which address.
    """
    reviews = [verdict.review for verdict in report.evaluations if verdict.review]
    items, stuck = sum(each.n_waiting for each in reviews), sum(each.n_stuck for each in reviews)
    seconds = sum(each.wait_s for each in reviews)
    how = next((each.url for each in reviews if each.url), None) or f"steelyard review serve{options}"
    steps = []
    if items:
        time = f"about {plural(round(seconds / 60), 'minute')}" if seconds >= 90 else "about a minute"
        settle = f"; adjudicate {stuck:,}" if stuck else ""
        steps.append(Step(how, f"{plural(items, 'item')} {'waits' if items == 1 else 'wait'}, {time}{settle}"))
    elif stuck:
        steps.append(Step(how, f"adjudicate {plural(stuck, 'item')}"))
    for each in reviews:
        if each.closed is not None:
            is_over = each.closed.startswith(SUPERSEDED)
            undo = "" if is_over else f"steelyard review close{options} {each.batch} --undo"
            steps.append(Step(undo, f"batch {each.batch} is closed: {each.closed}"))
    return steps


def _answers(report: Report, options: str) -> list[Step]:
    """The command that shows all answers of the first case to look at; none of blocks of time or of a corpus."""
    if report.candidate.n_documents is not None:
        return []
    in_blocks = {verdict.id for verdict in report.evaluations if verdict.plan.in_blocks}
    answered = [change for change in shown_changes(report) if change.evaluation_id not in in_blocks]
    ids = [change.case_id for change in answered if is_typed(change.case_id)]
    asked = [
        f"{options} -- {shlex.quote(each)}" if each.startswith("-") else f" {shlex.quote(each)}{options}"
        for each in ids
    ]
    return [Step(f"steelyard store show{each}", "all its answers") for each in asked[:1]]


def _verdicts(report: Report) -> list[Step]:
    """One step for each way on from the verdicts."""
    kinds = Counter(verdict.verdict for verdict in report.evaluations if report.accepted(verdict) is None)
    steps = []
    if interrupted(report):
        steps.append(Step("", GO_ON))
    elif kinds[VerdictKind.ERROR]:
        errors = [each for each in report.evaluations if each.verdict is VerdictKind.ERROR]
        steps.append(Step("", way_on(errors, "errors")))
    if cut_short(report.evaluations):
        steps.append(Step("", DRAW_ON))
    steps += _more_samples(report)
    if (kinds[VerdictKind.REGRESSED] or kinds[VerdictKind.FAILED]) and report.command is not None:
        remembers = "no:cacheprovider" not in (each.removeprefix("-p") for each in report.command)
        rest = [each for each in report.command if each not in _LAST_FAILED] if remembers else report.command
        last, given = " --lf" if remembers else "", "".join(f" {shlex.quote(each)}" for each in rest)
        steps += [Step(f"pytest{last}{given}", "the red ones alone", is_local=True)] if remembers else []
        case = [Step(f"pytest{last} {one}{given}", "that case alone", is_local=True) for one in _case_option(report)]
        steps += case if not any(each.partition("=")[0] == "--case" for each in report.command) else []
    return steps


def _case_option(report: Report) -> list[str]:
    """`--case` for the first case to look at of what is red."""
    red = {verdict.id for verdict in report.evaluations if verdict.verdict.is_red and not verdict.plan.in_blocks}
    ids = [each.case_id for each in shown_changes(report) if each.evaluation_id in red and is_typed(each.case_id)]
    return [f"--case={shlex.quote(glob.escape(each))}" for each in ids[:1]]


def _more_samples(report: Report) -> list[Step]:
    """The ways to draw what would decide it: a single case is drawn until it is decided, or up to `max_samples`."""
    wanting = [each for each in report.evaluations if each.samples_needed and each.stopped_at is None]
    alone = [verdict for verdict in wanting if verdict.plan.design == "sequential" and len(verdict.cases) == 1]
    ways = {_way_on(each) for each in wanting if each not in alone}
    texts = {way: (_ABOUT.get(way, "") if len(ways) > 1 else "") + _WAYS_ON[way] for way in _WAYS_ON if way in ways}
    again = _with_samples(report, [each for each in wanting if _way_on(each) == "suite" and each not in alone])
    steps = [Step(again if way == "suite" else "", text) for way, text in texts.items()]
    if alone:
        which = "raise max_samples" if len(alone) == len(wanting) else "for single cases raise max_samples"
        steps.append(Step("", f"{which}: what is stored is not drawn again"))
    return steps


def _with_samples(report: Report, wanting: list[Verdict]) -> str:
    """The run's command with as many samples of each case as would decide these, and no fewer than any has now."""
    if report.command is None or not wanting or any(each.is_repeatable for each in wanting):  # samples are one draw
        return ""
    now = (each.plan.samples for each in report.evaluations)
    needed = (each.plan.samples + math.ceil((each.samples_needed or 0) / max(1, each.n_cases)) for each in wanting)
    return shlex.join(["pytest", *report.command, "--samples", str(max(*now, *needed))])


_ABOUT = {
    "suite": "about these cases: ",
    "fixed": "about cases like these, fixed: ",
    "bets": "about cases like these: ",
    "blocks": "for pairs of blocks: ",
}
_WAYS_ON = {
    "rest": "raise max_samples, so that all cases are drawn: it stays the same look",
    "suite": (
        "raise --samples, and in the marker, which CI reads (max_samples too, if set). What is stored is not drawn "
        "again; it is another look, which needs stronger evidence"
    ),
    "fixed": (
        "add cases, or raise --samples where the reason asks for samples. What is stored is not drawn again; either is "
        "another look, which needs stronger evidence"
    ),
    "blocks": (
        "raise blocks in the marker's load: all pairs are measured anew, and it is another look, which needs stronger "
        "evidence"
    ),
    "bets": "add cases: they are bet on where these ended, and it stays the same look",
}


def _way_on(verdict: Verdict) -> str:
    """The key in `_WAYS_ON` of what would help an open verdict most."""
    if verdict.plan.in_blocks:
        return "blocks"
    if verdict.plan.about == "population":
        return "bets" if verdict.plan.design == "sequential" else "fixed"
    return "suite" if verdict.n_cases + verdict.n_skipped >= verdict.suite_size else "rest"
