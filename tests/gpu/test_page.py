"""`make gpu` says where there is no GPU, and its page what ran and what did not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.sampling import ROOT, Figure
from tests.gpu.__main__ import PAGE, Outcomes, marked_files
from tests.gpu.devices import count_gpus, missing_gpus
from tests.gpu.page import Outcome, devices_in_words, render
from tests.gpu.peaks import PEAKS
from tests.gpu.weights import weights_on_disk

# Recorded from the tool's documentation; the page's figures are made up.
QUERY = """NVIDIA H100 80GB HBM3, 81559 MiB, 575.57.08
NVIDIA H100 80GB HBM3, 81559 MiB, 575.57.08
NVIDIA L4, 23034 MiB, 575.57.08
"""
RAN = """
import pytest
from tests.bench.sampling import Figure

@pytest.mark.gpu
def test_fast(record_property):
    record_property("figure", Figure("MFU", 0.4123, "of peak", "≤ 1", True, "a | b"))

@pytest.mark.gpu
def test_slow(record_property):
    record_property("figure", Figure("ratio", 0.5, "×", "≥ 0.95", False))
    assert 0.5 >= 0.95, "too slow"

@pytest.mark.gpu
@pytest.mark.skipif(True, reason="it needs 2 GPUs, and there is 1")
def test_two(): pass

@pytest.mark.gpu
def test_model():
    pytest.skip("no model was named")

@pytest.mark.gpu
def test_plain(): pass

def test_elsewhere(): pass
"""
WRITTEN = """# On a GPU

Made by `make gpu MODEL=m`: 2 passed, 1 failed, 2 skipped.

- date: 2026-12-01
- devices: 2 × NVIDIA H100 80GB HBM3, 81559 MiB; 1 × NVIDIA L4, 23034 MiB
- driver: 575.57.08

| what | measured | goal | beside it | command |
|---|---|---|---|---|
| MFU | 0.412 of peak | ≤ 1 | a \\| b | `pytest 'test_ran.py::test_fast'` |
| ratio | 0.5 × | ≥ 0.95, **missed** |  | `pytest 'test_ran.py::test_slow'` |

## Failed

| test | why |
|---|---|
| `pytest 'test_ran.py::test_slow'` | AssertionError: too slow |

## Skipped

| test | why |
|---|---|
| `pytest 'test_ran.py::test_two'` | it needs 2 GPUs, and there is 1 |
| `pytest 'test_ran.py::test_model'` | no model was named |

## Passed without a figure

| test |
|---|
| `pytest 'test_ran.py::test_plain'` |
"""


@pytest.mark.service
def test_without_a_gpu_a_line_says_so_and_nothing_is_installed_or_written() -> None:
    before = PAGE.stat().st_mtime_ns if PAGE.exists() else None
    done = subprocess.run(
        ["make", "--no-print-directory", "gpu", f"PYTHON={sys.executable}", "GPU=nowhere"],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("There is no NVIDIA GPU to use here")
    assert (done.stdout.count("\n"), done.returncode) == (1, 2)
    assert "Error 77" in done.stderr
    assert not (ROOT / "nowhere").exists()
    assert (PAGE.stat().st_mtime_ns if PAGE.exists() else None) == before


@pytest.mark.service
def test_the_page_has_each_figure_each_failure_and_each_skip_with_its_reason(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_ran=RAN)
    outcomes = Outcomes()
    pytester.inline_run("-m", "gpu", "-p", "no:cacheprovider", "-p", "no:asyncio", plugins=[outcomes])
    described = {"date": "2026-12-01", **devices_in_words(QUERY)}
    assert render("make gpu MODEL=m", described, outcomes.by_test.values()) == WRITTEN


def test_without_nvidia_smi_the_page_says_so() -> None:
    page = render("make gpu", devices_in_words(""), [Outcome("a", "passed", figures=(Figure("f", 1, "", "", True),))])
    assert "- devices: unknown: nvidia-smi is not there\n- driver: unknown\n" in page
    assert "##" not in page


def test_the_files_with_the_mark_are_those_that_run() -> None:
    names = {Path(path).name for path in marked_files()}
    assert {"test_engine.py", "test_gate.py", "test_measured.py", "test_optimised.py", "test_speed.py"} <= names
    assert len(names) < 10


def test_gpus_are_those_that_this_process_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert count_gpus(tmp_path) == 2
    for visible, count in {"": 0, "1": 1, "0,1": 2, "0,1,2,3": 2}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert count_gpus(tmp_path) == count
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert (missing_gpus(0), missing_gpus(1)) == (None, "there is no NVIDIA GPU")


def test_peaks_are_those_of_the_sheets_without_sparsity() -> None:
    """By hand: half of what H100's sheet gives with sparsity, and A100's own figure."""
    assert PEAKS["NVIDIA H100 80GB HBM3"].flops == 989.5e12
    assert (PEAKS["NVIDIA A100-SXM4-80GB"].flops, PEAKS["NVIDIA A100-SXM4-80GB"].bandwidth) == (312e12, 2.039e12)
    for name, peak in PEAKS.items():
        assert 50 < peak.flops / peak.bandwidth < 500, f"{name}: operations for each byte"
        assert "https://www.nvidia.com/" in peak.source


def test_a_model_that_can_t_be_had_is_skipped_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "empty").mkdir()
    for name, reason in {
        f"{tmp_path}/empty": "it has no config.json",
        "example/no-such-model": "is not on this disk and can't be fetched",
        "no such path at all": "can't be fetched: HFValidationError",
    }.items():
        with pytest.raises(pytest.skip.Exception, match=reason):
            weights_on_disk(name)
    (tmp_path / "empty" / "config.json").touch()
    assert weights_on_disk(f"{tmp_path}/empty") == f"{tmp_path}/empty"
    assert weights_on_disk("") is None
