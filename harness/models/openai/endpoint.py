"""One HTTP endpoint: sends JSON, tries again what may succeed later, and gives the endpoint up once for all."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import TIMED_OUT, EngineError, SettingsError, SteelyardError, UnreachableError
from harness.models.openai.redaction import Redactor, without_secrets
from harness.models.openai.retry import (
    Clock,
    MalformedResponseError,
    RateLimiter,
    RequestHistory,
    RetryPolicy,
    TimeLimit,
    UnusableError,
    http_status,
    is_rate_limit,
    is_retried,
    retry_after_s,
)

if TYPE_CHECKING:
    import aiohttp

_CONNECT_TIMEOUT_S = 30.0
_LONGEST_MESSAGE = 500
_MOST_READ = 1 << 16
_MOST_BODY_BYTES = 16 << 20
_MOST_OF_A_REFUSAL = 1 << 18
_ENCODINGS = ("identity", "gzip", "x-gzip", "deflate")
_JSON = json.JSONEncoder(default=dict, separators=(",", ":"))

Answer = TypeVar("Answer")


class RejectedError(EngineError):
    """The endpoint will not answer this request, however often it is asked; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class TooLargeError(EngineError):
    """The answer to this request is larger than one may be."""


class Endpoint:
    """Posts JSON to one base address.

    The API key goes into the header of each request and nowhere else: it is taken out of whatever the server says (by
    `redactor`, out of answers too), and redirects, which could carry it to another host, are not followed.

    Args:
        name: begins every message.
        options: `base_url`, `timeout_s`, `requests_per_minute`, `api_key_env` (the variable's name,
            for messages).
        api_key: the key, or None for an endpoint without one.
        policy: how long a request is tried.
        clock: of the waits between attempts.

    Attributes:
        find_refusal: is asked before each attempt; the error that it gives ends the request unsent.
    """

    def __init__(
        self, name: str, options: Mapping[str, Any], *, api_key: str | None, policy: RetryPolicy, clock: Clock
    ) -> None:
        self.name = name
        self.http_requests = 0
        self.base_url = str(options["base_url"]).rstrip("/")
        self._address = without_secrets(self.base_url)
        self._key_variable = options.get("api_key_env")
        self._limit = TimeLimit(float(options.get("timeout_s", 300)), policy.unanswered_in_a_row)
        self._policy = policy
        self._pace = RateLimiter(options.get("requests_per_minute"), clock=clock.seconds)
        self._clock = clock
        self._generator = random.Random()
        self._successes = 0
        self._failures_in_a_row = 0
        self._given_up: tuple[str, str | None] | None = None
        self._held: SteelyardError | None = None
        self.find_refusal: Callable[[], SteelyardError | None] = lambda: None
        self._repeating: dict[int, str] = {}
        self._end = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._api_key = api_key
        self.redactor = Redactor(api_key)
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise SettingsError(
                f"{name}: the API key in {self._key_variable} holds a character that no HTTP header can carry; "
                f"copy it again."
            )

    async def open(self) -> None:
        """Prepare connections; as many as there are requests in flight, which the sampler bounds."""
        import aiohttp

        limit_s = self._limit.seconds
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if self._api_key is not None:
            headers["Authorization"] = f"Bearer {self._api_key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=limit_s, sock_connect=min(_CONNECT_TIMEOUT_S, limit_s)),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            trace_configs=[self._limit.tracing()],
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(
        self, path: str, payload: Mapping[str, Any], read: Callable[[Mapping[str, Any], float], Answer]
    ) -> Answer:
        """Send a payload to a path of the base address, and give what `read` makes of the JSON object that answers it.

        Args:
            read: is given the object and the seconds that it took to come; raises `UnusableError` for an answer that
                is not worth having, and the request is sent again.

        Raises:
            RejectedError: the server refuses this request (4xx, a redirect).
            TooLargeError: the answer is larger than one may be.
            FailedDrawError: it was sent, and no complete answer came in time.
            SteelyardError: that of `hold`.
            UnreachableError: the endpoint was given up, by this request or an earlier one: it is dead, has no valid
                certificate, or refuses the API key.
            EngineError: this request was given up.
        """
        body = _JSON.encode(payload).encode("ascii")
        try:
            return await self._tried(path, body, read)
        finally:
            self._repeating.pop(id(body), None)

    def hold(self, error: SteelyardError) -> None:
        """Send nothing more: requests that wait to be sent, or to be sent again, end with this error."""
        self._held = error
        self._end.set()

    @property
    def trouble(self) -> str:
        """The latest reason why requests are sent again, and how many are; "" where none is."""
        count = len(self._repeating)
        latest = next(reversed(self._repeating.values()), "")
        return f"{latest}, repeating {count:,} request{'s' if count > 1 else ''}" if count else ""

    async def _tried(self, path: str, body: bytes, read: Callable[[Mapping[str, Any], float], Answer]) -> Answer:
        """Send a request, again while that may help, and give its answer."""
        tried, attempts, successes = RequestHistory(), 0, self._successes
        while True:
            await self._pause(self._pace.wait_s())
            if (refusal := self.find_refusal()) is not None:
                raise refusal
            began_s, started = self._clock.seconds(), time.perf_counter()
            try:
                answer = self._read(read, await self._send(path, body), time.perf_counter() - started)
            except UnusableError as error:
                failure = _light(error)
            else:
                self._successes += 1
                self._failures_in_a_row = 0
                self._limit.note_answer()
                return answer
            attempts += 1
            self._repeating[id(body)] = failure.brief
            asked_s = failure.retry_after_s or 0.0
            delay_s = self._policy.delay_s(attempts, self._generator)
            if failure.status == 429 and self._successes > successes and asked_s <= self._policy.longest_asked_s:
                # The rate limit lets others through: this request waits for its turn, it does not fail.
                successes = self._successes
            else:
                tried.attempts += 1
                tried.malformed += isinstance(failure, MalformedResponseError)
                tried.spent_s += self._clock.seconds() - began_s
                self._give_up_when_spent(failure, tried)
                tried.spent_s += delay_s
                tried.asked_s += asked_s
            if failure.status == 429:
                self._pace.hold(asked_s)  # a rate limit holds every other request as well
            await self._pause(asked_s + delay_s)

    def _read(
        self, read: Callable[[Mapping[str, Any], float], Answer], document: Mapping[str, Any], latency_s: float
    ) -> Answer:
        try:
            return read(document, latency_s)
        except UnusableError as error:
            error.args = (self._redacted(error),)  # it may repeat what the server says
            raise _light(error) from None
        except EngineError as error:
            raise _light(error) from None
        finally:
            del document

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than the endpoint is believed in."""
        if seconds > 0 and not self._end.is_set():
            await self._clock.wait(seconds, self._end)
        if self._given_up is not None:
            raise UnreachableError(*self._given_up)
        if self._held is not None:
            raise self._held

    async def _send(self, path: str, body: bytes) -> Mapping[str, Any]:
        """One attempt. Raises UnusableError where it may succeed later, FailedDrawError after the time limit."""
        import aiohttp

        if self._session is None:
            raise EngineError(f"{self.name} is not started.")
        self.http_requests += 1
        sent: list[float] = []
        try:
            async with self._session.post(
                self.base_url + path, data=body, allow_redirects=False, trace_request_ctx=sent
            ) as response:
                content = await self._body(response)
                status, headers = response.status, response.headers
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise self._give_up(f"has no valid certificate: {self._redacted(error)}") from None
        except (aiohttp.InvalidURL, ValueError) as error:
            raise self._give_up(f"is not an address: {self._redacted(error)}") from None
        except TimeoutError:
            raise self._timed_out(sent) from None
        except aiohttp.ClientResponseError as error:
            raise MalformedResponseError(f"the answer can't be read: {self._redacted(error.message)}") from None
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, aiohttp.http_exceptions.ContentEncodingError):
                raise MalformedResponseError("the answer can't be decompressed") from None
            refused = isinstance(error, aiohttp.ClientConnectorError)
            reason = "no connection" if refused else "the connection broke"
            raise UnusableError(f"{reason} ({self._redacted(error)})", refused=refused) from None
        if status != 200:
            raise self._refusal(status, content, headers)
        return self._document(content)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        """All of a body, decompressed, up to a limit; that of a refusal up to where a message ends."""
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding not in _ENCODINGS:
            raise MalformedResponseError(f"the answer is encoded as {encoding[:40]!r}, which was not asked for")
        limit = _MOST_BODY_BYTES if response.status == 200 else _MOST_OF_A_REFUSAL
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > limit:
                if response.status == 200:
                    said = f"the answer is larger than {limit:,} bytes"
                    raise TooLargeError(f"{self.name} at {self._address}: {said}.")
                break
        return bytes(content)

    def _timed_out(self, sent: Sequence[float]) -> Exception:
        """The error of an attempt that reached its time limit, having been sent at this time, if at all."""
        error = self._limit.error(f"{self.name} at {self._address}", sent)
        silence = self._limit.silence
        return error if silence is None else self._give_up(silence + ".", TIMED_OUT)

    def _document(self, content: bytes) -> Mapping[str, Any]:
        """The JSON object that a body holds."""
        try:
            document = json.loads(content)
        except RecursionError:
            raise MalformedResponseError("the answer is nested too deep to be read") from None
        except ValueError:
            is_page = content[:1000].lstrip().startswith(b"<")
            raise MalformedResponseError(
                f"the answer is not JSON: {self._beginning(content)}", is_page=is_page
            ) from None
        if not isinstance(document, dict):
            raise MalformedResponseError(f"the answer is not a JSON object: {self._beginning(content)}")
        error = document if document.get("object") == "error" else document.get("error")
        if error:
            raise self._error_in_answer(error, content)
        return document

    def _error_in_answer(self, error: object, content: bytes) -> Exception:
        """The error for an answer with HTTP 200 that holds an error; its code counts where it is an HTTP status."""
        said = self._redacted(self._server_message(content))
        if not is_rate_limit({"error": error}):
            return self._give_up(f"answers nothing more: {said}")
        if (status := http_status(error)) is not None:
            return self._refusal(status, content, {})
        return MalformedResponseError(f"the answer is an error: {said}")

    def _beginning(self, content: bytes) -> str:
        return self._redacted(content)[:80] or "nothing came"

    def _refusal(self, status: int, content: bytes, headers: Mapping[str, str]) -> Exception:
        """The error for an answer with this HTTP status."""
        said = self._redacted(self._server_message(content))
        if status == 429 and not is_rate_limit(_json(content)):
            return self._give_up(f"answers nothing more (HTTP 429: {said})")
        if is_retried(status):
            wait_s = retry_after_s(headers.get("Retry-After"), time.time())
            return UnusableError(f"HTTP {status}: {said}", status=status, retry_after_s=wait_s)
        if status in (401, 403):
            variable = self._key_variable
            hint = f"Check the key in {variable}." if variable else "Name the variable that holds a key: api_key_env."
            return self._give_up(f"refuses access (HTTP {status}: {said}). {hint}")
        if 300 <= status < 400:
            target = self._redacted(without_secrets(headers.get("Location", "nowhere")))
            said = f"it redirects to {target}, and redirects are not followed; set base_url to the final address"
        if status == 404:
            said += " (check model and base_url, which often ends with /v1)"
        return RejectedError(status, f"{self.name} at {self._address} rejects the request (HTTP {status}): {said}")

    def _give_up_when_spent(self, failure: UnusableError, tried: RequestHistory) -> None:
        """Raise the final error where a request has failed often enough."""
        if self._successes == 0 and failure.refused and tried.attempts >= self._policy.refused_attempts:
            raise self._give_up(
                f"can't be reached: {failure}, {tried.attempts} attempts. Is the server running, and is base_url "
                "right?",
            ) from None
        if self._successes == 0 and failure.is_page and tried.malformed >= self._policy.malformed_attempts:
            lacks = "" if "/v1" in self._address else f": it probably lacks /v1, as in {self._address}/v1"
            raise self._give_up(
                f"is no API: {failure}, {tried.attempts} attempts. A web page came; check base_url{lacks}."
            ) from None
        if not self._policy.is_spent(tried, failure.retry_after_s or 0.0):
            return
        self._failures_in_a_row += 1
        cause = f"{self.name} at {self._address}: {failure}"
        tries = f"after {tried}; the last: {failure}"
        if failure.is_page:
            tries += ". A web page came in place of an answer: something in front of the server sent it"
        if failure.refused:  # nobody listens, so that no other request would fare better
            raise self._give_up(f"is gone: a request failed {tries}", cause) from None
        if self._failures_in_a_row >= self._policy.failures_in_a_row:
            count = self._failures_in_a_row
            raise self._give_up(f"is given up: {count} requests in a row failed {tries}", cause) from None
        raise EngineError(f"{self.name} at {self._address}: the request is given up {tries}", cause) from None

    def _give_up(self, what: str, cause: str | None = None) -> UnreachableError:
        """The error that this request and every later one ends with; those that wait are woken."""
        if self._given_up is None:
            self._given_up = f"{self.name}: the endpoint {self._address} {what}", cause
            self._end.set()
        return UnreachableError(*self._given_up)

    def _redacted(self, said: object) -> str:
        """One printable line of what a server or library said, without the key."""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        text = self.redactor.text(text)[:_MOST_READ]
        text = "".join(character if character.isprintable() else " " for character in text)
        return " ".join(text.split())[:_LONGEST_MESSAGE]

    def _server_message(self, content: bytes) -> str:
        """Find what a server says went wrong, in whichever of the usual places it says so."""
        try:
            document = self.redactor.leaves(_json(content))
        except RecursionError:
            document = None
        for name in ("error", "message", "detail"):
            if isinstance(document, dict) and document.get(name):
                document = document[name]
        if document is None:
            return content.decode("utf-8", "replace")
        return document if isinstance(document, str) else json.dumps(document)


_Error = TypeVar("_Error", bound=Exception)


def _light(error: _Error) -> _Error:
    """The error without its past, whose frames hold the answer for as long as somebody holds the error."""
    error.__traceback__ = error.__context__ = None
    return error


def _json(content: bytes) -> Any:
    """Parse the body of an answer; None where it is not JSON."""
    try:
        return json.loads(content.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
