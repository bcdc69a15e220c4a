"""`steelyard comment`: the report of a gate as a comment on a pull request, kept up to date in its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.console import say
from harness.errors import ForgeError, SettingsError
from harness.reporting.shared.names import COMMENT_NAME


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
def comment(folder: Path | None, forge: str | None, name: str, link: str | None, is_printed: bool, **job: Any) -> None:
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
    from harness.config.settings import load_settings
    from harness.records.report_json import FILE_NAME, read_report
    from harness.reporting.markdown.report import markdown, without_report
    from harness.reporting.pull_requests import post

    found = None if is_printed else read_job(find_forge(forge))
    link = link or (found.page or None if found else None)
    place = folder or load_settings(Path.cwd()).report_folder
    is_there = (place / FILE_NAME if place.is_dir() else place).exists()
    body = markdown(read_report(place), name, link) if is_there else without_report(name, link)
    if found is None:
        click.echo(body, nl=False)
    elif (number := job["pull_request"] or found.pull_request) is None:
        say("No comment: this job runs for no pull request. Say which with --pull-request N.")
    else:
        try:
            say(f"Comment {post(found, number, body, job['token_env'])}")
        except (ForgeError, SettingsError) as error:  # the exit code stays 0
            say(f"No comment: {error}", err=True)
