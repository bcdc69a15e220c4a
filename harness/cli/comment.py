"""`steelyard comment`: the report of a gate as a comment on a pull request, kept up to date in its place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import ForgeError, SettingsError
from harness.reporting.shared.names import COMMENT_NAME

if TYPE_CHECKING:
    from harness.config.ci import CiJob


@click.command()
@click.argument("folder", metavar="[FOLDER]", type=click.Path(path_type=Path), default=None, required=False)
@click.option("--to", "forge", metavar="FORGE", help="github or gitlab; default: whose job this is.")
@click.option(
    "--name", metavar="NAME", default=COMMENT_NAME, show_default=True, help="Which of several comments it is."
)
@click.option("--link", metavar="URL", help="The address of the whole report; default: the job's page.")
@click.option("--pull-request", metavar="N", type=click.IntRange(min=1), help="Default: the one that the job runs for.")
@click.option("--token-env", metavar="VARIABLE", help="Holds the token; default: GITHUB_TOKEN or GITLAB_TOKEN.")
@click.option("--print", "is_printed", is_flag=True, help="Write the comment to standard output instead.")
def comment(
    folder: Path | None, forge: str | None, name: str, link: str | None, is_printed: bool, **options: Any
) -> None:
    """Write the report of the last gate into the pull request (merge request) that this job runs for.

    FOLDER holds report.json; by default it is the one of the settings. The comment of the run before is replaced in its
    place, found by its first line among those of the token's own user; where there is none, one is added. A gate that
    came to no report is told as that. No model and no store is asked.

    Exit code: 0, also where nothing could be written, which is told: a comment never changes what a gate came to. 4 for
    options that can't be.

    \b
    Examples:
      steelyard comment
      steelyard comment reports/latest --name nightly --link https://ci.example/report/12
      steelyard comment --print
    """
    from harness.config.ci import find_forge, read_job

    if is_printed:
        click.echo(_text(folder, name, link), nl=False)
        return
    job = read_job(find_forge(forge))
    number = options["pull_request"] or job.pull_request
    body = _text(folder, name, link or job.page or None)
    if number is None:
        click.echo("No comment: this job runs for no pull request. Say which with --pull-request N.")
        return
    try:
        _post(job, number, body, options["token_env"])
    except (ForgeError, SettingsError) as error:  # the exit code stays 0
        click.echo(f"No comment: {error}", err=True)


def _text(folder: Path | None, name: str, link: str | None) -> str:
    """The comment.

    Raises:
        SettingsError: the report can't be read, or the name or the address can't be.
    """
    from harness.config.settings import load_settings
    from harness.records.report_json import FILE_NAME, read_report
    from harness.reporting.markdown.report import markdown, without_report

    if folder is None:
        folder = load_settings(Path.cwd()).report_folder
    if not (folder / FILE_NAME if folder.is_dir() else folder).exists():
        return without_report(name, link)
    return markdown(read_report(folder), name, link)


def _post(job: CiJob, number: int, body: str, variable: str | None) -> None:
    from harness.config.ci import TOKEN_VARIABLES
    from harness.config.environment import token as read_token
    from harness.reporting.pull_requests import post

    if not job.project:
        named = "GITHUB_REPOSITORY" if job.forge == "github" else "CI_PROJECT_ID"
        raise SettingsError(f"the environment variable {named} does not say in which project pull request {number} is.")
    variable = variable or TOKEN_VARIABLES[job.forge]
    token = read_token(variable)
    if not token:
        raise SettingsError(f"the environment variable {variable} is not set. {_HINTS[job.forge]}")
    click.echo(f"Comment {post(job, number, body, token)}")


_HINTS = {
    "github": "In a workflow, give the step `env: GITHUB_TOKEN: ${{ github.token }}`, and the job `permissions: "
    "pull-requests: write`.",
    "gitlab": "Add it to the project's CI/CD variables, masked: a project access token with the scope `api` and the "
    "role Reporter.",
}
