"""Samples of production: read as they come from any of the forms in `_FORMS`, and drawn from for cases."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import CaseError
from harness.records import Case
from harness.stages.data.steps.pii import PII, without_personal_data
from harness.stages.data.steps.step import package_versions

_FORMS: Mapping[str, tuple[Sequence[str], ...]] = {
    "JSON lines": (["id"], ["time", "timestamp"], ["messages", "prompt"], ["output"], ["session"], ()),
    "OpenTelemetry": (  # OTLP's JSON; the SDK of Langfuse sends such spans, too
        ["spanId"],
        ["startTimeUnixNano"],
        ["gen_ai.input.messages", "langfuse.observation.input", "gen_ai.prompt"],
        ["gen_ai.output.messages", "langfuse.observation.output", "gen_ai.completion"],
        ["gen_ai.conversation.id", "session.id", "traceId"],
        ["gen_ai.operation.name", "langfuse.observation.type"],
    ),
    "Langfuse": (  # observations and traces, as its API and its exports name things
        ["id"],
        ["startTime", "start_time", "timestamp", "time"],
        ["input"],
        ["output"],
        ["sessionId", "session_id", "session", "traceId", "trace_id"],
        ["type"],
    ),
}
"""Where each form keeps a sample's id, time, question, answer, session and kind: in the first of these with a value."""
_ANSWERS = (None, "chat", "text_completion", "completion", "generate_content", "generation", "GENERATION")
"""The kinds of spans and observations that are a model's answers, so far as they say; others are agents, tools, …"""
_ROLES = {"human": "user", "ai": "assistant", "model": "assistant"}
_LATEST = 4e9
"""Seconds since 1970 are fewer, until 2096: larger numbers are milliseconds, microseconds or nanoseconds."""


class Traces:
    """The samples in files as cases, with `time`, `output` and `session` ("" for one that stands alone).

    Each pass reads the files anew, and counts in `left_out` what is of no use, by reason. Samples before `since` are
    passed over; `session` is the field that groups them, if not the trace's own.
    """

    def __init__(self, paths: Sequence[Path], since: datetime | None = None, session: str | None = None) -> None:
        self._paths, self._since, self._session = paths, since.isoformat() if since else "", session
        self.left_out: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Case]:
        """Raises CaseError: a file can't be read."""
        self.left_out.clear()
        known: set[str] = set()
        for value in (value for path in self._paths for value in self._values(path)):
            try:
                samples = [_sample(form, row, self._session) for form, row in _rows(value)]
            except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
                samples = ["of an unknown form"]
            for each in samples:
                if isinstance(each, str):
                    self.left_out[each] += 1
                elif each.id in known:
                    self.left_out["twice, by the id"] += 1
                elif each.time >= self._since:
                    known.add(each.id)
                    yield each

    def _values(self, path: Path) -> Iterator[Any]:
        """The values in a file, one a line or one that is printed over several; of lists their members."""
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as lines:
                for line in filter(str.strip, lines):
                    try:
                        value = _read(line + lines.read() if line.rstrip() in ("{", "[") else line)
                    except (ValueError, RecursionError):
                        self.left_out["no JSON"] += 1
                    else:
                        yield from value if isinstance(value, list) else [value]
        except OSError as error:
            raise CaseError(f"{path} can't be read: {error.strerror or error}.") from None


def _rows(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The spans of a request, or the line or observation that a value is, each after the name of its form."""
    if "resourceSpans" not in value:
        yield "Langfuse" if "input" in value else "JSON lines", value
        return
    for scope in (scope for each in value["resourceSpans"] for scope in each.get("scopeSpans", ())):
        for span in scope.get("spans", ()):
            known = {name: span.get(name) for name in ("spanId", "traceId", "startTimeUnixNano")}
            own = {each["key"]: next(iter(each.get("value", {}).values()), None) for each in span.get("attributes", ())}
            yield "OpenTelemetry", known | own


def _sample(form: str, row: Mapping[str, Any], session_field: str | None) -> Case | str:
    """The sample in a row, or why there is none."""
    names, is_span = _FORMS[form], form == "OpenTelemetry"
    name, time, asked, answered, session, kind = (
        next((row[each] for each in own if row.get(each) not in (None, "")), None) for own in names
    )
    if kind not in _ANSWERS or (is_span and kind is None and answered is None):
        return "another step than a model's answer"
    before = _messages(_loaded(asked) if is_span else asked, "user")
    *others, answer = _messages(_loaded(answered) if is_span else answered, "assistant") or [{"content": ""}]
    messages = [*before, *others]
    prompt = next((each["content"] for each in reversed(messages) if each["role"] == "user"), "")
    if not prompt or not answer["content"]:
        return "without a question or an answer"
    if (moment := _moment(time)) is None:
        return "without a time"
    fields = {each: row[each] for each in sorted(row.keys() - {each for own in names for each in own})}
    if isinstance(fields.get("metadata"), Mapping):
        fields |= fields.pop("metadata")
    session = str((session if session_field is None else fields.get(session_field)) or "")
    fields |= {"time": moment, "prompt": prompt, "messages": messages, "output": answer["content"], "session": session}
    if name is None:
        name = _hash(json.dumps([moment, messages, answer]))
    return Case({**fields, "id": str(name)})


def _read(text: str) -> Any:
    """The value in a text of JSON; half characters become "?", and what is no number nothing."""
    value = json.loads(text, parse_constant=lambda _: None)
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _loaded(value: Any) -> Any:
    """The messages in an attribute's text of JSON; a text that is none of messages stays as it is."""
    with suppress(ValueError, TypeError, AttributeError, IndexError, RecursionError):
        known = _read(value)
        first = known[0] if isinstance(known, list) else known
        return known if first.keys() & {"role", "content", "parts", "messages"} else value
    return value


def _messages(value: Any, role: str) -> list[dict[str, str]]:
    """The messages in a text, a message, or a list of either in the forms that clients write.

    >>> _messages([{"role": "human", "parts": [{"type": "text", "content": "Hi"}]}], "user")
    [{'role': 'user', 'content': 'Hi'}]
    """
    if isinstance(value, list):
        return [message for each in value for message in _messages(each, role)]
    if not isinstance(value, Mapping):
        return [] if value is None else [{"role": role, "content": str(value)}]
    if inner := next((value[key] for key in ("messages", "choices", "message") if value.get(key)), None):
        return _messages(inner, role)
    if not value.keys() & {"role", "content", "parts"}:  # an application's own form
        return [{"role": role, "content": json.dumps(value, ensure_ascii=False)}]
    own = str(value.get("role") or role).lower()
    return [{"role": _ROLES.get(own, own), "content": text_of(value.get("content", value.get("parts")))}]


def text_of(content: Any) -> str:
    """The text of a message's content: itself, or that of its parts, without what was thought."""
    if isinstance(content, list):
        return "".join(map(text_of, content))
    if isinstance(content, Mapping):
        is_text = content.get("type") not in ("reasoning", "thinking")
        return text_of(content.get("text", content.get("content"))) if is_text else ""
    return "" if content is None else str(content)


def _moment(time: Any) -> str | None:
    """The time by ISO 8601 in UTC, of such a time, or of seconds since 1970 or finer units; None for anything else."""
    with suppress(ValueError, OverflowError, TypeError):
        if isinstance(time, str) and not time.isdigit():
            given = datetime.fromisoformat(time)
            return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        seconds = float(time)
        while _LATEST < seconds < 1e30:
            seconds /= 1000
        return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds > 0 else None
    return None


# -- cases ------------------------------------------------------------------------------------------------------------


def draw_cases(traces: Traces, n: int) -> list[dict[str, Any]]:
    """Draw n of the N samples, or all of fewer, as cases, which keep the probability n / N as `probability`.

    They are those with the smallest hashes, which is a simple random sample: the mean over cases is Horvitz and
    Thompson's estimate of that over the traffic (1952, JASA 47:663-685), and the same traffic gives the same cases.
    """
    ids = sorted((each.id for each in traces), key=_hash)
    wanted = {*ids[:n]}
    drawn = clean_cases(each for each in traces if each.id in wanted)
    return [case | {"probability": len(wanted) / len(ids)} for case in drawn]


def clean_cases(samples: Iterable[Case]) -> Iterator[dict[str, Any]]:
    """The fields of samples with placeholders for personal data in all but the ids. A session, which may be such, gives
    way to `cluster`, the id of its first sample.
    """
    package_versions(PII)
    firsts: dict[str, str] = {}
    for each in samples:
        fields = {name: _cleaned(value) for name, value in each.fields.items() if name != "session"}
        yield fields | {"id": each.id, "cluster": firsts.setdefault(each.session or f"\0{each.id}", each.id)}


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return without_personal_data(value)[0]
    if isinstance(value, Mapping):
        return {name: _cleaned(each) for name, each in value.items()}
    return [*map(_cleaned, value)] if isinstance(value, list) else value


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
