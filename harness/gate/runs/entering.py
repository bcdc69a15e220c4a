"""Enters the looks of a run into the store's ledger, before anything is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from harness.config import Settings
from harness.errors import SettingsError
from harness.gate.baselines.draws import generations_of, known_draws, oldest
from harness.gate.baselines.pairing import recorded_side
from harness.gate.runs.run_settings import RunOptions
from harness.gate.sampling.ledger import Draws, Entry, Family, enter_looks
from harness.requests import SampleSource
from harness.stages.lineage import can_have
from harness.store import Store


def enter(
    settings: Settings,
    options: RunOptions,
    sources: tuple[SampleSource, SampleSource | None, *tuple[SampleSource, ...]],
    store: Store,
    run_id: str,
) -> Mapping[str, Entry]:
    """Enter this look at the candidate into the store's ledger, before anything is drawn."""
    candidate, baseline, *judges = sources
    recording = options.recording
    against = "" if baseline is None else baseline.version.fingerprint
    if recording is not None:
        against = recording.version.fingerprint
    version = candidate.version.settings
    whole = (each for each in options.evaluations if each.cases and not each.is_part)
    required = (each for each in whole if each.plan.threshold is not None or against)
    asked = [each for each in required if can_have(settings.home(version.name), version, each.taken)]
    if not asked:
        return {}
    sides = {"candidate": candidate, "baseline": baseline, **{each.version.fingerprint: each for each in judges}}
    prints = {name: each.version.fingerprint for name, each in sides.items() if each is not None}
    names = [each.id for each in asked]
    asks_models = any(each.wants & {"model", "baseline", "judge", "load", "repeats"} for each in asked)
    draws, begun = known_draws(store, candidate, baseline), store.begun(against)
    family = Family(
        candidate=candidate.version.fingerprint,
        against=against,
        evaluations=tuple(dict.fromkeys([*names, *options.family])),
        confidence_level=settings.confidence_level,
        seed=settings.seed,
        best_of=settings.best_of,
        draws=draws,
        judges={each.version.fingerprint: generations_of(store, each) for each in judges},
        recorded={} if recording is None else {each.id: recorded_side(recording, each, begun) for each in asked},
        is_fresh=options.fresh,
        max_age_s=None if recording is not None else oldest(candidate, baseline),
        begin=partial(_begin, store, prints, may_draw=not (options.offline and asks_models)),
    )
    return enter_looks(store.looks, family, run_id, asked)


def _begin(store: Store, prints: Mapping[str, str], *, may_draw: bool) -> dict[str, Draws]:
    """Begin a generation of each version, one where it has several roles.

    Args:
        prints: fingerprints by role.

    Raises:
        SettingsError: nothing is drawn in this run.
    """
    if not may_draw:
        raise SettingsError(
            "--offline draws nothing, and cases that were seen were changed, left out or pruned since, or their "
            "samples are older than max_age, so that all would be drawn anew, as another look. Run without --offline, "
            "or with the cases that were seen and a longer max_age."
        )
    begun = {each: store.generations(each, fresh=True) for each in dict.fromkeys(prints.values())}
    return {name: begun[each] for name, each in prints.items()}
