import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.scoring.confinement import sandboxes
from tests.cli.conftest import Run

pytestmark = pytest.mark.service

READY = '[models.plain]\nengine = "scripted"\nanswers = { "Capital of Peru?" = "Lima" }\n'


def findings(run: Run) -> dict[str, dict[str, Any]]:
    """Name → finding of `steelyard doctor --json`."""
    return {finding["name"]: finding for finding in json.loads(run("doctor", "--json").output)["findings"]}


def settings(folder: Path, text: str) -> None:
    (folder / "steelyard.toml").write_text(text, encoding="utf-8")


def test_versions_that_can_run_end_with_0_and_looking_creates_nothing(run: Run, folder: Path) -> None:
    settings(folder, READY)
    result = run("doctor")
    assert result.exit_code == 0
    assert result.output.endswith("\nready: nothing that this project needs is missing\n")
    assert json.loads(run("doctor", "--json").output)["sound"] is True
    assert findings(run)["plain"]["state"] == "ok"
    assert findings(run)["settings"]["detail"] == str(folder / "steelyard.toml")
    assert [path.name for path in folder.iterdir()] == ["steelyard.toml"]


def test_a_version_that_cannot_run_ends_with_1_and_says_why(run: Run, folder: Path) -> None:
    settings(folder, READY + '[models.lost]\nengine = "scripted"\nanswers = "nowhere.json"\n')
    result = run("doctor")
    assert result.exit_code == 1
    assert "nowhere.json" in result.output
    assert result.output.endswith("1 problem (x above)\n")
    assert findings(run)["lost"]["state"] == "problem"


def test_a_version_whose_settings_can_not_be_is_a_problem_of_its_own(run: Run, folder: Path) -> None:
    settings(folder, READY + '[models.hasty]\nbase = "plain"\nsistem = "x"\n')
    assert run("doctor").exit_code == 1
    found = findings(run)
    assert (found["hasty"]["state"], found["plain"]["state"]) == ("problem", "ok")
    assert "Did you mean 'system'?" in found["hasty"]["detail"]


def test_without_settings_it_names_the_command_that_writes_them(run: Run) -> None:
    assert findings(run)["settings"]["mend"] == "steelyard init"
    result = run("doctor")
    assert result.exit_code == 0
    assert result.output.endswith("\nthere is no project here yet: `steelyard init` makes one\n")


def test_settings_that_do_not_parse_are_a_problem_not_a_crash(run: Run, folder: Path) -> None:
    settings(folder, "samples = \n")
    assert run("doctor").exit_code == 1
    assert "is not valid TOML" in findings(run)["settings"]["detail"]


@pytest.mark.parametrize(
    ("store", "state"),
    [
        ("deep/er/store.db", "ok"),
        ("sqlite:///store.db", "ok"),
        (".", "problem"),
        ("steelyard.toml/store.db", "problem"),
        ("/proc/self/store.db", "problem"),
    ],
)
def test_a_store_must_be_a_file_that_can_be_written(run: Run, folder: Path, store: str, state: str) -> None:
    settings(folder, f'store = "{store}"\n')
    assert findings(run)["store"]["state"] == state


def test_a_postgres_store_is_named_without_its_password(run: Run, folder: Path, install: Callable[..., None]) -> None:
    install("psycopg", "3.3.9")
    settings(folder, 'store = "postgresql://ann:secret@127.0.0.1:1/steelyard"\n')
    assert findings(run)["store"]["state"] == "ok"
    assert "secret" not in run("doctor").output


def test_an_extra_that_is_not_installed_comes_with_its_command(run: Run, install: Callable[..., None]) -> None:
    install("steelyard", "9.9", "Provides-Extra: judges", "Requires-Dist: absent-judge>=1; extra == 'judges'")
    judges = findings(run)["judges"]
    assert judges["state"] == "absent"
    assert judges["detail"] == "lacks absent-judge>=1"
    assert judges["mend"] == 'pip install ".[judges]" in a clone of Steelyard'
    assert run("doctor").exit_code == 0


JUDGES = ("Provides-Extra: judges", "Requires-Dist: absent-judge>=1; extra == 'judges'")
VLLM = ("Provides-Extra: vllm", "Requires-Dist: absent-vllm>=1; extra == 'vllm'")


def test_extras_that_are_not_installed_share_a_line(run: Run, folder: Path, install: Callable[..., None]) -> None:
    install("steelyard", "9.9", *JUDGES, *VLLM)
    settings(folder, READY)
    output = run("doctor").output
    assert "not installed: judges, vllm" in output
    assert 'pip install ".[NAME]"' in output
    assert "absent-judge" not in output


def test_servers_are_not_asked_and_shown_without_their_passwords(run: Run, folder: Path) -> None:
    version = '[models.served]\nengine = "openai"\nbase_url = "http://127.0.0.1:1/v1"\nmodel = "m"\n'
    settings(folder, f'mlflow = "http://ann:s3cret@127.0.0.1:1"\n{version}')
    result = run("doctor")
    assert result.exit_code == 0
    assert "s3cret" not in result.output
    assert findings(run)["served"]["detail"] == "openai, m at http://127.0.0.1:1/v1: not asked"
    assert findings(run)["mlflow"]["detail"] == "http://***@127.0.0.1:1: not asked"


@pytest.mark.parametrize(
    "text",
    [
        f'mlflow = "sqlite:///mlflow.db"\n{READY}',
        '[models.new]\nengine = "transformers"\nweights = "models:/tiny/1"\n',
    ],
)
def test_mlflow_that_the_settings_need_and_lack_is_a_problem_with_its_command(
    run: Run, folder: Path, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "mlflow" else find_spec(name))
    install("steelyard", "9.9", "Provides-Extra: mlflow", "Requires-Dist: absent-mlflow; extra == 'mlflow'")
    settings(folder, text)
    result = run("doctor")
    assert result.exit_code == 1
    assert 'pip install ".[mlflow]"' in result.output


def test_a_model_of_a_registry_is_configured_and_nobody_is_asked(run: Run, folder: Path) -> None:
    """A registry that is asked would be missed: nothing listens there."""
    pytest.importorskip("mlflow")
    pytest.importorskip("torch")
    version = '[models.new]\nengine = "transformers"\nweights = "models:/tiny/1"\n'
    settings(folder, f'mlflow = "http://127.0.0.1:1"\n{version}')
    assert run("doctor").exit_code == 0
    assert findings(run)["new"]["detail"].endswith(": not asked")
    listed = json.loads(run("models", "new", "--json").output)[0]
    assert (listed["state"], listed["fingerprint"]) == ("configured", None)


def test_one_of_the_two_packages_of_vllm_is_enough(run: Run, install: Callable[..., None]) -> None:
    install("some-vllm", "1")
    install(
        "steelyard",
        "9.9",
        "Provides-Extra: vllm",
        "Requires-Dist: absent-vllm; extra == 'vllm'",
        "Provides-Extra: vllm-cpu",
        "Requires-Dist: some-vllm; extra == 'vllm-cpu'",
    )
    found = findings(run)
    assert found["vllm-cpu"]["detail"] == "some-vllm 1"
    assert "vllm" not in found


def test_a_missing_core_package_is_a_problem(run: Run, install: Callable[..., None]) -> None:
    install("steelyard", "9.9", "Requires-Dist: absent-core>=3")
    assert "absent-core>=3" in findings(run)["packages"]["detail"]
    assert run("doctor").exit_code == 1


def test_torchaudio_beside_a_cpu_torch_alone_is_warned_of(run: Run, install: Callable[..., None]) -> None:
    install("torch", "2.13.0+cpu")
    install("torchaudio", "2.11.0")
    assert findings(run)["torchaudio"]["mend"] == "pip uninstall torchaudio"
    install("torch", "2.13.0")
    assert "torchaudio" not in findings(run)


@pytest.mark.parametrize(("addopts", "warned"), [("", True), ("addopts = -p no:deepeval", False)])
def test_deepevals_plugin_is_warned_of_unless_kept_out(
    run: Run, folder: Path, install: Callable[..., None], addopts: str, warned: bool
) -> None:
    install("deepeval", "4.3.1")
    (folder / "pytest.ini").write_text(f"[pytest]\n{addopts}\n", encoding="utf-8")
    assert ("deepeval" in findings(run)) is warned


def test_lines_fit_80_columns(run: Run, folder: Path) -> None:
    settings(folder, READY)
    long = [line for line in run("doctor").output.splitlines() if len(line) > 80]
    assert [line for line in long if "/" not in line] == []


SANDBOX = "sandbox (checks.runs)"


def test_the_sandboxes_are_listed(run: Run) -> None:
    found = json.loads(run("doctor", "--json").output)["findings"]
    assert {each["name"] for each in found if each["section"] == SANDBOX} == {"built-in", "container"}


def test_a_sandbox_that_the_settings_ask_for_and_that_does_not_work_is_a_problem(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandboxes, "lacks", lambda name: "neither is installed" if name == "container" else None)
    settings(folder, 'sandbox = "container"\n' + READY)
    assert findings(run)["container"]["state"] == "problem"
    assert run("doctor").exit_code == 1
    settings(folder, READY)
    assert findings(run)["container"]["state"] == "absent"
