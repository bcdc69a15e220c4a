"""Looks prompts up in MLflow's registry; in the process of MLflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.models.mlflow.child import Login, serve

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LARGEST_PAGE = 1000


def main() -> None:
    """Answer one question."""
    serve(find_prompts)


def find_prompts(login: Login, asked: dict[str, Any]) -> dict[str, Any]:
    """Give name, version and template of each prompt that is asked for, or what is unknown of it.

    `MlflowClient.load_prompt` would link the prompt to an experiment; nothing is written by looking.

    Raises:
        Exception: whatever MLflow raises.
    """
    from mlflow import MlflowClient

    client = MlflowClient(login.address, login.address)
    return {"prompts": {setting: _found(client, **parts) for setting, parts in asked["prompts"].items()}}


def _found(client: MlflowClient, name: str, version: str | None, alias: str | None) -> dict[str, Any]:
    from mlflow.exceptions import MlflowException

    names = [prompt.name for prompt in _all(client.search_prompts)]
    if name not in names:
        return {"unknown": "name", "known": names}
    versions = {str(each.version) for each in _all(partial(client.search_prompt_versions, name))}
    if alias is not None:
        try:
            version = str(client.get_prompt_version_by_alias(name, alias).version)
        except MlflowException:
            aliases = {own for each in versions for own in client.get_prompt_version(name, each).aliases}
            if alias in aliases:  # then it was something else
                raise
            return {"unknown": "alias", "known": sorted(aliases)}
    if version not in versions:
        return {"unknown": "version", "known": sorted(versions, key=int)}
    prompt = client.get_prompt_version(name, str(version))
    return {"name": name, "version": str(version), "template": prompt.template}


def _all(search: Callable[..., Any]) -> Iterator[Any]:
    """Yield what a search finds, page after page."""
    token = None
    while True:
        page = search(max_results=_LARGEST_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


if __name__ == "__main__":
    main()
