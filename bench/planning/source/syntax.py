"""Statements of Python as syntax trees: what of them carries meaning, and which names they use."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

IGNORED_FIELDS = ("ctx", "type_comment", "type_params", "kind")
"""Parts of a syntax tree that carry no meaning here, or that only some Pythons have."""


def canonical(node: ast.AST, renamed: Mapping[str, str], imports: bool = False) -> str:
    """The tree as text without places, comments, docstrings and old names, and without imports
    unless these count; "" for nothing left."""
    tree = _tree(node, renamed, imports)
    return "" if tree is None else json.dumps(tree, ensure_ascii=False)


def _tree(value: Any, renamed: Mapping[str, str], imports: bool) -> Any:
    if _is_text(value) or (isinstance(value, ast.Import | ast.ImportFrom) and not imports):
        return None
    if isinstance(value, ast.Constant):
        constant = value.value
        constant = renamed.get(constant, constant) if isinstance(constant, str) else constant
        return ["Constant", type(constant).__name__, repr(constant)]
    if isinstance(value, ast.AST):
        parts = (
            (name, _tree(part, renamed, imports))
            for name, part in ast.iter_fields(value)
            if name not in IGNORED_FIELDS
        )
        fields = {name: tree for name, tree in parts if tree not in (None, [])}
        return [type(value).__name__, fields]
    if isinstance(value, list):
        # None is a part of some lists: of a dict's keys, it is `**`.
        trees = (["None"] if each is None else _tree(each, renamed, imports) for each in value)
        return [tree for tree in trees if tree is not None]
    return renamed.get(value, value) if isinstance(value, str) else value  # or an int, or None


def _is_text(node: object) -> bool:
    """A docstring, or a string that stands as a comment does."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def bound_names(statement: ast.stmt) -> list[str]:
    """Names that a top-level statement binds in its module; imports are apart."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    return sorted(
        {
            node.id
            for node in ast.walk(statement)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        | {
            node.name
            for node in ast.walk(statement)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        }
    )


def used_names(trees: Iterable[ast.AST]) -> Iterator[str]:
    """Every name in the trees, as often as it stands there; attributes are none."""
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                yield node.id


def dotted(node: ast.AST) -> list[str]:
    """`a.b.c` as its names; [""] of anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id if isinstance(node, ast.Name) else "", *reversed(names)]
