"""The sentences of the Markdown pages as plain text in spans."""

from __future__ import annotations

import html
import re

from bench.report.site.data import Paragraph, Prose, Span

ITEM = "- "
TOKEN = re.compile(
    r"\\(?P<kept>[!-/:-@\[-`{-~])|(?P<entity>&\w+;)|(?P<mark>\*\*|`)|(?P<text>[^\\&*`]+|.)", re.S
)
STYLES = {"**": "b", "`": "code"}


def prose(*markdown: str) -> Prose:
    """The paragraphs of sentences, empty ones left out; each entry of a list is one.

    markdown  as `escaped` and the sentences write it: bold, code and lists, nothing else
    """
    return [
        Paragraph(spans(line.removeprefix(ITEM)), item=line.startswith(ITEM))
        for text in markdown
        for line in text.splitlines()
        if line
    ]


def spans(markdown: str) -> list[Span]:
    """The text of one paragraph without its marks, in stretches of one style."""
    found: list[Span] = []
    style = ""
    for token in TOKEN.finditer(markdown):
        if mark := token["mark"]:
            style = "" if style else STYLES[mark]
            continue
        text = token["kept"] or html.unescape(token["entity"] or "") or token["text"]
        if found and found[-1].style == style:
            text = found.pop().text + text
        found.append(Span(text, style))
    return found
