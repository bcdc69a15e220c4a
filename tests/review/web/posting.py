"""What a browser posts to the application."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.routing import APIRoute


def posts(app: FastAPI) -> list[str]:
    """The path of every route that takes a POST."""
    found = [route.path for route in app.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())]
    return [path.format(batch_id="b-scale") for path in found]
