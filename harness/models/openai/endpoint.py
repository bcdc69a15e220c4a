"""An HTTP endpoint: sends JSON, tries again what may succeed later, and is given up once for all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import ssl
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from harness.config.addresses import each_address
from harness.errors import TIMED_OUT, EngineError, FailedDrawError, SettingsError, SteelyardError, UnreachableError
from harness.models.engine import Engine
from harness.models.openai.redaction import Redactor, without_secrets
from harness.models.openai.replicas import Replica, Replicas
from harness.models.openai.retry import (
    FAULTS,
    Clock,
    RateLimiter,
    RequestHistory,
    RetryPolicy,
    UnusableError,
    fault_of,
    http_status,
    is_account_empty,
    retry_after_s,
)

if TYPE_CHECKING:
    import aiohttp

TELLING = ("max_completion_tokens", "echo", "logprobs")
"""Words of the API of which a refusal tells by naming them."""
_CONNECT_TIMEOUT_S = 7.0
_LATE_S = 2.0
"""Seconds that the limit may be noticed late; later, it was this process that had no time to read."""
_LONGEST_MESSAGE = 500
_MOST_READ = 1 << 16
_MOST_BODY_BYTES = 16 << 20
_MOST_OF_A_REFUSAL = 1 << 18
_ENCODINGS = ("identity", "gzip", "x-gzip", "deflate")
_JSON = json.JSONEncoder(default=dict, separators=(",", ":"))
_ENOUGH = "Raise timeout_s, or ask for less at a time (--concurrency)."

Answer = TypeVar("Answer")
Read = Callable[[Mapping[str, Any], float], Answer]
"""Makes an answer of the JSON object that came and the seconds that it took; raises `UnusableError` for one that is
not worth having."""
_Error = TypeVar("_Error", bound=Exception)


class RejectedError(EngineError):
    """The endpoint will not answer this request, however often it is asked. Its HTTP status is 0 where the answer is
    larger than one may be; `names` are what of `TELLING` the refusal names.
    """

    def __init__(self, message: str, status: int = 0, names: frozenset[str] = frozenset()) -> None:
        super().__init__(message)
        self.status, self.names = status, names


class Endpoint(Engine):
    """Posts JSON to a base address, or to the one of several that has the fewest requests under way.

    The API key goes into the header of each request and nowhere else: it is taken out of whatever the server says (by
    `redactor`, out of answers too), and redirects, which could carry it to another host, are not followed.

    Args:
        name: begins every message.
        options: `base_url`, `model`, `timeout_s`, `requests_per_minute`, `api_key_env` (the variable, for messages).
    """

    def __init__(
        self, name: str, options: Mapping[str, Any], *, api_key: str | None, policy: RetryPolicy, clock: Clock
    ) -> None:
        self.name = name
        self.redactor = Redactor(api_key)
        self._find_refusal: Callable[[], SteelyardError | None] = lambda: None
        self._replicas = Replicas(each_address(options["base_url"]), clock)
        self._model = str(options["model"])
        self._key_variable = options.get("api_key_env")
        self._timeout_s = float(options.get("timeout_s", 300))
        self._connect_s = min(_CONNECT_TIMEOUT_S, self._timeout_s / 2)
        self._policy, self._clock, self._generator = policy, clock, random.Random()
        self._pace = RateLimiter(options.get("requests_per_minute"), clock=clock.seconds)
        self._successes = self._failures_in_a_row = self._unanswered_in_a_row = 0
        self._answered_s = 0.0
        self._ended: SteelyardError | None = None
        self._end = asyncio.Event()
        self._repeating: dict[int, str] = {}
        self._session: aiohttp.ClientSession | None = None
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            message = f"{name}: the API key in {self._key_variable} holds a character that no HTTP header can carry"
            raise SettingsError(f"{message}; copy it again.")

    async def start(self) -> None:
        """Prepare connections, as many as there are requests in flight; the first shows whether the server is there."""
        import aiohttp

        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if self.redactor.secret is not None:
            headers["Authorization"] = f"Bearer {self.redactor.secret}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=self._connect_s, sock_connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
        )
        for replica in self._replicas.every:
            with contextlib.suppress(UnusableError):
                await self._describe(replica)

    async def _describe(self, replica: Replica) -> None:
        """Note what one of several serves. Raises UnusableError: it can't be asked; UnreachableError: others differ."""
        if replica.description is not None:
            return
        replica.description = {}
        try:
            replica.describe(await self._send(replica, "/models", None, time.perf_counter()), self._model)
        except UnusableError as error:
            self._replicas.note_failure(replica, error.fault)
            if replica.description is None:
                raise
        if difference := self._replicas.difference():
            raise self._give_up(f"is not one model: {self._redacted(difference)}. Serve one, or name two versions.")

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, path: str, payload: Mapping[str, Any], read: Read[Answer]) -> Answer:
        """Send a payload to a path of the base address, again while that may help; give what `read` makes of what came.

        Raises:
            RejectedError: the server refuses this request (4xx, a redirect), or the answer is larger than one may be.
            FailedDrawError: it was sent, and no complete answer came in time.
            UnreachableError: the endpoint was given up, by this request or an earlier one: it is dead, has no valid
                certificate, or refuses the API key.
            SteelyardError: that of `hold`, or that this request was given up.
        """
        body = _JSON.encode(payload).encode("ascii")
        tried, attempts, successes = RequestHistory(), 0, self._successes
        replica: Replica | None = None
        try:
            while True:
                await self._pause(self._pace.wait_s())
                if (refusal := self._find_refusal()) is not None:
                    raise refusal
                began_s, replica = self._clock.seconds(), self._replicas.next(replica)
                try:
                    return await self._attempt(replica, path, body, read)
                except UnusableError as error:
                    failure = _light(error)
                    if failure.fault == "limited" and self._replicas.note_limit(replica, failure.retry_after_s):
                        failure.retry_after_s = 0.0
                attempts += 1
                self._repeating[id(body)] = failure.brief
                asked_s, delay_s = failure.retry_after_s, self._policy.delay_s(attempts, self._generator)
                is_limited = failure.fault == "limited"
                if is_limited and self._successes > successes and asked_s <= self._policy.longest_asked_s:
                    # The rate limit lets others through: this request waits for its turn, it does not fail.
                    successes = self._successes
                else:
                    tried.attempts += 1
                    tried.spent_s += self._clock.seconds() - began_s
                    if self._policy.is_spent(tried, failure, delay_s, has_answered=self._successes > 0):
                        raise self._final(failure, tried, replica) from None
                    tried.spent_s += delay_s
                    tried.asked_s += asked_s
                if is_limited:
                    self._pace.hold(asked_s)  # a rate limit holds every other request as well
                await self._pause(asked_s + delay_s)
        finally:
            self._repeating.pop(id(body), None)

    async def _attempt(self, replica: Replica, path: str, body: bytes, read: Read[Answer]) -> Answer:
        """Ask a replica once. Raises UnusableError, and EngineError for what is not asked again."""
        document: Mapping[str, Any] | None = None
        replica.outstanding, replica.sent = replica.outstanding + 1, replica.sent + 1
        try:
            await self._describe(replica)
            started = time.perf_counter()
            document = await self._send(replica, path, body, started)
            answer = read(document, time.perf_counter() - started)
        except UnusableError as error:
            error.args = (self._redacted(error, _LONGEST_MESSAGE + 200),)  # it may repeat what the server says
            self._replicas.note_failure(replica, error.fault)
            raise _light(error) from None
        except EngineError as error:
            raise _light(error) from None
        else:
            self._successes += 1
            self._failures_in_a_row = self._unanswered_in_a_row = 0
            self._answered_s = time.perf_counter()
            replica.failures, replica.answered_s, replica.out_until_s = 0, self._answered_s, 0.0
            return answer
        finally:
            replica.outstanding -= 1
            del document

    def hold(self, error: SteelyardError) -> None:
        """Send nothing more: requests that wait to be sent, or to be sent again, end with this error."""
        self._ended = self._ended or error
        self._end.set()

    def ask_before_sending(self, find_refusal: Callable[[], SteelyardError | None]) -> None:
        """Send nothing, first or again, for which this finds an error: the request ends with that."""
        self._find_refusal = find_refusal

    @property
    def trouble(self) -> str:  # type: ignore[override]
        """The latest reason why requests are sent again, and how many are, and who gets none; "" where all is well."""
        count = len(self._repeating)
        latest = next(reversed(self._repeating.values()), "")
        again = f"{latest}, repeating {count:,} request{'s' if count > 1 else ''}" if count else ""
        out = [f"left out: {replica.shown}" for replica in self._replicas.left_out if len(self._replicas.every) > 1]
        return "; ".join(filter(None, (again, *out)))

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than the endpoint is believed in."""
        if seconds > 0 and not self._end.is_set():
            await self._clock.wait(seconds, self._end)
        if isinstance(self._ended, UnreachableError):
            raise UnreachableError(str(self._ended), self._ended.cause)
        if self._ended is not None:
            raise self._ended

    async def _send(self, replica: Replica, path: str, body: bytes | None, started: float) -> Mapping[str, Any]:
        """Post a body, or get what stands there. Raises UnusableError, and FailedDrawError after the time limit."""
        import aiohttp

        if self._session is None:
            raise EngineError(f"{self.name} is not started.")
        self.http_requests += body is not None
        get = partial(self._session.get, timeout=aiohttp.ClientTimeout(total=self._connect_s))
        ask = get if body is None else partial(self._session.post, data=body)
        try:
            async with ask(replica.address + path, allow_redirects=False) as response:
                status, headers, content = response.status, response.headers, await self._body(response)
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise UnusableError(f"has no valid certificate: {error}", "closed") from None
        except (aiohttp.InvalidURL, ValueError) as error:
            raise UnusableError(f"is not an address: {error}", "closed") from None
        except TimeoutError as error:
            was_sent = body is not None and not isinstance(error, aiohttp.ConnectionTimeoutError)
            raise self._timed_out(started, replica, was_sent=was_sent) from None
        except aiohttp.ClientResponseError as error:
            raise UnusableError(f"the answer can't be read: {error.message}") from None
        except aiohttp.ClientConnectorError as error:
            raise UnusableError(f"no connection ({error})", "refused") from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, aiohttp.http_exceptions.ContentEncodingError):
                raise UnusableError("the answer can't be decompressed") from None
            raise UnusableError(f"the connection broke ({error})", "broken") from None
        if status != 200:
            raise self._refusal(status, content, headers)
        return self._document(content)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """All of a body, decompressed, up to a limit; that of a refusal up to where a message ends."""
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding not in _ENCODINGS:
            raise UnusableError(f"the answer is encoded as {encoding[:40]!r}, which was not asked for")
        content, limit = bytearray(), _MOST_BODY_BYTES if response.status == 200 else _MOST_OF_A_REFUSAL
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > limit:
                if response.status == 200:
                    raise RejectedError(f"{self.name} at {response.host}: the answer is larger than {limit:,} bytes.")
                break
        return bytes(content)

    def _timed_out(self, started: float, replica: Replica, *, was_sent: bool) -> Exception:
        """The error of an attempt that reached its time limit: once sent, sent again only if its replica is dead."""
        limit = f"{self._timeout_s:g} s (timeout_s)"
        if not was_sent:
            return UnusableError(f"no connection within {self._connect_s:g} s", "broken")
        if time.perf_counter() - started > self._timeout_s + _LATE_S:
            return UnusableError(f"no complete answer within {limit}, and this process noticed it late", "broken")
        self._unanswered_in_a_row += self._answered_s < started
        if self._replicas.note_timeout(replica, started):
            return UnusableError(f"{replica.shown} answered nothing within {limit}, repeatedly", "broken")
        count = self._unanswered_in_a_row
        if count < self._policy.unanswered_in_a_row:
            unsent = "It is not sent again: what is asked until it is quick enough seems never to be slow."
            message = f"{self.name} at {replica.shown}: no complete answer within {limit}. {unsent} {_ENOUGH}"
            return FailedDrawError(message, cause=TIMED_OUT)
        message = f"is given up: {count} requests in a row got no complete answer within {limit}, and no other did"
        return self._give_up(f"{message} meanwhile. Is it overloaded? {_ENOUGH}", TIMED_OUT)

    def _document(self, content: bytes) -> Mapping[str, Any]:
        """The JSON object that a body holds; an error in it counts as its HTTP status where it names one."""
        try:
            document = json.loads(content)
        except RecursionError:
            raise UnusableError("the answer is nested too deep to be read") from None
        except ValueError:
            is_page = content[:1000].lstrip().startswith(b"<")
            message = f"the answer is not JSON: {self._redacted(content)[:80] or 'nothing came'}"
            raise UnusableError(message, "page" if is_page else "malformed") from None
        if not isinstance(document, dict):
            raise UnusableError(f"the answer is not a JSON object: {self._redacted(content)[:80]}")
        if error := document if document.get("object") == "error" else document.get("error"):
            raise self._refusal(http_status(error) or 200, content, {})
        return document

    def _refusal(self, status: int, content: bytes, headers: Mapping[str, str]) -> UnusableError:
        """The error for an answer with this HTTP status, or for one of 200 that is an error."""
        document = _json(content)
        detail, fault = self._server_message(content, document), fault_of(status, document)
        message = f"HTTP {status}: {detail}"
        if is_account_empty(document):
            return UnusableError(f"answers nothing more ({detail if status == 200 else message})", "closed")
        if status == 200:
            return UnusableError(f"the answer is an error: {detail}")
        if fault == "closed":
            variable = self._key_variable
            hint = f"Check the key in {variable}." if variable else "Name the variable that holds a key: api_key_env."
            return UnusableError(f"refuses access ({message}). {hint}", fault)
        if FAULTS[fault].again:
            return UnusableError(
                message, fault, status=status, retry_after_s=retry_after_s(headers.get("Retry-After"), time.time())
            )
        if 300 <= status < 400:
            target = self._redacted(without_secrets(headers.get("Location", "nowhere")))
            detail = f"it redirects to {target}, and redirects are not followed; set base_url to the final address"
        if status == 404:
            detail += " (check model and base_url, which often ends with /v1)"
        names = frozenset(name for name in TELLING if name.encode() in content)  # before the key is taken out
        return UnusableError(f"rejects the request (HTTP {status}): {detail}", fault, status=status, names=names)

    def _final(self, failure: UnusableError, tried: RequestHistory, replica: Replica) -> EngineError:
        """The error that a request ends with, and every later one where the endpoint is given up with it."""
        fault, where = FAULTS[failure.fault], f"{self.name} at {replica.shown}"
        if not fault.again:
            if fault.ends == "endpoint":
                return self._give_up(str(failure))
            return RejectedError(f"{where} {failure}", failure.status, failure.names)
        self._failures_in_a_row += 1
        cause, count, is_page = f"{where}: {failure}", self._failures_in_a_row, failure.fault == "page"
        after = f"after {tried}; the last: {failure}"
        if self._successes == 0 and fault.ends == "endpoint":
            lacks = "" if "/v1" in replica.shown else f": it probably lacks /v1, as in {replica.shown}/v1"
            hint = f". A web page came; check base_url{lacks}." if is_page else ""
            hint = ". Is the server running, and is base_url right?" if failure.fault == "refused" else hint
            return self._give_up(f"{fault.never}: a request failed {after}{hint}", cause)
        after += ". A web page came in place of an answer: something in front of the server sent it" if is_page else ""
        if failure.fault == "refused" and self._replicas.left_out == self._replicas.every:  # so would all others be
            return self._give_up(f"is gone: a request failed {after}", cause)
        if count >= self._policy.failures_in_a_row:
            return self._give_up(f"is given up: {count} requests in a row failed {after}", cause)
        return EngineError(f"{where}: the request is given up {after}", cause)

    def _give_up(self, what: str, cause: str | None = None) -> UnreachableError:
        """The error that this request and every later one ends with; those that wait are woken."""
        if not isinstance(self._ended, UnreachableError):
            where = ", ".join(replica.shown for replica in self._replicas.every)
            self._ended = UnreachableError(f"{self.name}: the endpoint {where} {what}", cause)
            self._end.set()
        return UnreachableError(str(self._ended), self._ended.cause)

    def _redacted(self, value: object, most: int = _LONGEST_MESSAGE) -> str:
        """One printable line of what a server or library said, without the key."""
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        text = self.redactor.text(text)[:_MOST_READ]
        text = "".join(character if character.isprintable() else " " for character in text)
        return " ".join(text.split())[:most]

    def _server_message(self, content: bytes, document: Any) -> str:
        """Find what a server says went wrong, in whichever of the usual places it says so."""
        for name in ("error", "message", "detail"):
            if isinstance(document, dict) and document.get(name):
                document = document[name]
        try:
            return self._redacted(document if isinstance(document, str) else json.dumps(self.redactor.leaves(document)))
        except RecursionError:
            return self._redacted(content)


def _light(error: _Error) -> _Error:
    """The error without its past, whose frames hold the answer for as long as somebody holds the error."""
    error.__traceback__ = error.__context__ = None
    return error


def _json(content: bytes) -> Any:
    """Parse the body of an answer; its text where it is not JSON."""
    text = content.decode("utf-8", "replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
