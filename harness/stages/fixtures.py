"""The fixtures of the stages, and what makes each.

A stage fixture is to the body of an evaluation what `model` is: the candidate's where the candidate is weighed, the
baseline's where the baseline is. It is made once for each run and version, in a thread, when the first evaluation that
takes it begins, and all bodies share it.

To add one: a line in `STAGE_FIXTURES`, a fixture of its name in `harness.plugin.fixtures`, and its type among the
public names of `harness`. Nothing is imported here, for the plugin reads the names at its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageFixture:
    """The maker of a stage fixture.

    Attributes:
        maker: `module:function`, called as `function(version, context)`. It may be slow, for it runs in a thread. It
            raises `NotInLineageError` where the version has no such thing; any other error is the evaluation's. What
            it gives may have a method `start()`, which is called in a thread before a body uses it, and `close()`,
            which is called in a thread when the run ends (awaited, where it is a coroutine function).
        is_exact: whether a body that takes nothing else comes to the same whenever it runs, so that one sample of a
            case is enough, and no verdict allows for chance.
        of_model: whether only a version that answers can have it. Any other needs a corpus: the version is one, or has
            one in its lineage.
    """

    maker: str
    is_exact: bool = False
    of_model: bool = True


STAGE_FIXTURES: Mapping[str, StageFixture] = {
    "corpus": StageFixture("harness.stages.data.versions:load_corpus", is_exact=True, of_model=False),
    "weights": StageFixture("harness.stages.foundation.weights:load_weights", is_exact=True),
    "reference": StageFixture("harness.stages.foundation.reference:load_reference"),
    "teacher": StageFixture("harness.stages.lineage:load_teacher"),
    "base": StageFixture("harness.stages.lineage:load_base"),
    "distillation": StageFixture("harness.stages.distillation.distillation:load_distillation", is_exact=True),
    "adapter": StageFixture("harness.stages.customization.adapter_effect:load_adapter", is_exact=True),
    "prompt": StageFixture("harness.stages.customization.prompt:load_prompt", is_exact=True),
    "retriever": StageFixture("harness.stages.customization.passages:load_retriever", is_exact=True),
    "needles": StageFixture("harness.stages.customization.needles:load_needles", is_exact=True),
    "repeats": StageFixture("harness.stages.inference.repeats:load_repeats"),
    "server": StageFixture("harness.stages.inference.serving:start_server"),
}
"""By the name under which a body takes them."""


def fits(taken: Iterable[str], *, answers: bool, has_corpus: bool) -> bool:
    """Tell whether a version can have what a body takes of it.

    Args:
        taken: the names that the body takes.
        answers: whether the version is a model.
        has_corpus: whether it is a corpus, or a model that was made from one.

    >>> fits({"case", "corpus"}, answers=False, has_corpus=True), fits({"model"}, answers=False, has_corpus=True)
    (True, False)
    >>> fits({"case", "corpus"}, answers=True, has_corpus=False), fits({"corpus"}, answers=True, has_corpus=True)
    (False, True)
    """
    names = set(taken)
    of_models = {name for name in names if name in STAGE_FIXTURES and STAGE_FIXTURES[name].of_model}
    of_corpora = (names & set(STAGE_FIXTURES)) - of_models
    if not answers and (of_models or {"model", "baseline", "load"} & names):
        return False
    return has_corpus or not of_corpora
