"""What mkdocs cannot do by itself for this site: results as pages, and maths without JavaScript."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import griffe
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and plots that `bench report` wrote, under results/."""
    for path in sorted([*ROOT.glob("results/*.md"), *ROOT.glob("results/plots/*.png")]):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """In the repository the results lie beside docs/, on the site below the same root."""
    return markdown.replace("](../results/", "](results/")


def on_page_content(html: str, **_: Any) -> str:
    """Write each formula as MathML, which browsers show without a script."""
    return re.sub(r'<(span|div) class="arithmatex">(.*?)</\1>', _mathml, html, flags=re.DOTALL)


def _mathml(found: re.Match[str]) -> str:
    tex = unescape(found[2])[2:-2]  # without \( \) or \[ \]
    return convert(tex, display="block" if found[1] == "div" else "inline")


class AlignedColumns(griffe.Extension):
    """Show a docstring's aligned columns as they are written."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            paragraphs = re.split(r"\n\s*\n", obj.docstring.value)
            obj.docstring.value = "\n\n".join(map(_preformatted, paragraphs))


def _preformatted(paragraph: str) -> str:
    lines = paragraph.split("\n")
    aligned = [line for line in lines if re.search(r"\S {2,}\S", line)]
    return "\n".join(f"    {line}" for line in lines) if len(aligned) >= 2 else paragraph
