"""Rows of files: JSON lines and Parquet."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from harness.errors import CorpusError, shortened
from harness.stages.data.sources.document import SourceDocument, one_line, row_document

_BATCH = 64


@contextmanager
def opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked where its name ends in .gz.

    Raises:
        CorpusError: it can't be read, is no gzip file, or ends too early.
    """
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except EOFError:
        raise CorpusError(
            f"{name}: the file ends in the middle of its gzip data, so it was cut; fetch it again, or keep what there "
            f"is with: gunzip -c FILE > NEW"
        ) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise CorpusError(
            f"{name}: what it holds is no sound gzip data ({error}); fetch it again, or leave out .gz at the end of "
            "its name if it never was compressed."
        ) from None
    except OSError as error:
        raise CorpusError(f"{name}: it can't be read: {error.strerror or error}.") from None


def read_json_lines(path: Path, name: str) -> Iterator[SourceDocument]:
    """The documents of a file with a JSON object a line; empty lines are passed over.

    Raises:
        CorpusError: a line is no JSON, or no document; named by its number.
    """
    import orjson

    with opened(path, name) as file:
        for number, line in enumerate(file, 1):
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise CorpusError(f"{name}, row {number}: {_wrong(line, error)}") from None
            yield row_document(row, name, number)


def read_parquet(path: Path, name: str) -> Iterator[SourceDocument]:
    """The documents of a Parquet file, a few rows of it in memory at a time.

    Raises:
        CorpusError: it can't be read, or a row is no document.
    """
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in batch.to_pylist():
                    number += 1
                    yield row_document(row, name, number)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"{name}, after row {number}: it can't be read as Parquet: {one_line(error)}. Fetch the file again."
        ) from None


def _wrong(line: bytes, error: Any) -> str:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as broken:
        return (
            f"byte {broken.start + 1} of the row, 0x{line[broken.start]:02x}, is no UTF-8. Convert the file, for "
            "example with: iconv -f latin1 -t utf-8, or repair the row."
        )
    return f"{shortened(line.decode('utf-8').strip())} is no JSON ({error}). Write an object a line."
