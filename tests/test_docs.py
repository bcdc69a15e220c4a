"""The pages are true: every code block is written or run and prints what it says, every link leads somewhere."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pytest

import harness
from harness.cli import main
from harness.config import versions
from harness.config.typed import names_of
from harness.decisions import decide, first_looks
from harness.gate.evaluations.evaluation import KEYWORDS
from harness.plugin.options import _OPTIONS
from tests import warm
from tests.decisions.observations import observed
from tests.ports import held_port
from tests.waiting import wait_until

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *(path for path in sorted(DOCS.rglob("*.md")) if "_build" not in path.parts)]
FIRST = {"README", "start", "tutorials/first-gate", "howto/write/evaluations", "howto/run/versions"}
"""What everybody reads; the other pages run at night."""
_BLOCK = re.compile(r"^(?:`([\w./-]+)`:\n\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROJECT = re.compile(r"^% project: (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    path: str | None
    language: str
    text: str

    @property
    def title(self) -> str:
        """The file's path above the block; else what the first line says: a path, `shown`, or nothing."""
        if self.path is not None:
            return self.path
        first = self.text.partition("\n")[0]
        return first[2:].strip() if first.startswith("# ") else ""


_LISTENS = re.compile(r"^\$ python server\.py (\d+)", re.MULTILINE)


def blocks(text: str) -> list[Block]:
    """The blocks that are written or run: all but text and YAML without a path, which are only looked at."""
    every = [Block(*match.groups()) for match in _BLOCK.finditer(text)]
    return [block for block in every if block.title or block.language not in ("text", "yaml", "mermaid")]


def page_id(path: Path) -> str:
    """README, or a page of docs by its path there."""
    return path.relative_to(DOCS if DOCS in path.parents else ROOT).with_suffix("").as_posix()


def runnable() -> Iterator[Path]:
    """Pages with blocks to run; the reference and the pages for contributors only show how things are written."""
    for page in PAGES:
        aside = page_id(page).partition("/")[0] in ("reference", "contributing", "decisions", "steps")
        if not aside and blocks(page.read_text(encoding="utf-8")):
            yield page


def with_free_ports(text: str, held: ExitStack) -> tuple[str, list[int]]:
    """A chapter whose servers listen where nothing does yet, and these ports."""
    ports = {}
    for port in dict.fromkeys(_LISTENS.findall(text)):
        ports[port] = str(held.enter_context(held_port()))
        text = re.sub(rf"\b{port}\b", ports[port], text)
    return text, [int(port) for port in ports.values()]


@contextmanager
def in_background(command: str, folder: Path, environment: dict[str, str], ports: list[int]) -> Iterator[None]:
    """A command that a shell would leave running, ended with the chapter; begins once its ports are open."""
    started = subprocess.Popen(command, shell=True, cwd=folder, env=environment, start_new_session=True)
    try:
        wait_until(lambda: all(map(listens, ports)) or started.poll() is not None)
        assert started.poll() is None, f"{command!r} ended with {started.returncode}"
        yield
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


def listens(port: int) -> bool:
    """Tell whether somebody listens at a port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True


def commands(text: str) -> list[tuple[str, list[str], str]]:
    """The commands of a console block, each with the lines that its output holds and its exit code."""
    found: list[tuple[str, list[str], str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], [], "0"))
        elif line.startswith("# exit code "):
            command, lines, _ = found[-1]
            found[-1] = (command, lines, line.removeprefix("# exit code "))
        elif line.strip():
            found[-1][1].append(line)
    return found


def squeeze(text: str) -> str:
    """A text without its line breaks, and without how long a run took in the line that sums it up."""
    return re.sub(r"· [\d.]+ s ·", "· … s ·", " ".join(text.split()))


_BEGIN = "import sys; del sys.path[0]; sys.argv[0] = "
PROGRAMS = {
    "pytest": f"{_BEGIN}'pytest'; import pytest; sys.exit(pytest.console_main())",
    "steelyard": f"{_BEGIN}'steelyard'; from harness.cli import main; main()",
}
"""The programs of this installation, as they are in Python: a script's own folder is not where it looks for modules."""


def done(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command of the guide as a shell would; a program of ours in a process that need not import it anew."""
    words = shlex.split(command)
    if words[0] == "cd" and words[2] == "&&":
        folder, words = folder / words[1], words[3:]
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        environment = {**environment, name: value}
    if words[0] in PROGRAMS and not {"&&", "||", "|", ";", ">", ">>", "<"} & set(words):
        return warm.run("-c", PROGRAMS[words[0]], *words[1:], cwd=folder, env=environment)
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.service
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(path, marks=[pytest.mark.nightly] * (page_id(path) not in FIRST), id=page_id(path))
        for path in runnable()
    ],
)
def test_every_block_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "80"}
    environment["PYTEST_ADDOPTS"] = "-p no:deepeval -p no:asyncio"
    with ExitStack() as running:
        text, ports = with_free_ports(page.read_text(encoding="utf-8"), running)
        for project in _PROJECT.findall(text):
            shutil.copytree(DOCS / "projects" / project, tmp_path, dirs_exist_ok=True, ignore=MADE)
        for block in blocks(text):
            if block.title.startswith("shown"):
                assert_shown_is_real(block, tmp_path)
            elif block.language == "console":
                for command, expected, code in commands(block.text):
                    if command.endswith("&"):
                        running.enter_context(in_background(command.rstrip(" &"), tmp_path, environment, ports))
                    else:
                        assert_it_prints(command, expected, code, done(command, tmp_path, environment))
            else:
                assert block.title, f"{page.name}: a {block.language} block without a file name in its first line"
                path = tmp_path / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                content = block.text.partition("\n")[2] if block.language == "jsonl" else block.text
                path.write_text(content, encoding="utf-8")


MADE = shutil.ignore_patterns("__pycache__", ".steelyard", ".pytest_cache", "reports")
"""What a run leaves in a project."""


def assert_it_prints(command: str, expected: list[str], code: str, run: subprocess.CompletedProcess[str]) -> None:
    output = run.stdout + run.stderr
    assert code in ("any", str(run.returncode)), f"{command}: {run.returncode}\n{output}"
    for line in expected:
        assert squeeze(line) in squeeze(output), f"{command}: no {line!r} in\n{output}"


def assert_shown_is_real(block: Block, folder: Path) -> None:
    """A block that shows part of a file: `# shown: PATH` is in that file, `# shown` is settings that load."""
    text = block.text.partition("\n")[2]
    if block.title.startswith("shown: "):
        assert text.strip() in (folder / block.title.removeprefix("shown: ")).read_text(encoding="utf-8")
        return
    from harness.config import load_settings

    place = folder / "shown"
    place.mkdir(exist_ok=True)
    (place / "steelyard.toml").write_text(text, encoding="utf-8")
    assert dict(load_settings(place).versions), "each is read"


@pytest.mark.service
def test_the_reference_is_what_the_code_says() -> None:
    """Tables between comments are written by `make reference`; those of the marker and of versions lack no word."""
    done = subprocess.run([sys.executable, ".ci/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_there_are_no_more_words_than_the_project_allows_itself() -> None:
    """A new one takes the place of another."""

    def leaves(command: click.Command) -> Iterator[click.Command]:
        if not isinstance(command, click.Group):
            yield command
            return
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from leaves(command.get_command(context, name))

    commands = list(leaves(main))
    assert len(commands) <= 41
    assert sum(isinstance(each, click.Option) for command in commands for each in command.params) <= 146
    assert len(KEYWORDS) <= 19
    assert len(_OPTIONS) <= 18
    assert (
        len({*versions.EngineOptions.keys(), *versions._every_engines_keys()} - {*names_of(versions.SamplingTable)})
        <= 34
    )
    assert len(harness.__all__) <= 60


def explanations() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in sorted((DOCS / "explanation").glob("*.md")))


def test_the_fewest_cases_that_can_pass_are_those_of_the_pages() -> None:
    rows = re.findall(r"^\| (0\.\d+) \| (\d+) \|$", explanations(), re.MULTILINE)
    assert len(rows) == 4
    for margin, fewest in rows:
        for n_cases, verdict in ((int(fewest) - 1, "inconclusive"), (int(fewest), "passed")):
            assert _equal_cases(n_cases, 5, float(margin), "population") == verdict


def test_the_fewest_samples_that_can_pass_about_these_cases_are_those_of_the_pages() -> None:
    pattern = (
        r"(\d+)\s+cases\s+of\s+(\d+)\s+samples, or\s+(\d+)\s+of\s+(\d+), can\s+pass\s+with\s+a\s+margin\s+of\s+(0\.\d+)"
    )
    found = re.search(pattern, explanations())
    assert found is not None
    start = (ROOT / "docs" / "start.md").read_text(encoding="utf-8")
    first = re.search(r"a margin of (0\.\d+) takes (\d+) cases of (\d+) samples at the least", start)
    assert first is not None
    fewest = [(found[1], found[2], found[5]), (found[3], found[4], found[5]), (first[2], first[3], first[1])]
    for n_cases, samples, margin in fewest:
        assert _equal_cases(int(n_cases), int(samples), float(margin), "suite") == "passed"
        assert _equal_cases(int(n_cases) - 1, int(samples), float(margin), "suite") == "inconclusive"


def _equal_cases(n_cases: int, samples: int, margin: float, about: str) -> str:
    """The verdict of a first look at so many cases in which both versions are always right."""
    equal = np.ones((n_cases, samples))
    entry = observed(equal, equal, margin=margin, design="sequential", n_planned=n_cases, about=about)
    return decide([entry], 0.95, looks=first_looks([entry.id]))[0].verdict.value


def test_there_are_no_more_pages_and_words_than_a_reader_has_patience_for() -> None:
    """A new page takes the place of another."""
    words = {page_id(page): len(page.read_text(encoding="utf-8").split()) for page in PAGES if DOCS in page.parents}

    def sum_of(folder: str) -> int:
        return sum(count for name, count in words.items() if name.startswith(f"{folder}/"))

    assert not FIRST - {"README", *words}
    assert sum(words.values()) <= 60_000
    assert sum_of("reference") <= 14_000
    assert sum_of("contributing/decisions") <= 13_500
    assert len([name for name in words if name.startswith("reference/")]) <= 9
    assert words["start"] <= 1_000
    assert words["reference/glossary"] <= 600
    assert {name: n for name, n in words.items() if name.startswith("coming-from/") and n > 450} == {}
    assert {name: n for name, n in words.items() if name.startswith("tutorials/") and n > 1_600} == {}


def test_decisions_are_few_short_and_listed_once() -> None:
    """A new page takes the place of another: at most 25, of at most 900 words each, and every one is in the index."""
    folder = DOCS / "contributing" / "decisions"
    pages = sorted(each.name for each in folder.glob("*.md") if each.name != "index.md")
    listed = re.findall(r"^- \[[^\]]+\]\(([\w-]+\.md)\): \S", (folder / "index.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == pages
    assert len(pages) <= 25
    assert [name for name in pages if len((folder / name).read_text(encoding="utf-8").split()) > 900] == []


_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:harness|tests|docs|evals|suites|reports|\.ci|\.github)(?:/[\w./-]+)?)`")
_NAMED = re.compile(r"(?<![\w/.-])docs/(?!_build)[\w./-]*\w(?:#[\w-]+)?")


def anchors(page: Path) -> set[str]:
    """What a link into a page may name: its headings as GitHub and MyST write them, and targets of its own."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    plain = (re.sub(r"\]\([^)]*\)", "]", heading).lower().strip() for heading in headings)
    slugs = [re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain]
    return {*slugs, *re.findall(r"^\(([\w-]+)\)=$", text, re.MULTILINE), *re.findall(r'<a id="([^"]+)"', text)}


def broken(page: Path, targets: Iterable[str], folder: Path) -> Iterator[str]:
    """Of the targets that a page names, those that are not there."""
    for target in targets:
        path, _, anchor = target.partition("#")
        to = (folder / path).resolve() if path else page
        if not to.exists() or (anchor and to.suffix == ".md" and anchor not in anchors(to)):
            yield f"{page.relative_to(ROOT)}: {target}"


def test_every_link_of_a_page_leads_somewhere() -> None:
    """Files and headings alike, of the documentation and of every page beside it."""
    others = [
        *ROOT.glob("*.md"),
        ROOT / "harness" / "README.md",
        ROOT / "suites" / "README.md",
        *(ROOT / "evals").rglob("*.md"),
    ]
    faults: list[str] = []
    for page in {*PAGES, *others} - {ROOT / "CHANGELOG.md"}:
        text = _CODE.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))
        targets = [target for target in _LINK.findall(text) if not re.match(r"[a-z]+:", target)]
        faults += broken(page, targets, page.parent)
    assert sorted(faults) == []


def test_every_page_that_code_and_templates_name_is_there() -> None:
    """Of messages, docstrings, workflows and settings."""
    sources = [ROOT / "Makefile", ROOT / "pyproject.toml", *(ROOT / "harness").rglob("*.*"), *(ROOT / ".ci").iterdir()]
    sources += [
        *(ROOT / ".github").rglob("*.yml"),
        *(ROOT / ".gitlab").rglob("*.yml"),
        *(ROOT / "suites").rglob("*.py"),
    ]
    faults: list[str] = []
    for path in sources:
        if path.is_file() and path.suffix in ("", ".py", ".toml", ".yml", ".md", ".html", ".jinja", ".json"):
            text = path.read_text(encoding="utf-8")
            faults += broken(path, _NAMED.findall(text), ROOT)
    assert sorted(faults) == []


@pytest.mark.service
def test_the_site_is_built_without_a_warning_and_asks_for_nothing_elsewhere(tmp_path: Path) -> None:
    """Each page is there as HTML and as Markdown, and in llms.txt. No link of a page or of a copied file is dead."""
    site = tmp_path / "site"
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(tmp_path / "doctrees")]
    built = subprocess.run([*sphinx, DOCS, site], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    aside = {"examples", "projects", "skill"}
    names = [page_id(page) for page in PAGES if DOCS in page.parents and not aside & {*page.relative_to(DOCS).parts}]
    listed = (site / "llms.txt").read_text(encoding="utf-8")
    for name in names:
        assert f"]({name}.md)" in listed
        assert (site / f"{name}.md").is_file()
        html = (site / f"{name}.html").read_text(encoding="utf-8")
        assert re.findall(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="(?:https?:)?//', html) == []
    faults: list[str] = []
    for path in site.rglob("*.md"):
        text = _CODE.sub("", _FENCE.sub("", path.read_text(encoding="utf-8")))
        targets = [target.partition("#")[0] for target in _LINK.findall(text) if not re.match(r"[a-z]+:", target)]
        faults += [f"{path.relative_to(site)}: {each}" for each in targets if not (path.parent / each).exists()]
    for path in site.rglob("*.html"):
        targets = re.findall(r'<a [^>]*href="([^":#?]+)["#]', path.read_text(encoding="utf-8"))
        faults += [f"{path.relative_to(site)}: {each}" for each in targets if not (path.parent / each).exists()]
    assert faults == []
    assert (site / "steelyard" / "SKILL.md").is_file()
    assert not re.search(r"url\(['\"]?(?:https?:)?//", "".join(each.read_text("utf-8") for each in site.rglob("*.css")))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("", "[here](../start.md#red), fixed."),
        ("https://hub/1/", "[here](../start.md#red), [fixed](https://hub/1/SECURITY.md#x)."),
    ],
)
def test_a_link_to_a_file_beside_docs_leads_to_the_repository_or_is_text(
    address: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(DOCS)
    without_neighbours = importlib.import_module("markdown_pages").without_neighbours
    app = SimpleNamespace(srcdir=DOCS, config=SimpleNamespace(repository_files=address))
    text = "[here](../start.md#red), [fixed](../../SECURITY.md#x)."
    assert without_neighbours(text, DOCS / "howto", app) == expected


def test_paths_and_targets_that_contributors_are_told_of_are_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    missing = []
    for page in (DOCS / "contributing" / "architecture.md", ROOT / "harness" / "README.md", ROOT / "CONTRIBUTING.md"):
        text = page.read_text(encoding="utf-8")
        missing += [f"{page.name}: {path}" for path in _PATH.findall(text) if not (ROOT / path).exists()]
        missing += [f"{page.name}: make {each}" for each in set(re.findall(r"`make ([a-z]+)", text)) - targets]
    assert missing == []


def test_every_module_of_the_suites_that_a_command_names_is_there() -> None:
    stages = "|".join(sorted(each.name for each in (ROOT / "suites").iterdir() if each.is_dir()))
    pattern = re.compile(rf"^\$? ?pytest (suites/(?:{stages})/\w*)(?:\{{([\w,]+)\}})?(\w*\.py)", re.MULTILINE)
    own = [page for page in PAGES if not _PROJECT.search(page.read_text("utf-8"))]
    named = {
        each[1] + part + each[3]
        for page in own
        for each in pattern.finditer(page.read_text("utf-8"))
        for part in (each[2] or "").split(",")
    }
    assert named
    assert [each for each in sorted(named) if not (ROOT / each).exists()] == []
