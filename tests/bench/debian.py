"""Documents that nobody here wrote: the HTML of Debian's documentation packages, as they are installed.

The language of each is known by its package, and which of them are the same page by the links of the file system.
"""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_REFERENCE = Path("/usr/share/doc/debian-reference-common/docs")
_MANUALS = Path("/usr/share/man")
_DOCUMENTATION = Path("/usr/share/doc")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a package.

    Attributes:
        id: where it lies, from the root of the file system.
        language: that its package is in.
        package: name of the package.
        same_as: the id of the page that it links to; None where it is a page of its own.
        source: the file with its text.
    """

    id: str
    language: str
    package: str
    same_as: str | None
    source: Path


def pages() -> list[Page]:
    """Every page that is installed, in the order of their ids."""
    return sorted([*_reference(), *_python(), *_manuals("de"), *_manuals("fr")], key=lambda page: page.id)


def missing() -> bool:
    """Whether one of the packages, or the program that makes HTML of manual pages, is not installed."""
    found = {page.package for page in pages()}
    wanted = {"debian-reference-de", "debian-reference-fr", "python3-doc", "manpages-de", "manpages-fr"}
    return not wanted <= found or not Path("/usr/bin/mandoc").exists()


def write(folder: Path, found: Sequence[Page]) -> Path:
    """The pages as documents: `documents.jsonl.gz` with id, html, language and package of each."""
    folder.mkdir(exist_ok=True)
    path = folder / "documents.jsonl.gz"
    with ThreadPoolExecutor(2) as pool, gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as file:
        for page, html in zip(found, pool.map(_html, found), strict=True):
            document = {"id": page.id, "html": html, "language": page.language, "package": page.package}
            file.write(json.dumps(document, ensure_ascii=False) + "\n")
    return path


def _html(page: Page) -> str:
    if page.source.suffix != ".gz":
        return page.source.read_text("utf-8", errors="replace")
    manual = gzip.decompress(page.source.read_bytes())
    command = ["mandoc", "-T", "html", "-K", "utf-8"]
    return subprocess.run(command, input=manual, capture_output=True, check=False).stdout.decode("utf-8", "replace")


def _page(path: Path, language: str, package: str) -> Page:
    target = path.resolve()
    same_as = str(target).lstrip("/") if target != path else None
    return Page(str(path).lstrip("/"), language, package, same_as, target)


def _reference() -> Iterator[Page]:
    for path in _REFERENCE.glob("*.*.html"):
        language = path.suffixes[-2].lstrip(".")
        yield _page(path, language, f"debian-reference-{language}")


def _python() -> Iterator[Page]:
    for folder in _DOCUMENTATION.glob("python3.*/html"):
        if not folder.is_symlink() and not folder.parent.is_symlink():
            for path in folder.rglob("*.html"):
                yield _page(path, "en", "python3-doc")


def _manuals(language: str) -> Iterator[Page]:
    for path in (_MANUALS / language).glob("man*/*.gz"):
        if path.resolve().is_file():
            yield _page(path, language, f"manpages-{language}")
