"""The folder of a program is removed, whatever is in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.scoring.confinement.process import remove

pytestmark = pytest.mark.service

NO_RIGHTS = "import ctypes; ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.mark.parametrize("mode", [0o000, 0o100, 0o200, 0o300, 0o400, 0o500])
def test_folders_with_modes_that_forbid_it(folder: Path, mode: int) -> None:
    (folder / "a" / "b" / "c").mkdir(parents=True)
    (folder / "a" / "b" / "file").write_text("x")
    for closed in ("a/b/c", "a/b", "a", "."):
        (folder / closed).chmod(mode)
    remove_as_ordinary_user(folder)
    assert not folder.exists()


def remove_as_ordinary_user(folder: Path) -> None:
    """Root may do everything, so it gives its rights up first."""
    if os.geteuid() != 0:
        remove(str(folder))
        return
    program = f"from harness.scoring.confinement.process import remove; {NO_RIGHTS}; remove({str(folder)!r})"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_folders_nested_deeper_than_a_path_may_be_long(folder: Path) -> None:
    home = Path.cwd()
    try:
        os.chdir(folder)
        for _ in range(400):
            Path("d" * 20).mkdir()
            Path("file").touch()
            os.chdir("d" * 20)
    finally:
        os.chdir(home)
    remove(str(folder))
    assert not folder.exists()


def test_names_that_are_no_text(folder: Path) -> None:
    for name in (b"\xff\xfe", b"a\nb", b" ", b"-rf", b"x" * 255, b"0", b"1"):
        made = folder / os.fsdecode(name)
        (made / "0").mkdir(parents=True)
        (made / "1").touch()
    remove(str(folder))
    assert not folder.exists()


def test_what_links_lead_to_stays(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o750)
    (tmp_path / "other" / "file").write_text("x")
    (folder / "d").mkdir()
    for place in (folder, folder / "d"):
        (place / "link").symlink_to(tmp_path / "other")
        (place / "lost").symlink_to("nowhere")
        os.mkfifo(place / "pipe")
    (folder / "hard").hardlink_to(tmp_path / "other" / "file")
    remove(str(folder))
    assert not folder.exists()
    assert (tmp_path / "other" / "file").read_text() == "x"
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o750


def test_a_folder_that_is_gone_is_no_error(folder: Path) -> None:
    folder.rmdir()
    remove(str(folder))
