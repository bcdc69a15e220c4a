from __future__ import annotations

import io
import itertools

import pytest

from harness.records import VerdictKind
from harness.reporting.shared.text import cells
from harness.reporting.terminal.progress import Beside, LiveLine, ProgressLine, ProgressState, Rate, time_left
from tests.reporting.example_reports import verdict


class Stream(io.StringIO):
    encoding = "utf-8"

    def take(self):
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        return text


class Run:
    """A run under a clock of its own, written to a stream in memory."""

    def __init__(self, is_terminal, width=80):
        self.now = 1000.0
        self.stream = Stream()
        self.progress = ProgressLine(self.stream, is_terminal, width, lambda: self.now)

    def at(self, second, done=0, total=1000, **state):
        self.now = 1000.0 + second
        self.progress.update(ProgressState(done, total, elapsed_s=second, **state))
        return self.stream.take()


def steadily(run, seconds, rate=10, step=0.5, **state):
    """What was written over some seconds of sampling at a steady rate."""
    return [run.at(number * step, int(number * step * rate), **state) for number in range(int(seconds / step) + 1)]


def test_nothing_is_written_in_the_first_half_second():
    run = Run(is_terminal=True)
    assert [run.at(0.1), run.at(0.45, done=900)] == ["", ""]
    run.progress.close()
    assert run.stream.take() == ""


def test_a_terminal_shows_one_line_that_overwrites_itself():
    run = Run(is_terminal=True)
    written = steadily(run, 10, evaluations_total=3, evaluations_done=1, in_flight=8)
    assert written[-1].rstrip() == "\r100 of 1,000 samples (10%)  at most 2 min left  10/s  1 of 3 decided  10 s"
    assert not any("\n" in text for text in written)


def test_a_shorter_line_blanks_the_rest_of_the_longer_one_and_the_end_erases_it():
    run = Run(is_terminal=True)
    long = run.at(1, phase="starting vllm (smollm2-with-a-long-name)")
    short = run.at(2, phase="ready")
    assert len(short) == len(long)
    run.progress.close()
    erased = run.stream.take()
    assert erased.startswith("\r ")
    assert erased.endswith(" \r")
    assert run.at(5, done=5) == ""


def test_a_terminal_is_written_to_ten_times_a_second_at_most():
    run = Run(is_terminal=True)
    written = [run.at(1 + number / 1000, done=number) for number in range(1000)]
    assert sum(bool(text) for text in written) == 10


@pytest.mark.parametrize("width", [1, 2, 10, 20, 40, 60, 80, 120])
def test_no_line_reaches_the_last_column(width):
    run = Run(is_terminal=True, width=width)
    states = {"evaluations_total": 12_345, "stored": 10, "in_flight": 128}
    for text in [*steadily(run, 5, **states), run.at(9, phase="東京\x1b[31m\nstarting", **states)]:
        assert cells(text.removeprefix("\r")) <= max(1, width - 1)
        assert "\n" not in text
        assert "\x1b" not in text


def test_a_narrow_terminal_shows_how_much_is_done_and_the_time_left():
    run = Run(is_terminal=True, width=40)
    assert steadily(run, 10, under_way=900)[-1] == "\r100/1,000 (10%)  about 2 min left  10/s"


def test_a_log_gets_a_line_after_five_seconds_and_then_every_fifteen():
    run = Run(is_terminal=False)
    written = steadily(run, 41, evaluations_total=3)
    lines = {position / 2: text for position, text in enumerate(written) if text}
    assert list(lines) == [5, 20, 35]
    assert lines[20] == "steelyard  200 of 1,000 samples (20%)   at most 80 s left   10/s   0 of 3 decided   20 s\n"
    run.progress.close()
    assert run.stream.take() == ""


def test_a_settled_verdict_is_a_line_that_stays():
    run = Run(is_terminal=False)
    for each in ("passed", "inconclusive"):
        run.progress.show_verdict(
            verdict(VerdictKind(each), f"suites/it/test_{each}.py::test_{each}", reason="no worse")
        )
    assert run.stream.take() == "steelyard  it/test_passed passed: no worse\n"


def test_the_phase_is_shown_while_nothing_is_sampled():
    run = Run(is_terminal=False)
    assert run.at(12, phase="starting vllm (smollm2)") == "steelyard  starting vllm (smollm2), 12 s\n"


def test_the_rate_leaves_out_the_start_of_the_engine_and_what_the_store_had():
    run = Run(is_terminal=True, width=200)
    for second in range(60):
        run.at(second, 500, stored=500, phase="starting vllm (smollm2)")
    for second in range(60, 70):
        text = run.at(second, 500 + 20 * (second - 59), stored=500, under_way=500)
    assert "  about 20 s left  20/s  " in text


def test_the_time_left_is_a_bound_while_the_store_may_answer_what_has_not_begun():
    for under_way, said in ((899, "at most"), (900, "about")):
        run = Run(is_terminal=True, width=200)
        assert f"  {said} 2 min left  10/s  " in steadily(run, 10, under_way=under_way)[-1]


def test_requests_that_are_sent_again_are_said_in_place_of_the_time_left():
    run = Run(is_terminal=True, width=200)
    steadily(run, 10)
    shown = run.at(11, 100, trouble="no connection, repeating 3 requests")
    assert "\r100 of 1,000 samples (10%)  no connection, repeating 3 requests  11 s" in shown
    assert "left" not in shown


def test_a_stall_is_said():
    run = Run(is_terminal=True, width=200)
    steadily(run, 10, in_flight=8)
    assert "no answer" not in run.at(20, 100, in_flight=8)
    assert "no answer for 30 s" in run.at(40, 100, in_flight=8)
    assert "no answer" not in run.at(41, 120, in_flight=8)


def test_a_few_seconds_left_is_not_said_while_nothing_comes():
    """The last answers may take as long as they like."""
    run = Run(is_terminal=True, width=200)
    steadily(run, 9.8)
    assert "a few seconds left" in run.at(9.9, 99, total=100, under_way=1, in_flight=1)
    shown = [run.at(second, 99, total=100, under_way=1, in_flight=n) for second, n in ((12, 1), (30, 1), (200, 0))]
    assert not any("few seconds" in text for text in shown)
    assert ["waiting for the last 1" in shown[0], "no answer for 20 s" in shown[1]] == [True, True]
    assert "no sample ended for 3 min" in shown[2]


def test_a_run_without_samples_divides_by_nothing():
    assert Run(is_terminal=True).at(1, 0, 0) == "\r0 of 0 samples  1 s"


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_stream_that_fails_silences_progress_and_stops_nothing(error):
    class Broken(Stream):
        def write(self, text):
            raise error

    run = Run(is_terminal=True)
    run.progress = ProgressLine(Broken(), True, 80, lambda: run.now)
    run.at(1)
    run.at(2)
    run.progress.close()


def test_an_ascii_stream_gets_ascii():
    raw = io.BytesIO()
    progress = ProgressLine(io.TextIOWrapper(raw, encoding="ascii"), True, 80, itertools.count(0.0).__next__)
    progress.update(ProgressState(0, 1, elapsed_s=1, phase="starting größe"))
    assert raw.getvalue() == b"\rstarting gr\\xf6\\xdfe, 1 s"


def test_a_log_of_a_load_has_its_own_prefix():
    stream = Stream()
    line = LiveLine(stream, False, 80, itertools.count(0.0, 10.0).__next__, log_prefix="steelyard load  ")
    line.write(["measuring", "15 begun"])
    assert stream.take() == "steelyard load  measuring   15 begun\n"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "a few seconds left"),
        (12, "about 10 s left"),
        (89, "about 90 s left"),
        (91, "about 2 min left"),
        (3590, "about 1 h left"),
        (5390, "about 1 h 30 min left"),
        (90_000, "about 25 h left"),
    ],
)
def test_the_time_left_is_no_more_exact_than_it_can_be(seconds, said):
    assert time_left(seconds) == said


def test_a_rate_is_of_the_last_half_minute_and_begins_anew_with_fewer_than_before():
    rate = Rate()
    for second in range(41):
        rate.observe(float(second), 100 * second)
    assert rate.per_second == 100
    for second in range(41, 72):
        rate.observe(float(second), 4000 + 10 * (second - 40))
    assert rate.per_second == pytest.approx(10, abs=0.1)
    assert rate.idle_s(75.0) == 4
    rate.observe(76.0, 0)
    assert rate.per_second is None


def test_what_another_has_written_on_the_line_stays_and_is_gone_on_with():
    run = Run(is_terminal=True)
    run.progress.beside = Beside(lambda: 12)
    assert run.at(1, phase="ready") == "\n\rready, 1 s"
    assert run.at(2, phase="ready") == "\rready, 2 s"
    run.progress.clear()
    assert run.stream.take() == "\r          \r\x1b[A\x1b[12C"


def test_a_line_that_stays_ends_what_another_has_begun():
    run, ended = Run(is_terminal=False), []
    run.progress.beside = Beside(end=lambda: ended.append(run.stream.write("\n")))
    run.progress.say("built")
    assert run.stream.take() == "\nsteelyard  built\n"
