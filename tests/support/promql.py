"""Expressions of Prometheus taken apart, to ask a stack on which nothing is wrong whether it has what they speak of."""

from __future__ import annotations

import re
from collections.abc import Iterator

import promql_parser
from promql_parser import BinaryExpr, Call, Expr, ParenExpr, VectorSelector

COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})
SETS = frozenset({"and", "or", "unless"})
# As the parser writes it; no label of ours says so.
_OFFSET = re.compile(r" offset -?\w+")
ABSENCE = frozenset({"absent", "absent_over_time"})


def figures(expression: str) -> list[str]:
    """The parts of an expression that have a value where nothing is wrong.

    Comparisons answer 0 or 1 instead of leaving out what is right, the two sides of `and`, `or` and `unless` stand for
    themselves, what is to be noticed when it is absent is asked for, and what was some time ago is asked for as it is.
    Constants are left out.

    Raises ValueError for what is no expression.
    """
    parts = [_OFFSET.sub("", str(part)) for part in _parts(promql_parser.parse(expression))]
    return [part for part in parts if selectors(part)]


def selectors(expression: str) -> list[str]:
    """Every selection of series in it, such as `up{job="edge"}`, without ranges and offsets."""
    found: list[str] = []
    for selector in _selectors(promql_parser.parse(expression)):
        matchers = ",".join(str(matcher) for matcher in selector.matchers.matchers)
        found.append(f"{selector.name or ''}{{{matchers}}}")
    return found


def names(expression: str) -> set[str]:
    """The names of all series in it; those chosen by nothing but labels are left out."""
    return {selector.name for selector in _selectors(promql_parser.parse(expression)) if selector.name}


def _parts(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, ParenExpr):
        yield from _parts(expr.expr)
    elif isinstance(expr, BinaryExpr) and _operator(expr) in SETS:
        yield from _parts(expr.lhs)
        yield from _parts(expr.rhs)
    elif isinstance(expr, Call) and expr.func.name in ABSENCE:
        yield from _parts(expr.args[0])
    elif inner := _sets_in(expr):
        for part in inner:
            yield from _parts(part)
    else:
        yield promql_parser.transform(expr, post_visit=_answering)


def _sets_in(expr: Expr) -> list[Expr]:
    """The outermost sets inside: what is made of them cannot be asked for, but they can."""
    found: list[Expr] = []
    covered: list[str] = []

    def visit(node: Expr) -> None:
        if isinstance(node, BinaryExpr) and _operator(node) in SETS and not any(str(node) in text for text in covered):
            found.append(node)
            covered.append(str(node))

    promql_parser.walk(expr, pre_visit=visit)
    return found


def _answering(node: Expr) -> Expr | None:
    """A comparison that answers 0 or 1; None for anything else."""
    if not isinstance(node, BinaryExpr) or _operator(node) not in COMPARISONS:
        return None
    if node.modifier is not None and node.modifier.return_bool:
        return None
    matching = "" if node.modifier is None else str(node.modifier)
    return promql_parser.parse(f"({node.lhs}) {_operator(node)} bool {matching} ({node.rhs})")


def _operator(expr: BinaryExpr) -> str:
    return str(expr.op).strip()


def _selectors(expr: Expr) -> list[VectorSelector]:
    found: list[VectorSelector] = []

    def visit(node: Expr) -> None:
        if isinstance(node, VectorSelector):
            found.append(node)

    promql_parser.walk(expr, pre_visit=visit)
    return found
