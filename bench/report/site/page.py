"""The page: one file that holds all it needs, and makes no request."""

from __future__ import annotations

import base64
import gzip
import json
import re
from functools import cache
from importlib.resources import files

import vl_convert

from bench.report.site import charts
from bench.report.site.data import Site, as_json

SCRIPTS = ("elements", "data", "address", "table", "runs", "plot", "results", "others", "start")
"""In the order in which they are joined."""

VEGA = f"https://cdn.jsdelivr.net/npm/vega@{vl_convert.get_vega_version()}/+esm"
"""What vl-convert calls its own copy of Vega; nothing is fetched."""


def page(site: Site) -> str:
    """The page of these data."""
    parts = {
        "styles": _text("page.css"),
        "data": as_json(site),
        "charts": chart_specs(),
        "scripts": _safe(_closed("".join(_text(f"scripts/{name}.js") for name in SCRIPTS))),
        "runtime": base64.b64encode(gzip.compress(runtime().encode(), mtime=0)).decode(),
    }
    return re.sub(r"<!--\{(\w+)\}-->", lambda found: parts[found[1]], _text("page.html"))


@cache
def chart_specs() -> str:
    """The charts as JSON: the same for any data."""
    return _safe(json.dumps(charts.specs(), separators=(",", ":")))


@cache
def runtime() -> str:
    """Vega without Vega-Lite, from the locked package."""
    snippet = f'import {{View, parse}} from "{VEGA}"; window.vega = {{View, parse}};'
    return _closed(vl_convert.javascript_bundle(snippet))


def _closed(script: str) -> str:
    """With names of its own."""
    return f"(() => {{\n{script}\n}})();"


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _safe(script: str) -> str:
    """JavaScript or JSON that neither ends its element nor begins a comment."""
    return re.sub(r"<(?=/script|!--)", r"<\\", script, flags=re.IGNORECASE)
