"""Archives and catalog entries for the tests of datasets."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import pytest

from datasets import catalog


def zipped(members: dict[str, str]) -> bytes:
    """A zip archive of files by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def change_entry(monkeypatch: pytest.MonkeyPatch, name: str, **fields: object) -> None:
    """Change fields of a set's entry in the catalog, for one test."""
    monkeypatch.setitem(catalog.CATALOG, name, replace(catalog.CATALOG[name], **fields))
