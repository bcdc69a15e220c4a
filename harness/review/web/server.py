"""Serving the application: on which addresses, until Ctrl-C."""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn

from harness.errors import SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI

_CLOSING_S = 3
_EVERYWHERE = ("0.0.0.0", "::")
_LAST_PORT = 65_535
_IMPLIED = {"http": ":80", "https": ":443"}
_URL = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:(?P<port>[1-9]\d{0,4}))?/?", re.ASCII | re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Tell whether nobody but this machine can reach the address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_host(host: str, public_url: str | None, *, allow_network: bool) -> None:
    """Raise a SettingsError for an address that others can reach, unless that is wanted and it is known how they call
    it; and for a public address that browsers could not use.
    """
    match = _URL.fullmatch(public_url or "")
    if public_url is not None and (match is None or int(match["port"] or 80) > _LAST_PORT):
        shown = public_url if "@" not in public_url else f"…@{public_url.rpartition('@')[2]}"
        raise SettingsError(
            f"--public-url {shown!r} can't be used: write scheme, host and port with nothing after them and no user, "
            "such as https://review.example.org or http://box:8700; names beyond ASCII as xn--…."
        )
    if is_loopback(host):
        return
    if not allow_network:
        raise SettingsError(
            f"--host {host} can be reached from other machines. Whoever can listen on the way reads tokens, answers "
            "and labels, since this server speaks plain HTTP. Leave it at 127.0.0.1, behind a proxy that speaks HTTPS "
            "(--public-url) or an SSH tunnel; or add --allow-network on a network that you trust."
        )
    if host in _EVERYWHERE and public_url is None:
        raise SettingsError(
            f"--host {host} is every address of this machine; say by --public-url http://NAME:PORT under which one "
            "reviewers reach it. Requests for any other are refused."
        )


def origin_of(url: str) -> str:
    """Scheme, host and port of an address as browsers write them.

    >>> origin_of("https://Review.example.org:443/queue")
    'https://review.example.org'
    """
    parts = urlsplit(url)
    return without_implied_port(f"{parts.scheme}://{parts.netloc}".lower())


def without_implied_port(origin: str) -> str:
    """The origin without the port that its scheme implies, which browsers leave out and other clients may say."""
    return origin.removesuffix(_IMPLIED.get(origin.partition("://")[0], ""))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        SettingsError: the address is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise SettingsError(
            f"--host {host} --port {port} can't be listened on: {error.strerror or error}. Another server may have the "
            "port; --port 0 takes one that is free."
        ) from None
    return listener


def addresses(host: str, port: int, public_url: str | None) -> tuple[str, ...]:
    """The addresses under which reviewers may come, the one to print first.

    >>> addresses("127.0.0.1", 8700, None)
    ('http://127.0.0.1:8700', 'http://localhost:8700')
    >>> addresses("127.0.0.1", 80, None)
    ('http://127.0.0.1', 'http://localhost')
    """
    own = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    urls = [] if public_url is None else [public_url]
    if host not in _EVERYWHERE:
        urls.append(own)
    if is_loopback(host):
        urls.append(f"http://localhost:{port}")
    return tuple(dict.fromkeys(map(origin_of, urls)))


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve until Ctrl-C or SIGTERM; requests that are under way are answered first."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Who asks is counted by the connection's address: headers that a client writes would let it choose one.
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=_CLOSING_S,
    )
    with suppress(KeyboardInterrupt), listener:
        uvicorn.Server(config).run(sockets=[listener])
