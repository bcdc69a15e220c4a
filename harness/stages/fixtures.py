"""The fixtures of the stages, and what makes each.

A stage fixture is to a body what `model` is: the candidate's where the candidate is weighed, the baseline's where the
baseline is. It is made once for each run and version, in a thread, when the first evaluation that takes it begins.

To add one: a line in `STAGE_FIXTURES`, a fixture of its name in `harness.plugin.fixtures`, and its type among the
public names of `harness`. Nothing is imported here, for the plugin reads the names at its start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageFixture:
    """The maker of a stage fixture.

    Attributes:
        maker: `module:function`, called as `function(version, context)`. It may be slow. It raises `NotInLineageError`
            where the version has no such thing; any other error is the evaluation's. What it gives may have a method
            `start()`, which is called before a body uses it, and `close()`, which is called when the run ends (awaited,
            where it is a coroutine function); both in a thread.
        is_exact: whether a body that takes nothing else comes to the same whenever it runs, so that one sample of a
            case is enough, and no verdict allows for chance.
        of_model: whether only a version that answers can have it. Any other needs a corpus in the version's lineage.
        step: the kind of the step that it is about, which may be built where another of the version could not be; ""
            for one that needs no step, None for one that needs them all.
    """

    maker: str
    is_exact: bool = False
    of_model: bool = True
    step: str | None = None


STAGE_FIXTURES: Mapping[str, StageFixture] = {
    "corpus": StageFixture("harness.stages.data.versions:load_corpus", is_exact=True, of_model=False, step=""),
    "weights": StageFixture("harness.stages.foundation.weights:load_weights", is_exact=True),
    "reference": StageFixture("harness.stages.foundation.reference:load_reference"),
    "teacher": StageFixture("harness.stages.lineage:load_teacher"),
    "base": StageFixture("harness.stages.lineage:load_base"),
    "distillation": StageFixture(
        "harness.stages.distillation.distillation:load_distillation", is_exact=True, step="distilled"
    ),
    "adapter": StageFixture("harness.stages.customization.adapter_effect:load_adapter", is_exact=True, step="adapter"),
    "prompt": StageFixture("harness.stages.customization.prompt:load_prompt", is_exact=True, step=""),
    "retriever": StageFixture("harness.stages.customization.passages:load_retriever", is_exact=True, step="retrieval"),
    "needles": StageFixture("harness.stages.customization.needles:load_needles", is_exact=True),
    "repeats": StageFixture("harness.stages.inference.repeats:load_repeats"),
    "server": StageFixture("harness.stages.inference.serving:start_server"),
}
"""By the name under which a body takes them."""
