"""GroupLens' archives: downloaded into the cache, verified by their checksums."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datasets import cache
from datasets.entries import Entry
from datasets.errors import DataError, NotAvailable
from datasets.temporary import TemporaryFolder


def downloaded(entry: Entry) -> Path:
    """The path of a downloaded archive in the cache."""
    return cache.folder() / "downloads" / entry.archive


@contextmanager
def fetch(entry: Entry) -> Iterator[Path]:
    """The archive, from the cache where its checksum holds, else from the network.

    pooch downloads to a file beside it and renames that once the checksum holds. Where the
    cache cannot be written, the archive is deleted after the context. Raises NotAvailable.
    """
    import pooch

    with TemporaryFolder() as temporary:
        path = downloaded(entry)
        if not path.is_file() and not cache.writable(path.parent):
            path = Path(temporary.name) / entry.archive
        web = pooch.HTTPDownloader(timeout=20)
        try:
            pooch.retrieve(entry.url, entry.checksum, path.name, path.parent, downloader=web)
        except ValueError as error:  # its text has the checksum of the file
            raise DataError(
                str(error).split("\n")[0], "Try again later", where=entry.url
            ) from error
        except OSError as error:  # requests' errors are OSErrors; their text is long
            why = f"{entry.url} cannot be downloaded ({type(error).__name__})"
            raise not_available(entry, why) from error
        yield path


def verify(entry: Entry, path: Path) -> None:
    """Verify an archive that the user provided; DataError where its checksum is wrong.

    Without effect where the fingerprint is known, since any container of those ratings is valid.
    """
    if path.name != entry.archive or entry.checksum is None or entry.fingerprint is not None:
        return
    import pooch

    algorithm, expected = entry.checksum.split(":")
    if pooch.file_hash(str(path), alg=algorithm) != expected:
        raise DataError(
            f"the archive's {algorithm} is not {expected}: it is damaged or another edition",
            f"Delete it and fetch it again from {entry.url}",
            where=path,
        )


def not_available(entry: Entry, why: str) -> NotAvailable:
    """The error that says where a dataset was searched and how to provide it."""
    provided = os.environ.get("RATEBENCH_DATA", "not set")
    return NotAvailable(
        f"{entry.name} is neither in RATEBENCH_DATA ({provided}) nor in the cache "
        f"({cache.folder()}), and {why}",
        f"Set RATEBENCH_DATA to a folder and put {entry.archive}, or its contents, into its "
        f"subfolder {entry.name}/; or connect to the network once",
    )
