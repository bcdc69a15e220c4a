"""Puts each page as Markdown beside its HTML, and a list of all into llms.txt (llmstxt.org)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pygments.lexers import TextLexer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

ABOUT = """# Steelyard

> A pytest plugin that samples language models, and applications around one, and decides with statistics: green, red or
> inconclusive, each wrong at most 5 times in 100.

- [SKILL.md]({base}steelyard/SKILL.md): how a coding assistant writes an evaluation for a project.
"""


_LINK = re.compile(r"(\[[^\[\]]*\])\(([^)\s:#]+)(#[^)\s]*)?\)")


def keep_within(app: Sphinx, page: str, source: list[str]) -> None:
    """Have links to Markdown of docs that is no page, such as a rubric, lead to the file itself."""
    folder = Path(app.env.doc2path(page)).parent

    def link(found: re.Match[str]) -> str:
        file = (folder / found[2]).resolve()
        is_page = app.project.path2doc(file) in app.env.found_docs
        return found[0] if is_page or file.suffix != ".md" or not file.is_file() else f"{found[1]}(path:{found[2]})"

    source[0] = _LINK.sub(link, without_neighbours(source[0], folder, app))


def without_neighbours(text: str, folder: Path, app: Sphinx) -> str:
    """Return a page whose links to files beside docs lead to them at `repository_files`, or are their text without it.

    A copy of such a file would have links of its own, to what the site lacks.
    """
    docs, address = Path(app.srcdir).resolve(), app.config.repository_files.rstrip("/")

    def link(found: re.Match[str]) -> str:
        label, path, anchor = found.groups("")
        file = (folder / path).resolve()
        if file.is_relative_to(docs) or not file.exists():
            return found[0]
        return f"{label}({address}/{file.relative_to(docs.parent)}{anchor})" if address else label[1:-1]

    return _LINK.sub(link, text)


def in_order(environment: BuildEnvironment, page: str = "index") -> Iterator[str]:
    """Yield all pages as the table of contents has them."""
    yield page
    for child in environment.toctree_includes.get(page, []):
        yield from in_order(environment, child)


def first_sentence(text: str) -> str:
    """Return the first sentence of a page below its title, without links and marks."""
    body = re.sub(r"^```.*?^```$|^(?:%|#|\()[^\n]*$", "", text, flags=re.MULTILINE | re.DOTALL)
    paragraph = next((each for each in body.split("\n\n") if re.match(r"\s*[\w*`\[]", each)), "")
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|\*", r"\1", " ".join(paragraph.split()))
    return re.split(r"(?<=[.?]) ", plain, maxsplit=1)[0]


def places(app: Sphinx) -> dict[Path, str]:
    """Return where the site has the files that are no pages: images, downloads and what is copied as it is."""
    source = Path(app.srcdir)
    found = {source / path: f"_images/{name}" for path, (_, name) in app.env.images.items()}
    found |= {source / path: f"_downloads/{name}" for path, (_, name) in app.env.dlfiles.items()}
    folders = [source / each for each in app.config.html_extra_path]
    found |= {path: path.relative_to(each).as_posix() for each in folders for path in each.rglob("*.*")}
    return {path.resolve(): place for path, place in found.items()}


def as_on_site(text: str, folder: str, source: Path, known: Mapping[Path, str]) -> str:
    """Return a page whose links to files of docs lead to where the site has them."""

    def link(found: re.Match[str]) -> str:
        label, path, anchor = found.groups("")
        file = (source / folder / path).resolve()
        place = known.get(file)
        return f"{label}({posixpath.relpath(place, folder or '.')}{anchor})" if place else found[0]

    return _LINK.sub(link, text)


def write_pages(app: Sphinx, exception: Exception | None) -> None:
    """Write what those read who read no HTML."""
    if exception is not None or app.builder.format != "html":
        return
    base = app.config.html_baseurl and app.config.html_baseurl.rstrip("/") + "/"
    lines, section, known = [ABOUT.format(base=base)], "", places(app)
    for page in in_order(app.env):
        text = Path(app.env.doc2path(page)).read_text(encoding="utf-8")
        target = Path(app.outdir, f"{page}.md")
        folder = page.rpartition("/")[0]
        text = without_neighbours(text, Path(app.srcdir, folder), app)
        text = as_on_site(text, folder, Path(app.srcdir), known)
        target.write_text(re.sub(r"^% .*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
        if folder != section:
            section = folder
            lines.append(f"\n## {section.replace('/', ': ')}\n\n")
        lines.append(f"- [{app.env.titles[page].astext()}]({base}{page}.md): {first_sentence(text)}\n")
    Path(app.outdir, "llms.txt").write_text("".join(lines), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx call what is above, and colour what these pages show."""
    for language in ("jsonl", "gitignore"):
        app.add_lexer(language, TextLexer)
    app.add_config_value("repository_files", "", "env", str)
    app.connect("source-read", keep_within)
    app.connect("build-finished", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
