from pathlib import Path

import pytest

from harness.cli.init import find_pytest_settings


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.toml", ""),
        ("pytest.ini", ""),
        (".pytest.ini", ""),
        ("pyproject.toml", "[tool.pytest.ini_options]\n"),
        ("pyproject.toml", "[tool.pytest]\n"),
        ("tox.ini", "[pytest]\n"),
        ("setup.cfg", "[tool:pytest]\n"),
    ],
)
def test_settings_are_found_where_pytest_looks(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert find_pytest_settings(tmp_path) == tmp_path / name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.ruff]\n"),
        ("tox.ini", "[tox]\n"),
        ("setup.cfg", "[pytest]\n"),
    ],
)
def test_a_file_without_pytests_table_is_none_of_pytests(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert find_pytest_settings(tmp_path) is None


def test_pytest_ini_comes_before_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n", encoding="utf-8")
    assert find_pytest_settings(tmp_path) == tmp_path / "pytest.ini"
