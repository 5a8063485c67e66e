"""Text is read and written as UTF-8, whatever the locale's encoding."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("bench", "impls", "datasets", "tests/support")


def without_encoding(source: str) -> Iterator[int]:
    """Lines of calls that read, write or pipe text in the locale's encoding."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _is_text(node):
            given = {keyword.arg for keyword in node.keywords}
            if "encoding" not in given:
                yield node.lineno


def _is_text(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    if name in ("read_text", "write_text"):
        return True
    if name in ("open", "fdopen"):
        modes = [each for each in call.args if isinstance(each, ast.Constant)]
        modes += [each.value for each in call.keywords if each.arg == "mode"]
        mode = next((m.value for m in modes if isinstance(m.value, str) and m.value), "")
        letters = mode and set(mode) <= set("rwabxt+")
        plain = isinstance(call.func, ast.Name) or name == "fdopen"
        return "b" not in mode if letters else plain
    true = {each.arg for each in call.keywords if getattr(each.value, "value", None) is True}
    return bool(true & {"text", "universal_newlines"})


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_text_names_its_encoding(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in without_encoding(path.read_text(encoding="utf-8"))
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("path.read_text()", True),
        ("path.write_text('x')", True),
        ("path.read_text(encoding='utf-8')", False),
        ("open(path)", True),
        ("open(path, 'rb')", False),
        ("path.open('w')", True),
        ("path.open('ab')", False),
        ("source.open()", False),
        ("os.fdopen(3)", True),
        ("subprocess.run([], text=True)", True),
        ("subprocess.run([], encoding='utf-8')", False),
    ],
)
def test_a_call_in_the_locales_encoding_is_found(call: str, found: bool) -> None:
    assert bool(list(without_encoding(call))) == found
