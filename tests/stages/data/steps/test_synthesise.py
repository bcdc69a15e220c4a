"""The step `synthesise`, with a teacher that answers from a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.config import Settings
from harness.config.settings import settings_of
from harness.errors import CorpusError, SettingsError, UsageError
from harness.models.scripted.engine import ScriptedEngine
from harness.stages.building import built
from harness.stages.data.corpus_build import build_corpus
from harness.stages.data.steps.catalogue import step_identity, step_options
from harness.stages.data.steps.step import ShardedCorpus
from harness.stages.data.steps.synthesise import SYNTHESISE, read_prompts
from harness.store import Store
from harness.store.location import store_url
from tests.stages.data.projects import some_rows, write_lines
from tests.stages.data.steps.stepping import Applied, apply_step, local

pytestmark = pytest.mark.service

PROMPTS = {"river": "Write about a river.", "hill": "Write about a hill."}
ANSWERS = {"Write about a river.": "A river runs.", "Write about a hill.": "A hill stands."}
TEXTS = {"a": "First.", "b": "Second.", "c": "Third."}
TABLE = {"teacher": "teacher", "prompts": "prompts.jsonl"}


def write_prompts(folder: Path, prompts: Mapping[str, str]) -> None:
    lines = [json.dumps({"id": name, "prompt": text}) for name, text in prompts.items()]
    (folder / "prompts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def project(folder: Path, answers: Mapping[str, Any] = ANSWERS, **settings: Any) -> Settings:
    """A project whose version `teacher` answers from a table."""
    models = {"teacher": {"engine": "scripted", "answers": dict(answers)}}
    return settings_of({"models": models, **settings}, folder / "steelyard.toml")


@pytest.fixture(autouse=True)
def prompts(tmp_path: Path) -> None:
    write_prompts(tmp_path, PROMPTS)


def apply(folder: Path, settings: Settings, table: Mapping[str, Any] | None = None, name: str = "1") -> Applied:
    return apply_step(SYNTHESISE, {**TABLE, **(table or {})}, TEXTS, folder / name, settings=settings)


def test_what_the_teacher_writes_joins_the_documents(tmp_path: Path) -> None:
    applied = apply(tmp_path, project(tmp_path))
    answers = {"synthesise/river/0": "A river runs.", "synthesise/hill/0": "A hill stands."}
    assert {**TEXTS, **answers} == applied.kept
    assert not applied.removed


def test_they_say_who_wrote_them_and_why(tmp_path: Path) -> None:
    apply(tmp_path, project(tmp_path))
    out = ShardedCorpus(tmp_path / "1" / "out", 3)
    found = {document.id: document.metadata for shard in range(3) for document in out.read(shard)}
    expected = {"teacher": "teacher", "prompt": "Write about a river.", "finish_reason": "stop"}
    assert expected == found["synthesise/river/0"]
    assert found["a"] == {}


def test_each_sample_is_a_document(tmp_path: Path) -> None:
    answers = {prompt: {"It flows.": 0.5, "It ebbs.": 0.5} for prompt in ANSWERS}
    applied = apply(tmp_path, project(tmp_path, answers), {"samples": 40})
    drawn = [text for name, text in applied.kept.items() if name.startswith("synthesise/river/")]
    assert len(drawn) == 40
    assert {"It flows.", "It ebbs."} == set(drawn)


@pytest.mark.nightly
def test_equal_prompts_are_drawn_apart(tmp_path: Path) -> None:
    """Two prompts of the same words have samples of their own."""
    write_prompts(tmp_path, {"one": "Write.", "two": "Write."})
    settings = project(tmp_path, {"Write.": "Text."})
    apply(tmp_path, settings, {"samples": 20})
    assert n_stored(settings) == 40


def n_stored(settings: Settings) -> int:
    """How many samples the store holds."""
    with Store.open(store_url(settings)) as store:
        return store.info().samples


def test_stored_answers_cost_no_teacher_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = project(tmp_path)
    first = apply(tmp_path, settings)

    async def refuse(*_: Any) -> None:
        raise AssertionError("the teacher was asked again")

    monkeypatch.setattr(ScriptedEngine, "sample", refuse)
    assert first == apply(tmp_path, settings, name="2")
    assert n_stored(settings) == 2


def test_an_answer_that_is_none_is_removed_under_its_own_reason(tmp_path: Path) -> None:
    applied = apply(tmp_path, project(tmp_path, {**ANSWERS, "Write about a hill.": ""}))
    assert applied.removed == {"synthesise/hill/0": ("no_answer", None)}
    assert {*TEXTS, "synthesise/river/0"} == set(applied.kept)


def test_sampling_is_laid_over_the_teachers_own(tmp_path: Path) -> None:
    applied = apply(tmp_path, project(tmp_path), {"sampling": {"max_tokens": 2}})
    assert applied.kept["synthesise/river/0"] == "A river"


def test_workers_change_nothing(tmp_path: Path) -> None:
    settings = project(tmp_path)
    alone = apply_step(SYNTHESISE, TABLE, TEXTS, tmp_path / "alone", settings=settings)
    together = apply_step(SYNTHESISE, TABLE, TEXTS, tmp_path / "together", settings=settings, run=local(2))
    assert alone == together


def test_prompts_that_are_not_answered_end_the_build_and_the_rest_is_stored(tmp_path: Path) -> None:
    """Also what is asked after the first failure, a batch of its own, and all failures are named."""
    names = [str(number) for number in range(1010)]
    write_prompts(tmp_path, {name: f"Write {name}." for name in names})
    settings = project(tmp_path, {f"Write {name}.": "Text." for name in names if name not in ("3", "1005")})
    message = r"synthesise: teacher gave no answer to 2 of 1,010 prompts\. '3': .*no answer to.* '1005': .*no answer to"
    with pytest.raises(CorpusError, match=message):
        apply(tmp_path, settings)
    assert n_stored(settings) == 1008


def test_a_document_of_the_same_id_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is a document 'synthesise/hill/0' already"):
        apply_step(SYNTHESISE, TABLE, {"synthesise/hill/0": "Mine."}, tmp_path / "1", settings=project(tmp_path))


def test_a_budget_bounds_what_is_asked(tmp_path: Path) -> None:
    write_prompts(tmp_path, {f"{number}": f"Write {number}." for number in range(50)})
    settings = project(tmp_path, {f"Write {number}.": "Text." for number in range(50)}, max_requests=10)
    with pytest.raises(CorpusError, match=r"max_requests 10 is spent. What was answered is stored"):
        apply(tmp_path, settings)
    assert n_stored(settings) == 10


def test_prompts_and_teacher_are_part_of_the_identity(tmp_path: Path) -> None:
    options = step_options(SYNTHESISE, TABLE, where="")

    def identity(settings: Settings) -> Mapping[str, Any]:
        return step_identity(SYNTHESISE, options, settings)

    before = identity(project(tmp_path))
    assert before == identity(project(tmp_path))
    assert before != identity(project(tmp_path, {**ANSWERS, "Else?": "No."}))
    write_prompts(tmp_path, {**PROMPTS, "hill": "Write about a mountain."})
    assert before != identity(project(tmp_path))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"prompts": "prompts.jsonl"}, "needs teacher: write synthesise = "),
        ({"teacher": "teacher"}, "needs prompts: write synthesise = "),
        ({**TABLE, "teacher": "teecher"}, "No version named 'teecher'.*Did you mean 'teacher'"),
        ({**TABLE, "teacher": "raw"}, "teacher = 'raw' names a corpus, which answers nothing"),
        ({**TABLE, "samples": 0}, "samples = 0 is below 1"),
        ({**TABLE, "sampling": {"temprature": 1}}, "Did you mean 'temperature'"),
        ({**TABLE, "prompts": "none.jsonl"}, r"none\.jsonl can't be read: No such file"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_built(
    table: Mapping[str, Any], message: str, tmp_path: Path
) -> None:
    settings = project(tmp_path, corpora={"raw": {"documents": "documents.jsonl"}})
    with pytest.raises((SettingsError, CorpusError), match=message):
        step_identity(SYNTHESISE, step_options(SYNTHESISE, table, where="clean.synthesise"), settings)


def test_a_teacher_that_has_to_be_built_is_named_with_the_command_and_writes_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bm25s")
    monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / "cache"))
    write_lines(tmp_path / "p.jsonl", [{"id": "a", "text": "Open at nine."}, {"id": "b", "text": "Closed."}])
    models = {
        "plain": {"engine": "scripted", "default": "Text."},
        "teacher": {"base": "plain", "retrieval": {"passages": "p.jsonl", "k": 1}},
    }
    settings = settings_of({"models": models}, tmp_path / "steelyard.toml")
    options = step_options(SYNTHESISE, TABLE, where="")
    with pytest.raises(UsageError, match="teacher = 'teacher' is not built here: `steelyard build teacher` does that"):
        step_identity(SYNTHESISE, options, settings)
    built(settings, "teacher")
    assert step_identity(SYNTHESISE, options, settings)["teacher"]
    assert set(apply(tmp_path, settings).kept.values()) == {*TEXTS.values(), "Text."}


def test_a_teacher_that_is_trained_on_what_it_writes_is_refused(tmp_path: Path) -> None:
    distilled = {"teacher": "large", "data": "clean", "student": {"layers": 2}}
    models = {
        "large": {"engine": "transformers", "weights": "large"},
        "teacher": {"engine": "transformers", "distilled": distilled},
    }
    corpora = {"clean": {"documents": "d.jsonl", "steps": ["synthesise"], "synthesise": TABLE}}
    settings = settings_of({"models": models, "corpora": corpora}, tmp_path / "steelyard.toml")
    with pytest.raises(SettingsError, match="'teacher' is trained on the corpus 'clean', which it is to write"):
        step_identity(SYNTHESISE, step_options(SYNTHESISE, TABLE, where=""), settings)


def test_a_price_is_needed_where_cost_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"teacher = 'teacher' has no price, and max_cost = 1 bounds"):
        step_identity(SYNTHESISE, step_options(SYNTHESISE, TABLE, where=""), project(tmp_path, max_cost=1.0))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "holds no prompts. For synthesise, write a line for each"),
        (['{"id": "a", "prompt": "x"', ""], "line 1 is no JSON"),
        (['{"id": "a", "prompt": "x"}', '["b"]'], "line 2 is no JSON object"),
        (['{"id": 3, "prompt": "x"}'], "line 1: id = 3 is no text"),
        (['{"id": "a", "prompt": " "}'], "line 1: prompt = ' ' is no text"),
        (
            ['{"id": "a", "prompt": "x"}', "", '{"id": "a", "prompt": "y"}'],
            r"line 3: the id 'a' is that of .*line 1 as well",
        ),
    ],
)
def test_a_wrong_line_is_named(lines: Sequence[str], message: str, tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(CorpusError, match=message):
        read_prompts(path)


def test_a_prompt_may_hold_the_line_ends_of_other_alphabets(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"id": "a", "prompt": "one\u2028two\u0085"}\n', encoding="utf-8")
    assert [each.text for each in read_prompts(path)] == ["one\u2028two\u0085"]


@pytest.mark.nightly
def test_an_engine_with_weights_writes_the_documents_once(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """vLLM in a whole build: the first draws, another one of the same recipe reads the store."""
    write_lines(tmp_path / "d.jsonl", some_rows(20))
    sampling = {"temperature": 1.0, "max_tokens": 8, "seed": 1}
    teacher = {"engine": "vllm", "weights": str(tiny_llama), "dtype": "float32", "sampling": sampling}
    corpora = {"clean": {"documents": "d.jsonl", "steps": ["synthesise"], "synthesise": {**TABLE, "samples": 3}}}
    settings = settings_of({"models": {"teacher": teacher}, "corpora": corpora}, tmp_path / "steelyard.toml")
    fingerprints = []
    for cache in ("first", "second"):
        monkeypatch.setenv("STEELYARD_CACHE", str(tmp_path / cache))
        corpus = build_corpus(settings, "clean")
        fingerprints.append(corpus.fingerprint)
        written = [document for document in corpus.documents() if document.id.startswith("synthesise/")]
        assert len(written) == 6
        assert len({document.text for document in written}) > 2
        assert n_stored(settings) == 6
    assert fingerprints[0] == fingerprints[1]
