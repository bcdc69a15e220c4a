"""Samples of production, from JSON lines, OpenTelemetry's GenAI spans and Langfuse's exports, read as they come.

Of OpenTelemetry it reads OTLP's JSON, a request a line, and spans as the SDK's console exporter prints them, with the
names of today (`gen_ai.input.messages`) and older ones (`gen_ai.prompt`, `gen_ai.prompt.0.content`, an event for each
message). Of Langfuse it reads generations, traces with an input and an output, and the spans that its SDK sends.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import CaseError
from harness.records import Case, Messages

_ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "bot": "assistant", "developer": "system"}
_ANSWERS = (None, "chat", "text_completion", "completion", "generate_content", "generation", "GENERATION")
"""The kinds of spans and observations that are a model's answers, so far as they say; others are agents, tools, …"""
_HALVES = re.compile(r"\\u[dD][89a-fA-F]")
_INDEXED = re.compile(r"gen_ai\.(prompt|completion)\.(\d+)\.(role|content)")
_CONTENT = re.compile(r"(gen_ai|langfuse\.observation)\.((input|output)(\.messages)?|prompt|completion)(\.\d+\..*)?")
_NAMES = (
    ("id",),
    ("time", "timestamp", "startTime", "start_time"),
    ("messages", "prompt", "input"),
    ("output",),
    ("session", "sessionId", "session_id", "traceId", "trace_id"),
)
_OF_MESSAGES = {"role", "parts", "content", "messages", "message", "choices", "type"}
_LATEST = 4e9
"""Seconds since 1970 are fewer, until 2096: larger numbers are milliseconds, microseconds or nanoseconds."""
_Entry = tuple[Any, Any, Any, Any, Any, dict[str, Any]]
"""Id, time, what was asked and answered, session, and what else is known."""


@dataclass(frozen=True, slots=True)
class ProductionSample:
    """An answer of production, the last of its messages; `session` is what it depends on, "" where it stands alone."""

    id: str
    time: float | None
    messages: Messages
    session: str
    fields: Mapping[str, Any]

    @property
    def output(self) -> str:
        """The text of the answer."""
        return str(self.messages[-1]["content"])

    @property
    def prompt(self) -> str:
        """The last thing that a user said."""
        return str(next(each["content"] for each in reversed(self.messages[:-1]) if each["role"] == "user"))

    @property
    def case(self) -> Case:
        """It as a case: `messages` are all before the answer."""
        when = {} if self.time is None else {"time": datetime.fromtimestamp(self.time, UTC).isoformat()}
        asked = {"prompt": self.prompt, "messages": [*map(dict, self.messages[:-1])], "session": self.session}
        return Case({**self.fields, "id": self.id, **asked, **when})


class Traces:
    """The samples in files, in their order; each pass reads the files anew, and counts in `left_out` what is of no use,
    by reason. Samples before `since` are passed over; `session` is the field that groups them, if not the trace's own.
    """

    def __init__(
        self, paths: Sequence[Path], since: float = 0.0, session: str | None = None, *, is_timed: bool = False
    ) -> None:
        self._paths, self._since, self._session, self._is_timed = paths, since, session, is_timed
        self.left_out: Counter[str] = Counter()

    def __iter__(self) -> Iterator[ProductionSample]:
        """Raises CaseError: a file can't be read."""
        self.left_out.clear()
        known: set[bytes] = set()
        entries = (entry for path in self._paths for entry in self._entries(path))
        for each in (sample for entry in entries for sample in self._samples(entry)):
            key = hashlib.blake2b(each.id.encode(), digest_size=12).digest()
            if key in known or (each.time is None and self._is_timed):
                self.left_out["twice, by the id" if key in known else "without a time"] += 1
            elif each.time is None or each.time >= self._since:
                own = each.session if self._session is None else str(each.fields.get(self._session, ""))
                yield replace(each, session=own)
            known.add(key)

    def _entries(self, path: Path) -> Iterator[Any]:
        """What a file holds: a value a line, or values that are printed over several; of lists their members."""
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as lines:
                for line in filter(str.strip, lines):
                    if line.rstrip() in ("{", "["):  # until the line that closes it, at the margin
                        line += "".join(_until_closed(lines))
                    try:
                        entry = _read(line)
                    except (ValueError, RecursionError):
                        self.left_out["no JSON"] += 1
                        continue
                    yield from entry if isinstance(entry, list) else [entry]
        except OSError as error:
            raise CaseError(f"{path} can't be read: {error.strerror or error}.") from None

    def _samples(self, entry: Any) -> Iterator[ProductionSample]:
        """The samples of an entry of any of the forms."""
        try:
            parts = [*_parts(entry)]
        except (TypeError, AttributeError):
            parts = [(_row, None)]
        for form, part in parts:
            reason = "of an unknown form"
            with suppress(TypeError, ValueError, KeyError, AttributeError, RecursionError):
                known = form(part)
                reason = "another step than a model's answer" if known is None else "without a question or an answer"
                if known is not None and (sample := _sample(*known)) is not None:
                    yield sample
                    continue
            self.left_out[reason] += 1


def _until_closed(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line
        if line.startswith(("}", "]")):
            return


def _parts(entry: Any) -> Iterator[tuple[Callable[[Any], _Entry | None], Any]]:
    """The spans, observations or samples in an entry, each with what reads it."""
    if "resourceSpans" in entry:
        scopes = (scope for each in entry["resourceSpans"] for scope in each.get("scopeSpans", ()))
        yield from ((_span, span) for scope in scopes for span in scope.get("spans", ()))
    elif "attributes" in entry and "context" in entry:
        yield _span, entry
    elif isinstance(inner := entry.get("observations"), list) and not entry.get("output"):
        yield from ((_row, {"sessionId": entry.get("sessionId"), **each}) for each in inner)
    else:
        yield _row, entry


def _sample(
    name: Any, time: Any, asked: Any, answered: Any, session: Any, fields: dict[str, Any]
) -> ProductionSample | None:
    """The sample; None where it has no text."""
    before, after = read_messages(asked, "user"), read_messages(answered, "assistant")
    if not any(each["role"] == "user" and each["content"] for each in before):
        return None
    if not after or not (after[-1]["content"] or after[-1].get("tool_calls")):
        return None
    messages = (*before, *after[:-1], {**after[-1], "role": "assistant"})
    if name in (None, ""):
        name = hashlib.blake2b(json.dumps([str(time), messages]).encode(), digest_size=8).hexdigest()
    return ProductionSample(str(name), _seconds(time), messages, str(session or ""), fields)


# -- forms --------------------------------------------------------------------------------------------------------


def _row(entry: Mapping[str, Any]) -> _Entry | None:
    """A line of JSON, or an observation or a trace of Langfuse, which has other names for the same."""
    if "input" in entry and entry.get("type") not in _ANSWERS:
        return None
    own = [next((entry[name] for name in names if entry.get(name) not in (None, "")), None) for names in _NAMES]
    fields = {name: entry[name] for name in entry.keys() - {name for names in _NAMES for name in names}}
    if isinstance(fields.get("metadata"), Mapping):
        fields |= fields.pop("metadata")
    name, time, asked, answered, session = own
    return name, time, asked, answered, session, {name: fields[name] for name in sorted(fields)}


def _span(entry: Mapping[str, Any]) -> _Entry | None:
    fields, turns = _attributes(entry.get("attributes")), []
    for event in entry.get("events") or ():
        name, own = str(event.get("name")), _attributes(event.get("attributes"))
        if name.startswith("gen_ai.") and name.endswith((".message", ".choice")):
            turns.append({"role": name.split(".")[1], **own, **_table(own.get("gen_ai.event.content"))})
        elif name.startswith("gen_ai."):
            fields |= own
    kind, (asked, answered) = fields.get("gen_ai.operation.name"), _content(fields, turns)
    if {kind, fields.get("langfuse.observation.type")} - {*_ANSWERS} or (kind is None and not answered):
        return None
    context, rest = (
        entry.get("context") or {},
        {key: each for key, each in fields.items() if not _CONTENT.fullmatch(key)},
    )
    trace = entry.get("traceId") or context.get("trace_id")
    session = fields.get("gen_ai.conversation.id") or fields.get("session.id") or trace
    time = entry.get("startTimeUnixNano") or entry.get("start_time")
    return entry.get("spanId") or context.get("span_id"), time, asked, answered, session, rest


def _content(fields: Mapping[str, Any], turns: Sequence[dict[str, Any]]) -> tuple[Any, Any]:
    """What a span was asked, and what it answered, by the names of today or by older ones."""
    indexed: dict[str, dict[int, dict[str, Any]]] = {"prompt": {}, "completion": {}}
    for match, value in ((_INDEXED.fullmatch(key), value) for key, value in fields.items()):
        if match:
            indexed[match[1]].setdefault(int(match[2]), {})[match[3]] = value
    pairs = [
        *((fields.get(f"{name}.input{end}"), fields.get(f"{name}.output{end}"))
          for name, end in (("gen_ai", ".messages"), ("langfuse.observation", ""))),
        (fields.get("gen_ai.prompt"), fields.get("gen_ai.completion")),
        ([each for _, each in sorted(indexed["prompt"].items())], [*indexed["completion"].values()]),
        ([each for each in turns if each["role"] != "choice"], [each for each in turns if each["role"] == "choice"]),
    ]  # fmt: skip
    asked, answered = map(_loaded, next((pair for pair in pairs if any(pair)), (None, None)))
    if system := fields.get("gen_ai.system_instructions"):
        asked = [{"role": "system", "content": _loaded(system)}, asked]
    return asked, answered


def _attributes(given: Any) -> dict[str, Any]:
    """Attributes as a plain table, whether the SDK or OTLP wrote them."""
    return dict(given) if isinstance(given, Mapping) else {each["key"]: _value(each["value"]) for each in given or ()}


def _value(value: Mapping[str, Any]) -> Any:
    if "arrayValue" in value:
        return [_value(each) for each in value["arrayValue"].get("values", ())]
    if "kvlistValue" in value:
        return _attributes(value["kvlistValue"].get("values"))
    return int(value["intValue"]) if "intValue" in value else next(iter(value.values()), None)


# -- messages -----------------------------------------------------------------------------------------------------


def _loaded(value: Any) -> Any:
    """The messages in a text of JSON; a text that is none of messages stays as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        with suppress(ValueError, RecursionError):
            known = _read(value)
            first = known[0] if isinstance(known, list) and known else known
            return known if isinstance(first, Mapping) and _OF_MESSAGES & first.keys() else value
    return value


def _read(text: str) -> Any:
    """The value in a text of JSON; half characters become "?", and what is no number nothing."""
    value = json.loads(text, parse_constant=lambda _: None)
    is_odd = _HALVES.search(text)
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")) if is_odd else value


def _table(value: Any) -> Mapping[str, Any]:
    return loaded if isinstance(loaded := _loaded(value), Mapping) else {}


def read_messages(value: Any, role: str) -> list[dict[str, Any]]:
    """Messages in the form of OpenAI's API, of a text, a message, or a list of either in the forms that clients write.

    >>> read_messages([{"role": "human", "parts": [{"type": "text", "content": "Hi"}]}], "user")
    [{'role': 'user', 'content': 'Hi'}]
    """
    if isinstance(value, list):
        return [message for each in value for message in read_messages(each, role)]
    if not isinstance(value, Mapping):
        return [] if value is None else [{"role": role, "content": str(value)}]
    if inner := next((value[key] for key in ("messages", "choices", "message") if value.get(key)), None):
        return read_messages(_loaded(inner), role)
    parts = next((value[key] for key in ("content", "parts", "text") if value.get(key) is not None), None)
    own, calls = str(value.get("role") or role).lower(), list(value.get("tool_calls") or ())
    if parts is None and not calls and "role" not in value:  # an application's own form
        parts = json.dumps(value, ensure_ascii=False)
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, Mapping) and part.get("type") == "tool_call":
            given = part.get("arguments")
            called = {"name": part.get("name"), "arguments": given if isinstance(given, str) else json.dumps(given)}
            calls.append({"id": part.get("id"), "type": "function", "function": called})
    return [{"role": _ROLES.get(own, own), "content": text_of(parts), **({"tool_calls": calls} if calls else {})}]


def text_of(content: Any) -> str:
    """The text of a message's content: itself, or that of its parts, without what was thought."""
    if isinstance(content, list):
        return "".join(map(text_of, content))
    if isinstance(content, Mapping):
        names = () if content.get("type") in ("reasoning", "thinking", "tool_call") else ("text", "content", "response")
        return text_of(next((content[name] for name in names if name in content), None))
    return "" if content is None else str(content)


def _seconds(time: Any) -> float | None:
    """Seconds since 1970, of a number in seconds or finer units, or of a date in ISO 8601 (UTC where it says none)."""
    with suppress(ValueError, OverflowError, TypeError):
        if isinstance(time, str) and not time.isdigit():
            given = datetime.fromisoformat(time)
            return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()
        seconds = float(time)
        while _LATEST < seconds < 1e30:
            seconds /= 1000
        return seconds if 0 < seconds < _LATEST else None
    return None
