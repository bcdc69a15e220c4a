"""The process of a program: how it starts, and that nothing stays behind."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest

from harness.scoring.confinement import ConfinedRun, Limits

WHO = "import os\nraise ValueError(os.getcwd(), os.getpid(), os.getsid(0))"


def ending(code: str, tests: str = "", **limits) -> str | None:
    return ConfinedRun(code, tests, Limits(**limits)).run()


def told(reason: str | None) -> tuple[Path, int, int]:
    folder, process_id, session = re.findall(r"ValueError: \('(.*?)', (\d+), (\d+)\)", str(reason))[0]
    return Path(folder), int(process_id), int(session)


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def test_nothing_of_a_program_stays_behind() -> None:
    folder, process_id, session = told(ending(WHO))
    assert session == process_id
    assert not folder.exists()
    assert not is_alive(process_id)


def test_a_program_that_is_killed_leaves_nothing_behind_either() -> None:
    code = "import os\nprint(os.getcwd(), os.getpid(), flush=True)\nos.close(0); os.abort()"
    reason = str(ending(code))
    folder, process_id = re.findall(r"SIGABRT before it was done: (\S+) (\d+)", reason)[0]
    assert not Path(folder).exists()
    assert not is_alive(int(process_id))


def test_folders_within_folders_are_removed_however_deep() -> None:
    code = (
        f"import os\nhome = os.getcwd()\nfor _ in range(900):\n    os.mkdir('d'); os.chdir('d')\nos.chdir(home)\n{WHO}"
    )
    folder, _, _ = told(ending(code))
    assert not folder.exists()


def test_each_program_has_a_folder_of_its_own() -> None:
    assert told(ending(WHO))[0] != told(ending(WHO))[0]


def test_what_a_program_writes_on_the_way_of_its_result_is_no_result() -> None:
    code = "import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'{}')\n    except OSError: pass\nos._exit(0)"
    assert ending(code, "assert False") == "ended with exit code 0 before it was done"


def test_a_flood_on_the_way_of_its_result_ends_it() -> None:
    write = "try: os.write(fd, b'x' * 65536)\n    except OSError: pass"
    code = f"import os\nwhile True:\n  for fd in range(3, 20):\n    {write}"
    assert ending(code, timeout_s=2) == "still ran after 2 s"


def test_a_program_can_be_stopped_from_another_thread() -> None:
    run = ConfinedRun("import time; time.sleep(60)", "", Limits(timeout_s=120))
    reasons: list[str | None] = []
    thread = threading.Thread(target=lambda: reasons.append(run.run()))
    thread.start()
    while run._process is None:
        pass
    run.stop()
    thread.join()
    assert reasons[0] in ("stopped", "ended with SIGKILL before it was done")


def test_a_program_that_was_stopped_before_never_starts() -> None:
    run = ConfinedRun("raise ValueError", "", Limits())
    run.stop()
    assert run.run() == "stopped"


@pytest.mark.parametrize("timeout_s", [0.01, 1])
def test_the_time_to_start_does_not_count(timeout_s: float) -> None:
    assert ending("pass", timeout_s=timeout_s) is None
