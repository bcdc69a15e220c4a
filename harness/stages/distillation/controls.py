"""The controls of a student: made by its own recipe with one change, and so without what its teacher knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from harness.config import Settings, VersionSettings
from harness.config.customization import SOFT_TARGETS, DistilledSettings, Step
from harness.errors import NotInLineageError, SettingsError
from harness.stages.build_state import BuildProgress
from harness.stages.building import built
from harness.stages.distillation.distilling import build_version, find_version
from harness.stages.training.texts import read_texts, training_data

HARD_LABELS, SHUFFLED = CONTROLS = ("hard_labels", "shuffled")


def control_weights(
    settings: Settings, version: VersionSettings, step: Step, control: str, progress: BuildProgress | None
) -> dict[str, Any]:
    """The options of the weights of a control of a student: made by the same step with one change, now if it never was.

    Args:
        step: of the version, by which the student was made.
        control: one of `CONTROLS`.
        progress: is told how far the training is; None where nothing may be trained.

    Raises:
        NotInLineageError: the student has no such control.
        SettingsError: it is not trained yet, and may not be.
        UsageError: what it is made of is not there.
    """
    distilled = cast("DistilledSettings", step.settings)
    if distilled.weights is not None:
        raise NotInLineageError(version.name, f"control {control!r}, because it was trained elsewhere")
    is_shuffled = control == SHUFFLED
    changed = replace(distilled, shuffled=True) if is_shuffled else _hard_labels(settings, version, step)
    other = replace(step, settings=changed, folder=None, content=None)
    start = built(settings, version.name, offline=True, before=step)
    own = replace(start, name=f"{version.name}, {control}")
    found = find_version(settings, own, other)
    if found is None and progress is None:
        raise SettingsError(
            f"The control {control!r} of {version.name} is not trained here, and --offline trains nothing. A run "
            "without it does."
        )
    if found is None:
        assert progress is not None
        found = build_version(settings, own, other, progress, answered=Path(step.folder or ""))
    return {"weights": found.engine_options["weights"]}


def _hard_labels(settings: Settings, version: VersionSettings, step: Step) -> DistilledSettings:
    """The settings of a student that is taught the texts and answers of its data, and no teacher's.

    Raises:
        NotInLineageError: the data has none.
    """
    distilled = cast("DistilledSettings", step.settings)
    changed = replace(distilled, method=SOFT_TARGETS, hard_weight=1.0)
    if distilled.data in settings.corpora:
        return changed
    if not all(text.text.strip() for text in read_texts(training_data(settings, str(distilled.data)))):
        what = f"control {HARD_LABELS!r}, because prompts of its data have no answer"
        raise NotInLineageError(version.name, what, 'an "answer" on each line')
    return changed
