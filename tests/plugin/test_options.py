"""Every option, its default in the settings, and that the option wins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.store import Store
from tests.plugin.projects import Project

pytestmark = pytest.mark.service

YES_NO = {
    "yes": {"engine": "scripted", "default": "yes"},
    "no": {"engine": "scripted", "default": "no"},
}


@pytest.fixture
def pair(project: Project) -> Project:
    """A project with a version that is always right and one that is always wrong."""
    project.versions = {name: dict(table) for name, table in YES_NO.items()}
    project.body("return model.ask(case.prompt) == 'yes'", cases=40)
    return project


def refused(project: Project, *arguments: str) -> str:
    """The message of a usage error."""
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    return str(result.stderr)


def test_candidate_option_names_the_version_under_test(pair: Project) -> None:
    pair.run("--candidate", "no")
    assert pair.report()["candidate"]["name"] == "no"
    assert pair.score() == 0.0


def test_only_version_is_the_candidate(project: Project) -> None:
    project.body("return 1")
    project.run()
    assert project.report()["candidate"]["name"] == "only"


def test_several_versions_and_no_candidate_is_a_usage_error(pair: Project) -> None:
    assert "Which version is under test? Say --candidate NAME" in refused(pair)
    assert not pair.store.exists()


def test_no_version_is_a_usage_error(pair: Project) -> None:
    pair.versions = {}
    assert "No model version is defined" in refused(pair)


def test_without_settings_they_are_asked_for_where_pytest_starts(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("suites/test_it.py", ONE)
    project.write("pytest.ini", project.ini)
    monkeypatch.setattr(project, "configure", lambda: None)
    wanted = f"Define one as [models.NAME] in {project.path / 'steelyard.toml'}, or"
    assert wanted in " ".join(refused(project, "suites").split())
    assert not list(project.path.rglob("reports"))


@pytest.mark.parametrize("option", ["--candidate", "--baseline"])
def test_unknown_version_is_a_usage_error_with_the_nearest(project: Project, option: str) -> None:
    project.body("return 1")
    assert "Did you mean 'only'?" in refused(project, option, "onyl")
    assert not project.store.exists()


def test_a_version_that_can_not_be_stops_those_who_ask_for_it_alone(pair: Project) -> None:
    pair.versions["hasty"] = {"base": "yes", "sistem": "x"}
    assert pair.run("--candidate", "yes").ret == 0
    for option in ("--candidate", "--baseline"):
        assert "Did you mean 'system'?" in refused(pair, "--candidate", "yes", option, "hasty")


def test_baseline_option_weighs_against_a_version(pair: Project) -> None:
    assert pair.run("--candidate", "no", "--baseline", "yes").ret == 1
    assert pair.report()["baseline"]["name"] == "yes"
    assert pair.evaluation()["verdict"] == "regressed"
    assert pair.evaluation()["difference"]["value"] == -1.0


def test_baseline_of_the_settings_is_left_out_by_none(pair: Project) -> None:
    pair.settings["baseline"] = "yes"
    assert pair.run("--candidate", "no").ret == 1
    assert pair.run("--candidate", "no", "--baseline", "none").ret == 0
    assert pair.report()["baseline"] is None
    assert pair.evaluation()["baseline"] is None


def test_samples_option_wins_over_the_marker_and_the_marker_over_the_settings(project: Project) -> None:
    project.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_open(model, case):
            assert model.ask("q")

        @pytest.mark.evaluation(cases=[{"id": "a"}], samples=7)
        def test_own(model, case):
            assert model.ask("q")
    """)
    project.settings["samples"] = 3
    project.run()
    assert [entry["n_samples"] for entry in project.report()["evaluations"]] == [3, 7]
    project.run("--samples", "4")
    assert [entry["n_samples"] for entry in project.report()["evaluations"]] == [4, 4]


def test_confidence_level_option_widens_intervals(pair: Project) -> None:
    pair.body("return case.id < 'c3'", cases=40)
    widths = []
    for level in ("0.8", "0.99"):
        pair.run("--candidate", "yes", f"confidence_level={level}")
        assert pair.report()["confidence_level"] == float(level)
        estimate = pair.evaluation()["candidate"]
        widths.append(estimate["high"] - estimate["low"])
    assert widths[0] < widths[1]
    pair.settings["confidence_level"] = 0.9
    pair.run("--candidate", "yes")
    assert pair.report()["confidence_level"] == 0.9


def test_case_option_chooses_by_shell_pattern(project: Project) -> None:
    project.body("return 1", cases=12)
    project.run("--case", "c1*")
    assert [case["id"] for case in project.evaluation()["cases"]] == ["c1", "c10", "c11"]
    with Store.open(str(project.store), readonly=True) as store:
        assert [run.is_gate for run in store.runs()] == [False]


def test_case_option_deselects_evaluations_without_a_match(project: Project) -> None:
    project.module("""
        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_a(model, case):
            assert model.ask("q")

        @pytest.mark.evaluation(cases=[{"id": "b"}])
        def test_b(model, case):
            assert model.ask("q")

        def test_plain(): ...
    """)
    result = project.run("--case", "b")
    result.assert_outcomes(passed=2, deselected=1)
    assert list(project.verdicts()) == ["test_b"]


def test_case_option_chooses_items_of_an_evaluation_per_case(project: Project) -> None:
    project.body("return 1", per="case", cases=3, design="fixed")
    project.run("--case", "c2").assert_outcomes(passed=1, deselected=2)


def test_case_pattern_that_matches_nothing_is_a_usage_error(project: Project) -> None:
    project.body("return 1", cases=3)
    assert "No case named 'x1'. Cases: c0, c1, c2." in refused(project, "--case", "x1")


@pytest.mark.parametrize("source", ["option", "settings"])
def test_concurrency_bounds_requests_in_flight(project: Project, loopback, source: str) -> None:
    server = loopback(together=3, latency_s=0.05)
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.body("assert model.ask(case.prompt)", cases=12, samples=1)
    if source == "settings":
        project.settings["concurrency"] = 3
    project.run(*(["--concurrency", "3"] if source == "option" else []))
    assert server.stats["max_in_flight"] == 3


def test_offline_answers_from_the_store_alone(project: Project, loopback) -> None:
    server = loopback(answers={f"q{i}": {"yes": 0.5, "no": 0.5} for i in range(20)})
    project.versions["only"] = {"engine": "openai", **server.settings()}
    project.body("return model.ask(case.prompt) == 'yes'", cases=20, samples=3)
    assert project.run().ret == 0
    first, asked = project.score(), server.stats["requests"]
    server.stop()
    assert project.run("--offline").ret == 0
    assert project.score() == first
    assert server.stats["requests"] == asked
    assert project.report()["usage"]["stored_samples"] == 60
    assert project.report()["usage"]["model_calls"] == 0


def test_offline_counts_what_is_missing(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'", cases=4, samples=2)
    project.run("--case", "c0")
    assert project.run("--offline").ret == 1
    entry = project.evaluation()
    assert entry["verdict"] == "error"
    assert "6 samples are not in the store; run without --offline" in entry["reason"]


def test_offline_with_an_empty_store_is_an_error_verdict(project: Project) -> None:
    project.body("return model.ask(case.prompt) == 'yes'", cases=4, samples=2)
    assert project.run("--offline").ret == 1
    assert "8 samples are not in the store" in project.evaluation()["reason"]


def test_fresh_draws_of_a_part_take_nothing_else_out_of_use(project: Project) -> None:
    asked = """
    @pytest.mark.evaluation(cases=[{{"id": "a"}}, {{"id": "b"}}])
    def test_{name}(model, case):
        assert model.ask("{name}" + case.id)
    """
    project.module(asked.format(name="one") + asked.format(name="two"))
    project.run()
    project.run("-k", "test_one", "--case", "a", "--fresh")
    assert project.stored() == 8 + 2
    assert project.run("--offline").ret == 0
    assert project.report()["usage"]["stored_samples"] == 8
    with Store.open(str(project.store), readonly=True) as store:
        rows = list(store.scores(store.runs()[-1].run_id))
        samples = store.find(row.sample_key for row in rows if row.sample_key is not None)
    assert len(rows) == 8
    assert all(row.sample_index in samples[row.sample_key or b""] for row in rows), "a score names what it judged"


def test_an_interrupted_fresh_run_tells_that_the_others_are_as_they_were_drawn(project: Project) -> None:
    project.module("""
        import pathlib

        @pytest.mark.evaluation(cases=[{"id": name} for name in "abcd"], samples=1)
        def test_it(model, case):
            model.ask(case.id)
            if case.id == "b" and pathlib.Path(__file__).with_name("stops").exists():
                raise KeyboardInterrupt
    """)
    project.settings["concurrency"] = 1
    project.run("--for-baseline")
    assert project.notes() == []
    stops = project.write("stops", "")
    assert project.run_apart("--for-baseline", "--fresh").ret == 2
    (said,) = project.notes()
    assert said.startswith("what was not drawn anew of only before the interruption counts as it was drawn before")
    stops.unlink()
    project.run("--for-baseline")
    usage = project.report()["usage"]
    (note,) = project.notes()
    n_older = int(note.partition(" answers of only are older than its newest draws")[0])
    assert 0 < n_older < usage["stored_samples"]
    assert usage["model_calls"] == 0
    recorded = CliRunner().invoke(main, ["baseline", "record"])
    assert f"note    {n_older} answers of only are older than its newest draws" in recorded.output
    project.run("--for-baseline", "--fresh")
    assert project.notes() == []


def test_fresh_draws_everything_anew_and_keeps_the_old(project: Project) -> None:
    project.body("assert model.ask(case.prompt)", cases=4, samples=2)
    project.run()
    project.run("--fresh")
    assert project.report()["usage"]["model_calls"] == 8
    assert project.stored() == 16
    project.run()
    assert project.report()["usage"] | {"wall_s": 0} == {
        "model_calls": 0,
        "http_requests": 0,
        "stored_samples": 8,
        "shared_samples": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "wall_s": 0,
        "cost": None,
        "flops": {"only": 0.0},
        "measured_blocks": 0,
        "stored_blocks": 0,
        "failed_samples": 0,
    }


@pytest.mark.parametrize("source", ["option", "settings"])
def test_inconclusive_warn_passes_with_a_warning(project: Project, source: str) -> None:
    project.body("return case.id != 'c0'", cases=6, threshold=0.9)
    assert project.run().ret == 8
    if source == "settings":
        project.settings["inconclusive"] = "warn"
    result = project.run(*(["--inconclusive", "warn"] if source == "option" else []))
    assert result.ret == 0
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*SteelyardWarning*inconclusive*"])
    assert project.report()["exit_code"] == 0
    assert project.evaluation()["verdict"] == "inconclusive"


def test_report_dir_option_and_setting(project: Project) -> None:
    project.body("return 1")
    project.settings["report_dir"] = "out/settings"
    result = project.run()
    assert project.report("out/settings")["exit_code"] == 0
    result.stdout.fnmatch_lines(["report*out/settings/index.html"])
    project.run("--report-dir", "out/option")
    assert project.report("out/option")["exit_code"] == 0
    elsewhere = project.path.parent / f"{project.path.name}-elsewhere"
    project.run("--report-dir", str(elsewhere))
    assert (elsewhere / "report.json").is_file()


def test_report_that_can_not_be_written_is_a_usage_error(project: Project) -> None:
    project.module("""
        import pathlib, shutil

        @pytest.mark.evaluation(cases=[{"id": "a"}])
        def test_it(model, case):
            model.ask("q")
            shutil.rmtree("reports", ignore_errors=True)
            pathlib.Path("reports").write_text("in the way")
    """)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["ERROR: steelyard: The report folder * is a file*"])


@pytest.mark.parametrize("url", ["other/place.db", "sqlite:///other/place.db"])
def test_store_option_names_another_store(project: Project, url: str) -> None:
    project.body("assert model.ask(case.prompt)")
    assert project.run("--store", url).ret == 0
    assert (project.path / "other" / "place.db").is_file()
    assert not project.store.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--store", "."), "is a folder, not a file"),
        (("--store", "pytest.ini/store.db"), "can't be made"),
        (("--store", "pytest.ini"), "not a database"),
        (("--store", "mysql://host/db"), "is of a kind that Steelyard does not keep stores in"),
        (("--samples", "0"), "--samples: samples = 0 is below 1"),
        (("--samples", "many"), "--samples: samples = 'many' is not a whole number"),
        (("max_samples=0",), "steelyard.toml: max_samples = 0 is below 1"),
        (("--concurrency", "0"), "--concurrency: concurrency = 0 is below 1"),
        (("confidence_level=1",), "outside [0.5, 0.9999]"),
        (("confidence_level=95%",), "confidence_level = '95%' is not a number"),
        (("--inconclusive", "pass"), "inconclusive = 'pass' is none of: fail, warn."),
    ],
)
def test_wrong_value_is_a_usage_error_that_names_the_option(
    project: Project, arguments: tuple[str, str], words: str
) -> None:
    project.body("assert model.ask(case.prompt)")
    assert words in refused(project, *arguments)
    assert project.stored() == 0


def test_store_of_a_newer_schema_is_a_usage_error(project: Project) -> None:
    import sqlite3

    project.body("assert model.ask(case.prompt)")
    project.run()
    with sqlite3.connect(project.store) as connection:
        connection.execute("UPDATE steelyard_meta SET value = '99' WHERE name = 'schema_version'")
    connection.close()
    assert "schema version 99" in refused(project)


def test_settings_are_found_from_a_folder_below(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(
        "suites/test_it.py",
        ONE,
    )
    project.configure()
    monkeypatch.chdir(project.path / "suites")
    assert project.run().ret == 0
    assert project.report()["candidate"]["name"] == "only"


ONE = "@pytest.mark.evaluation(cases=[{'id': 'a'}])\ndef test_it(model, case):\n    assert model.ask('q')\n"


@pytest.fixture
def elsewhere(project: Project) -> Path:
    """A folder beside the project, which is a project of its own."""
    folder = project.path.parent / f"{project.path.name}-elsewhere"
    (folder / "out").mkdir(parents=True)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "steelyard.toml").write_text("[models.foreign]\nengine = 'scripted'\ndefault = 'no'\n")
    return folder


@pytest.mark.parametrize(
    "tests", [[], ["suites"], ["suites/a", "suites/b/test_b.py::test_b"]], ids=["none", "one", "two"]
)
@pytest.mark.parametrize("form", ["{}={}", "{} {}"], ids=["joined", "apart"])
@pytest.mark.parametrize("exists", [False, True], ids=["new", "exists"])
def test_value_of_an_option_moves_neither_settings_nor_ids(
    project: Project, elsewhere: Path, form: str, tests: tuple[str, ...], exists: bool
) -> None:
    for name in "ab":
        project.write(
            f"suites/{name}/test_{name}.py",
            f"@pytest.mark.evaluation(cases='cases.jsonl')\ndef test_{name}(model, case): assert model.ask('q')\n",
        )
    project.write("cases.jsonl", '{"id": "a", "prompt": "q"}\n')
    options = {"--store": elsewhere / "store.db", "--report-dir": elsewhere / "out" / "report"}
    if exists:
        options["--store"].touch()
        options["--report-dir"].mkdir()
    project.ini += "testpaths = suites\n"
    given = [word for name, path in options.items() for word in form.format(name, path).split()]
    assert (
        project.run("-p", "no:deepeval", "-o", "asyncio_default_fixture_loop_scope=function", *given, *tests).ret == 0
    )
    report = json.loads((options["--report-dir"] / "report.json").read_text())
    assert report["candidate"]["name"] == "only"
    assert [entry["id"] for entry in report["evaluations"]] == [
        "suites/a/test_a.py::test_a",
        "suites/b/test_b.py::test_b",
    ]
    assert options["--store"].stat().st_size > 0


@pytest.mark.parametrize("form", ["{}={}", "{} {}"], ids=["joined", "apart"])
@pytest.mark.parametrize("exists", [False, True], ids=["new", "exists"])
def test_relative_path_of_an_option_starts_from_the_project(
    project: Project, monkeypatch: pytest.MonkeyPatch, form: str, exists: bool
) -> None:
    project.write(
        "suites/test_it.py",
        ONE,
    )
    project.configure()
    if exists:
        project.write("suites/kept/store.db", "")
    monkeypatch.chdir(project.path / "suites")
    assert project.run(*form.format("--store", "kept/store.db").split()).ret == 0
    assert (project.path / "kept" / "store.db").is_file()
    assert project.evaluation()["id"] == "suites/test_it.py::test_it"


def test_rootdir_option_is_where_the_search_for_settings_begins(project: Project, elsewhere: Path) -> None:
    project.body("return 1")
    assert project.run(f"--rootdir={elsewhere}", "test_it.py").ret == 0
    assert project.report(str(elsewhere / "reports" / "latest"))["candidate"]["name"] == "foreign"


def test_every_option_is_in_the_help(project: Project) -> None:
    text = str(project.run("--help").stdout)
    for name in ("candidate", "baseline", "samples", "case", "concurrency", "offline", "fresh", "report-dir", "store"):
        assert f"--{name}" in text
