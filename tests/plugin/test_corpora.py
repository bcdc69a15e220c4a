"""Corpora as the versions of a gate, and the fixture `corpus`."""

from __future__ import annotations

from pathlib import Path

import datatrove  # noqa: F401
import pytest

from tests.models.conftest import write_tiny_llama
from tests.plugin.projects import Project
from tests.repositories import commit_all
from tests.stages.data.projects import STEPS, some_rows, write_lines

pytestmark = pytest.mark.service

PAIR = ("--candidate", "clean", "--baseline", "raw")
KEPT = """
    IDS = [{"id": f"d{n}"} for n in range(10)]

    @pytest.mark.evaluation(cases=IDS, threshold=0.5, margin=0.1)
    def test_kept(corpus, case):
        return corpus[case.id].kept

    @pytest.mark.evaluation(cases=[{"id": "a"}])
    def test_answers(model):
        return model.ask("q") == "yes"
"""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one test has built is there for the next."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def gate(project: Project, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with twenty documents, of which a step of its own keeps sixteen, and a model beside them."""
    monkeypatch.setenv("STEELYARD_CACHE", str(cache))
    write_lines(project.path / "web.jsonl", some_rows(20))
    (project.path / "steps.py").write_text(STEPS, encoding="utf-8")
    clean = {"base": "raw", "steps": ["steps:long_enough"]}
    project.settings["corpora"] = {"raw": {"documents": "web.jsonl"}, "clean": clean}
    return project


def test_a_body_gets_the_corpus_of_each_version(gate: Project) -> None:
    gate.module(KEPT)
    result = gate.run(*PAIR)
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "  candidate clean (corpus, 16 documents)   against raw (corpus, 20 documents)",
            "*x regressed*test_kept*",
            "note *1 evaluation skipped: clean is a corpus, which answers nothing",
        ]
    )
    entry = gate.evaluation("test_kept")
    assert (entry["candidate"]["value"], entry["baseline"]["value"], entry["n_samples"]) == (0.8, 1.0, 10)


@pytest.mark.parametrize(
    ("candidate", "baseline", "sizes"), [("clean", "git:HEAD", (0.2, 0.16)), ("git:HEAD", "clean", (0.16, 0.2))]
)
def test_a_corpus_is_weighed_against_that_of_a_commit(
    gate: Project, candidate: str, baseline: str, sizes: tuple[float, float]
) -> None:
    """Each is of its own recipe, each look is in the ledger, and a body has the baseline of the run."""
    gate.write(".gitignore", ".steelyard/\nreports/\n")
    gate.settings["candidate"] = "clean"
    gate.configure()
    commit_all(gate.path)
    gate.settings["corpora"]["clean"] = {"base": "raw"}
    gate.body("return {'own': len(corpus) / 100, 'other': len(corpus.baseline) / 100}", arguments="corpus", margin=0.9)
    gate.run("--candidate", candidate, "--baseline", baseline)
    found = {entry["metric"]: entry["candidate"]["value"] for entry in gate.report()["evaluations"]}
    assert (found["own"], found["other"]) == pytest.approx(sizes)
    assert gate.report()["evaluations"][0]["look"]["batch"] == 1  # of the ledger


def test_documents_that_changed_are_another_version(gate: Project) -> None:
    gate.module(KEPT)
    gate.run("--candidate", "raw", "--baseline", "none")
    before = gate.report()["candidate"]
    write_lines(gate.path / "web.jsonl", some_rows(21))
    gate.run("--candidate", "raw", "--baseline", "none")
    after = gate.report()["candidate"]
    assert (before["n_documents"], after["n_documents"]) == (20, 21)
    assert before["fingerprint"] != after["fingerprint"]


def test_a_gate_where_all_ask_a_model_runs_nothing(gate: Project) -> None:
    gate.body("return model.ask('q') == 'yes'", arguments="model")
    result = gate.run("--candidate", "clean", "--baseline", "none")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["*clean is a corpus, which answers nothing*"])


def test_a_model_against_a_corpus_is_held_to_its_threshold_alone(gate: Project) -> None:
    gate.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}, {"id": "b"}], threshold=0.5)
        def test_answers(model, case):
            return model.ask(case.id) == "yes"
    """)
    gate.run("--candidate", "only", "--baseline", "raw")
    entry = gate.evaluation("test_answers")
    assert entry["baseline"] is None
    assert "raw is a corpus, which answers nothing" in entry["reason"]


def test_a_body_that_compares_answers_itself_is_skipped_for_a_corpus(gate: Project) -> None:
    gate.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_both(model, baseline):
            return model.ask("q") == baseline.ask("q")
    """)
    result = gate.run("--candidate", "only", "--baseline", "raw", "-rs")
    result.stdout.fnmatch_lines(["*SKIPPED*raw is a corpus, which answers nothing"])


def test_the_only_model_stays_the_candidate_beside_corpora(gate: Project) -> None:
    gate.module(KEPT)
    assert gate.run().ret == 0
    assert gate.report()["candidate"] == {
        **gate.report()["candidate"],
        "name": "only",
        "n_documents": None,
    }
    assert gate.verdicts() == {"test_answers": "passed"}


def test_offline_takes_what_was_built_and_builds_nothing(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.module(KEPT)
    gate.run(*PAIR)
    assert gate.run(*PAIR, "--offline").ret == 1
    monkeypatch.setenv("STEELYARD_CACHE", str(gate.path / "empty"))
    result = gate.run(*PAIR, "--offline")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.no_fnmatch_line("*building*")
    result.stderr.fnmatch_lines(["ERROR: steelyard: clean is not built here, and --offline builds nothing.*"])


@pytest.mark.nightly
def test_with_workers_it_is_built_once_before_they_begin(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(gate.path / "own"))
    gate.module(KEPT)
    result = gate.run_apart(*PAIR, "-n", "2")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["steelyard: built clean in * s", "steelyard: built raw in * s", "*x regressed*"])
    built = [folder for folder in (gate.path / "own" / "corpora").iterdir() if folder.is_dir()]
    assert len(built) == 2


@pytest.mark.parametrize(
    ("corpora", "said"),
    [
        ({"clean": {"documents": "wbe.jsonl"}}, "*there is no *wbe.jsonl*web.jsonl*"),
        (
            {"clean": {"documents": "web.jsonl", "steps": ["minhahs"]}},
            "*[[]corpora.clean[]], steps: No step named 'minhahs'*Did you mean 'minhash'?*",
        ),
        (
            {"clean": {"documents": "web.jsonl", "steps": ["steps:long_enough"], "steps:long_enough": {"word": 3}}},
            "*[[]corpora.clean[]]*steps:long_enough: No setting named 'word'*Did you mean 'words'?*",
        ),
        ({"clean": {"documents": "web.jsonl", "steps": ["steps:broken"]}}, "*no such luck*"),
        ({"clean": {"base": "raw"}}, "*base: No corpus named 'raw'*"),
    ],
)
def test_what_can_not_be_built_is_a_usage_error(gate: Project, corpora: dict[str, object], said: str) -> None:
    gate.settings["corpora"] = corpora
    gate.module(KEPT)
    result = gate.run("--candidate", "clean", "--baseline", "none")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = " ".join([*result.stderr.lines, *result.stdout.lines])
    assert pytest.LineMatcher([told]).fnmatch_lines([said]) is None


def test_a_baseline_that_can_not_be_built_is_told_before_the_candidate_is(
    gate: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEELYARD_CACHE", str(gate.path / "empty"))
    gate.settings["corpora"]["raw"] = {"documents": "web.jsonl", "steps": ["minhahs"]}
    gate.settings["corpora"]["clean"] = {"documents": "web.jsonl", "steps": ["steps:long_enough"]}
    gate.module(KEPT)
    result = gate.run(*PAIR)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*No step named 'minhahs'*"])
    assert not (gate.path / "empty" / "corpora").exists()


def test_a_missing_package_is_named_with_what_installs_it(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *more: None if name == "datatrove" else found(name, *more))
    gate.module(KEPT)
    result = gate.run(*PAIR)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*The corpus 'clean' needs datatrove, not installed here*pip install*[[]data[]]*"])


def test_a_corpus_is_a_baseline_that_can_be_recorded(gate: Project) -> None:
    gate.module(KEPT)
    gate.run("--candidate", "raw", "--baseline", "none")
    from click.testing import CliRunner

    from harness.cli import main

    assert CliRunner().invoke(main, ["baseline", "record", "latest"]).exit_code == 0
    result = gate.run("--candidate", "clean", "--baseline", "raw.json")
    assert result.ret == 1
    assert gate.verdicts()["test_kept"] == "regressed"


def test_what_can_never_be_run_takes_no_share_of_the_error_rate(gate: Project) -> None:
    """Red is corrected over the evaluations that a candidate of that kind can have, chosen by -k or not."""
    gate.module("""
        IDS = [{"id": f"d{n}"} for n in range(10)]

        @pytest.mark.evaluation(cases=IDS, threshold=0.5, margin=0.1)
        def test_kept(corpus, case):
            return corpus[case.id].kept

        @pytest.mark.evaluation(cases=IDS, threshold=0.5, margin=0.1)
        def test_answers(model, case):
            return model.ask(case.id) == "yes"

        @pytest.mark.evaluation(cases=IDS, threshold=0.5, margin=0.1)
        def test_again(model, case):
            return model.ask(case.id) == "yes"
    """)
    gate.run("--candidate", "clean", "--baseline", "none")
    assert gate.evaluation("test_kept")["look"]["weight"] == 1
    gate.run("--candidate", "only", "--baseline", "none", "-k", "answers")
    assert gate.evaluation("test_answers")["look"]["weight"] == 0.5


@pytest.mark.nightly
def test_a_model_that_was_trained_on_a_corpus_has_it(gate: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its baseline was trained on none, so that it is held to its threshold alone."""
    pytest.importorskip("transformers")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_tiny_llama(gate.path / "teacher")
    gate.versions = {"teacher": {"engine": "transformers", "weights": "teacher"}}
    training = {"teacher": "teacher", "data": "clean", "student": {"layers": 2}, "steps": 2, "batch": 2, "length": 24}
    gate.versions["student"] = {"engine": "transformers", "distilled": training}
    gate.module(KEPT)
    gate.run_apart("--candidate", "student", "--baseline", "teacher", "-k", "kept")
    entry = gate.evaluation("test_kept")
    assert (entry["candidate"]["value"], entry["baseline"]) == (0.8, None)
    assert "teacher has no corpus" in entry["reason"]
