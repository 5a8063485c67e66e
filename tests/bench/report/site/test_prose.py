"""Sentences of the Markdown pages as plain text."""

from __future__ import annotations

import pytest

from bench.report.markdown import escaped
from bench.report.site.data import Paragraph, Span
from bench.report.site.prose import prose, spans

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "a*b**c_d_ `e` [f](g) \\n ~h~ $i$ |j|",
    "&amp; &lt; &",
    "_x_",
    "漢 ±∞ — «»",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_comes_back_as_it_was(text: str) -> None:
    assert spans(escaped(text)) == [Span(text)]


def test_bold_and_code_are_stretches() -> None:
    assert spans("**Use *a*** for `--seeds 6`.".replace("*a*", escaped("*a*"))) == [
        Span("Use *a*", "b"),
        Span(" for "),
        Span("--seeds 6", "code"),
        Span("."),
    ]


def test_paragraphs_lists_and_nothing() -> None:
    assert prose("One.", "", "Two:\n\n- a\n- b") == [
        Paragraph([Span("One.")]),
        Paragraph([Span("Two:")]),
        Paragraph([Span("a")], item=True),
        Paragraph([Span("b")], item=True),
    ]
