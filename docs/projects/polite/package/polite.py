"""A check, a report format and a tracker, for projects that install this package."""

from dataclasses import dataclass

from harness import CheckError, Score
from harness.extension import ReportFormat, typed


def polite(answer, *words):
    """Score 1 where the answer has one of the words."""
    if not isinstance(answer, str):
        raise CheckError(f"polite: the answer is {type(answer).__name__}, not a text")
    matches = [word for word in words or ("please", "thank") if word in answer.lower()]
    return Score(1.0, f"it says {matches[0]}") if matches else Score(0.0, "it is not polite")


def one_line(stored, stream):
    """Write the verdict in a line; return a note for the reader, or ""."""
    report = stored.report
    stream.write(f"{report.run_id} {report.candidate.name}: {report.verdict}\n")
    return ""


ONE_LINE = ReportFormat("one-line", "verdict.txt", "The verdict in one line.", to_stream=one_line)


@dataclass(frozen=True)
class DiaryOptions(typed.Table):
    """The keys of `[trackers.diary]`."""

    path: typed.PathText


class Diary:
    def check(self, settings, options):
        """Refuse options that can't be, before the first request."""
        typed.read(DiaryOptions, options, where="trackers.diary")

    def track(self, gate, notes):
        """Log a gate that is decided and stored."""
        path = gate.settings.root / gate.options["path"]
        with path.open("a") as diary:
            diary.write(f"{gate.report.created} {gate.report.candidate.name} {gate.report.verdict}\n")
        notes.lines.append(f"diary   {path.name}")

    def later(self, run_id, options):
        """Return the command that logs it later, where this failed."""
        return f"steelyard track {run_id} --to diary"


DIARY = Diary()
