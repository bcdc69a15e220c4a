"""What other distributions bring is found by name, and what is wrong with it is told with the distribution's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import entry_points
from harness.errors import EntryPointError
from tests.entry_points.installing import COMMAND, GATE, declare, run

pytestmark = pytest.mark.service

SETTINGS = '[models.only]\nengine = "{}"\ndefault = "yes"\n'
MODULE = """
import pytest
from harness import checks

@pytest.mark.evaluation(cases=[{"id": "c", "prompt": "q"}], samples=2, design="fixed")
def test_it(model, case):
    return BODY
"""


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    return tmp_path / "installed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    write(folder)
    return folder


def write(folder: Path, engine: str = "scripted", body: str = 'checks.exact(model.ask(case.prompt), "yes")') -> None:
    (folder / "steelyard.toml").write_text(SETTINGS.format(engine), encoding="utf-8")
    (folder / "test_it.py").write_text(MODULE.replace("BODY", body), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")


def test_the_project_s_own_stand_behind_entry_points() -> None:
    assert {"openai", "scripted", "transformers", "vllm"} <= set(entry_points.names("engines"))
    assert {"contains", "deepeval", "lm_eval", "runs"} <= set(entry_points.names("checks"))
    assert {"csv", "html", "json", "junit", "markdown", "parquet", "terminal"} <= set(entry_points.names("reports"))
    assert {"c4", "fineweb", "language", "minhash", "pii", "url"} <= set(entry_points.names("steps"))
    assert "mlflow" in entry_points.names("trackers")
    assert {
        point.provider for group in entry_points.GROUPS for point in entry_points.of_group(group) if point.is_own
    } == {"steelyard 0.1.0"}


@pytest.mark.parametrize("group", entry_points.GROUPS)
def test_each_of_them_can_be_loaded(group: str) -> None:
    for point in entry_points.of_group(group):
        if point.is_own and point.name not in ("deepeval", "lm_eval"):
            assert entry_points.load(point) is not None


def test_an_unknown_name_is_told_with_those_that_there_are() -> None:
    with pytest.raises(EntryPointError, match=r"No engine named 'vlm'\. Engines: .*scripted.* Did you mean 'vllm'\?"):
        entry_points.find("engines", "vlm")
    with pytest.raises(EntryPointError, match=r"No step named 'languages'\. Steps: .* Did you mean 'language'\?"):
        entry_points.find("steps", "languages")


def test_an_unknown_engine_tells_who_brings_the_others(folder: Path, installed: Path) -> None:
    declare(installed, "steelyard-echo", "[steelyard.engines]\necho = echo:ECHO")
    write(folder, engine="ecko")
    done = run(*GATE, folder=folder, installed=installed)
    assert done.returncode == 4
    assert "No engine named 'ecko'. Engines: command, echo (steelyard-echo 1.0), openai, " in done.stderr
    assert "Did you mean 'echo'?" in done.stderr


def test_two_providers_of_one_name_are_both_named(folder: Path, installed: Path) -> None:
    for name in ("one-echo", "other-echo"):
        declare(installed, name, "[steelyard.engines]\necho = echo:ECHO")
    write(folder, engine="echo")
    done = run(*GATE, folder=folder, installed=installed)
    assert done.returncode == 4
    assert "The engine 'echo' is brought by one-echo 1.0 and other-echo 1.0" in done.stderr


@pytest.mark.nightly
def test_a_provider_that_can_t_be_imported_matters_only_where_it_is_used(folder: Path, installed: Path) -> None:
    declare(
        installed,
        "steelyard-broken",
        "[steelyard.engines]\nbroken = broken:IT\n[steelyard.checks]\nbroken = broken:it\n"
        "[steelyard.reports]\nbroken = broken:IT\n[steelyard.trackers]\nbroken = broken:IT",
        broken="raise OSError('the library of parrots is closed')",
    )
    assert run(*GATE, folder=folder, installed=installed).returncode == 0
    write(folder, engine="broken")
    done = run(*GATE, folder=folder, installed=installed)
    assert done.returncode == 4
    told = "of steelyard-broken 1.0 can't be loaded: broken:IT raises OSError: the library of parrots is closed."
    assert f"The engine 'broken' {told}" in done.stderr
    write(folder, body='checks.broken(model.ask(case.prompt), "yes")')
    done = run(*GATE, folder=folder, installed=installed)
    assert done.returncode == 1
    assert "The check 'broken' of steelyard-broken 1.0 can't be loaded" in " ".join(done.stdout.split())
    done = run(*COMMAND, "report", "--format", "broken", folder=folder, installed=installed)
    assert done.returncode == 4
    assert f"The format 'broken' {told}" in " ".join(done.stderr.split())
    assert "csv" in run(*COMMAND, "report", "--help", folder=folder, installed=installed).stdout


@pytest.mark.parametrize(
    ("group", "option", "words"),
    [
        ("engines", None, "declares no options; its entry point names no EngineSpec"),
        (
            "trackers",
            "[trackers.wrong]\n",
            "The tracker 'wrong' of wrong 1.0 is none: wrong:IT has no check, track, later.",
        ),
    ],
)
def test_an_object_of_another_kind_is_refused(
    folder: Path, installed: Path, group: str, option: str | None, words: str
) -> None:
    declare(installed, "wrong", f"[steelyard.{group}]\nwrong = wrong:IT", wrong="IT = 3")
    write(folder, engine="scripted" if option else "wrong")
    if option:
        with (folder / "steelyard.toml").open("a") as stream:
            stream.write(option)
    done = run(*GATE, folder=folder, installed=installed)
    assert done.returncode == 4
    assert words in done.stderr


@pytest.mark.nightly
def test_a_third_party_s_check_is_one_of_the_checks(folder: Path, installed: Path) -> None:
    declare(
        installed,
        "polite-checks",
        "[steelyard.checks]\npolite = polite_checks:polite",
        polite_checks="""
        from harness import Score

        def polite(answer):
            return Score(1.0) if "please" in answer else Score(0.0, "it does not say please")
        """,
    )
    write(folder, body='checks.polite(model.ask(case.prompt) + " please")')
    assert run(*GATE, folder=folder, installed=installed).returncode == 0
    (entry,) = json.loads((folder / "reports/latest/report.json").read_text())["evaluations"]
    assert entry["candidate"]["value"] == 1.0
    program = "from harness import checks; print('polite' in dir(checks), checks.polite('no').reason)"
    assert run("-c", program, folder=folder, installed=installed).stdout == "True it does not say please\n"


def test_the_doctor_lists_what_others_bring(folder: Path, installed: Path) -> None:
    declare(
        installed,
        "steelyard-echo",
        "[steelyard.engines]\necho = echo:ECHO\n[steelyard.steps]\nfold = echo:fold",
        echo="""
        from harness.extension import EngineSpec, StepSpec

        print("noise")
        ECHO = EngineSpec(summary="repeats", create=lambda settings, root: None)
        fold = StepSpec(name="fold", make=lambda options: None)
        """,
    )
    done = run(*COMMAND, "doctor", "--json", folder=folder, installed=installed)
    found = [each for each in json.loads(done.stdout)["findings"] if each["section"] == "plugins"]
    assert [(each["name"], each["state"], each["detail"]) for each in found] == [
        ("engine echo", "ok", "steelyard-echo 1.0, steelyard.engines"),
        ("step fold", "ok", "steelyard-echo 1.0, steelyard.steps"),
    ]
    declare(installed, "other-echo", "[steelyard.engines]\necho = echo:ECHO")
    done = run(*COMMAND, "doctor", folder=folder, installed=installed)
    assert done.returncode == 1
    text = " ".join(done.stdout.split())
    assert text.count("x engine echo The engine 'echo' is brought by other-echo 1.0 and steelyard-echo 1.0") == 1
    assert "-> pip uninstall other-echo, or pip uninstall steelyard-echo" in text


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("group", "target", "why"),
    [
        ("engines", "raising:IT", "raising:IT raises OSError: the library is closed."),
        ("checks", "leaving:it", "leaving:it raises SystemExit: 3."),
        ("reports", "absent:IT", "absent:IT raises ModuleNotFoundError: No module named 'absent'."),
        ("steps", "three:gone", "three:gone raises AttributeError: module 'three' has no attribute 'gone'."),
        ("steps", "three:IT", "The step 'bad' of faulty 1.0 is no StepSpec: three:IT is int."),
        ("engines", "three:IT", "The engine 'bad' of faulty 1.0 is no EngineSpec: three:IT is int."),
        ("checks", "three:IT", "The check 'bad' of faulty 1.0 is neither a function nor a module of them: three:IT is"),
        ("reports", "three:IT", "The format 'bad' of faulty 1.0 is no ReportFormat: three:IT is int."),
        ("trackers", "three:IT", "The tracker 'bad' of faulty 1.0 is none: three:IT has no check, track, later."),
        ("trackers", "three:Kind", "The tracker 'bad' of faulty 1.0 is none: three:Kind is a class; name an object"),
    ],
)
def test_the_doctor_loads_every_door_and_tells_which_is_broken(
    folder: Path, installed: Path, group: str, target: str, why: str
) -> None:
    declare(
        installed,
        "faulty",
        f"[steelyard.{group}]\nbad = {target}",
        raising="raise OSError('the library is closed')",
        leaving="raise SystemExit(3)",
        three="IT = 3\nclass Kind:\n    check = track = later = print\n",
    )
    done = run(*COMMAND, "doctor", "--json", folder=folder, installed=installed)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    (found,) = [each for each in told["findings"] if each["section"] == "plugins"]
    assert (told["sound"], found["state"], found["name"]) == (False, "problem", f"{entry_points.GROUPS[group]} bad")
    assert "faulty 1.0" in found["detail"]
    assert why in found["detail"]
    assert found["mend"] == "pip install --upgrade faulty, or do without: pip uninstall faulty"


DIARY = """
from dataclasses import dataclass
from harness.extension import typed

@dataclass(frozen=True)
class DiaryOptions(typed.Table):
    path: typed.PathText

class Diary:
    def check(self, settings, options):
        typed.read(DiaryOptions, options, where="trackers.diary")

    def track(self, gate, told):
        if gate.options["path"] == "/":
            raise IsADirectoryError("a folder is no diary")
        with gate.opened() as (store, run):
            n_scores = len(list(store.scores(run.run_id)))
        said = f"{gate.report.run_id} {gate.report.verdict} {gate.exit_code} {n_scores} {gate.is_late}"
        (gate.settings.root / gate.options["path"]).write_text(said)
        told.lines.append("diary  " + said)
        told.facts["pages"] = 1

    def later(self, run_id, options):
        return ""

IT = Diary()
"""


@pytest.fixture
def tracked(folder: Path, installed: Path) -> str:
    """A run in the store of a project that has a tracker of another distribution, and none in its settings."""
    declare(installed, "steelyard-diary", "[steelyard.trackers]\ndiary = diary:IT", diary=DIARY)
    assert run(*GATE, folder=folder, installed=installed).returncode == 0
    run_id: str = json.loads((folder / "reports/latest/report.json").read_text())["run_id"]
    return run_id


def settings_of_diary(folder: Path, path: str) -> None:
    with (folder / "steelyard.toml").open("a") as stream:
        stream.write(f'[trackers.diary]\npath = "{path}"\n')


@pytest.mark.nightly
def test_a_stored_run_goes_to_the_trackers_that_the_settings_ask_for(
    folder: Path, installed: Path, tracked: str
) -> None:
    settings_of_diary(folder, "diary.txt")
    done = run(*COMMAND, "track", "latest", folder=folder, installed=installed)
    assert done.returncode == 0, done.stderr
    said = f"{tracked} passed 0 2 True"
    first, second = done.stdout.splitlines()
    assert (first.startswith(f"run     {tracked}, made "), second) == (True, f"diary  {said}")
    assert (folder / "diary.txt").read_text() == said
    done = run(*COMMAND, "track", "only", "--to", "diary", "--json", folder=folder, installed=installed)
    assert json.loads(done.stdout) == {"run_id": tracked, "pages": 1, "lines": [f"diary  {said}"]}


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("path", "arguments", "code", "words"),
    [
        ("a.txt", ("--to", "dairy"), 4, "No tracker named 'dairy'. Trackers: diary (steelyard-diary 1.0), mlflow."),
        (
            "a.txt",
            ("--to", "diary", "--mlflow", "sqlite:///a.db"),
            4,
            "--mlflow is for the tracker mlflow, and --to names",
        ),
        ("/", (), 1, "The tracker 'diary' could not log it: IsADirectoryError: a folder is no diary"),
    ],
)
def test_a_stored_run_that_can_not_be_tracked_ends_with_the_reason(
    folder: Path, installed: Path, tracked: str, path: str, arguments: tuple[str, ...], code: int, words: str
) -> None:
    settings_of_diary(folder, path)
    done = run(*COMMAND, "track", tracked, *arguments, folder=folder, installed=installed)
    assert (done.returncode, words in " ".join(done.stderr.split())) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_another_distribution_is_imported_unless_it_is_used(folder: Path, installed: Path) -> None:
    groups = "\n".join(f"[steelyard.{group}]\nloud = loud:IT" for group in entry_points.GROUPS)
    declare(installed, "loud", groups, loud="raise SystemExit('loud was imported')")
    done = run(*GATE, folder=folder, installed=installed)
    assert (done.returncode, "loud was imported" in done.stdout + done.stderr) == (0, False)
