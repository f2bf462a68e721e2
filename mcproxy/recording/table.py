"""The episodes of a recording as columns, and expressions over columns that choose and order them.

    table = recording.table()
    chosen = matching(table, 'verdict == "proxy:beacon" and closest.goal < 3')

An expression has columns by name (`met.goal` for the column `met/goal`), numbers, strings, `+ - * /`, comparisons, `in`
with a list, `and`, `or` and `not`. It is parsed and computed here: nothing of it is run as Python.
"""

import ast
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from mcproxy import errors
from mcproxy.episode import Episode
from mcproxy.errors import UserError

Columns = dict[str, np.ndarray]

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda left, right: np.isin(left, right),
    ast.NotIn: lambda left, right: ~np.isin(left, right),
}
_COMPUTE: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
MAX_EXPRESSION = 1000  # characters


def table_of(episodes: Iterable[Episode]) -> Columns:
    """The episodes as columns of one length E.

    seed, ticks          int64: the layout's seed, the ticks that the episode took
    task, arm, policy, verdict   strings
    met/NAME             int64, by objective: the first tick at which it was met, -1 for never
    closest/NAME         float64, by objective: the least distance over the ground, in blocks, between the feet and the
                         middle of a block position at which it can be met; NaN for an objective without a position
    """
    rows = [_row(episode) for episode in episodes]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}


def matching(columns: Mapping[str, np.ndarray], expression: str) -> np.ndarray:
    """The rows for which an expression is true: (E,) bool; a mistake in the expression is a `UserError`."""
    found = value_of(columns, expression)
    if found.dtype != bool:
        raise UserError(f"{expression!r}: expected a condition, such as 'ticks > 100'")
    return found


def value_of(columns: Mapping[str, np.ndarray], expression: str) -> np.ndarray:
    """The value of an expression for every row: (E,); a mistake in the expression is a `UserError`."""
    if len(expression) > MAX_EXPRESSION:
        raise UserError(f"an expression of {len(expression)} characters: expected {MAX_EXPRESSION} at most")
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise UserError(f"{expression!r} is no expression, such as 'ticks > 100 and met.goal < 0'") from None
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(_value(tree, columns))
    except (TypeError, np.exceptions.DTypePromotionError, OverflowError, ZeroDivisionError, RecursionError) as error:
        raise UserError(f"{expression!r} cannot be computed: {' '.join(str(error).split())}") from None
    return np.broadcast_to(found, (len(next(iter(columns.values()), ())),))


def framed(columns: Columns, library: str) -> Any:
    """The columns as a DataFrame of `pandas` or `polars`, whichever is named; a missing library is a `UserError`."""
    if library not in ("pandas", "polars"):
        raise errors.unknown("library of tables", library, ("pandas", "polars"))
    try:
        module = __import__(library)
    except ImportError:
        raise UserError(f"{library} is not installed: pip install {library}, or use the columns as they are") from None
    return module.DataFrame(columns)


def _row(episode: Episode) -> dict[str, Any]:
    origin = episode.origin
    row = {"seed": origin.seed, "task": origin.task, "arm": origin.arm, "policy": episode.policy}
    row |= {"verdict": episode.verdict, "ticks": int(episode.ticks[-1])}
    row |= {f"met/{name}": tick for name, tick in episode.met.items()}
    return row | {f"closest/{name}": _closest(episode, name) for name in episode.met}


def _closest(episode: Episode, name: str) -> float:
    cells = episode.mission.targets(name)
    if len(cells) == 0:
        return float("nan")
    away = cells[:, None, [0, 2]] + 0.5 - episode.poses[None, :, [0, 2]]  # (K, T + 1, 2)
    return float(np.hypot(away[..., 0], away[..., 1]).min())


def _value(node: ast.expr, columns: Mapping[str, np.ndarray]) -> Any:
    """The value of one node of an expression: a column, a number, a string or a list of these."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    if isinstance(node, ast.Name | ast.Attribute):
        return _column(ast.unparse(node), columns)
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(part, columns) for part in node.elts]
    if isinstance(node, ast.BoolOp):
        parts = [_truth(part, columns) for part in node.values]
        return (np.logical_and if isinstance(node.op, ast.And) else np.logical_or).reduce(parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ~_truth(node.operand, columns)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -np.asarray(_value(node.operand, columns))
    if isinstance(node, ast.BinOp) and type(node.op) in _COMPUTE:
        left, right = (np.asarray(_value(part, columns)) for part in (node.left, node.right))
        return _COMPUTE[type(node.op)](left, right)
    if isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
        values = [_value(part, columns) for part in (node.left, *node.comparators)]
        pairs = zip(values, node.ops, values[1:], strict=False)
        return np.logical_and.reduce([_COMPARE[type(op)](left, right) for left, op, right in pairs])
    raise UserError(f"{ast.unparse(node)!r} cannot be used here: expected columns, numbers, strings and comparisons")


def _truth(node: ast.expr, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    found = np.asarray(_value(node, columns))
    if found.dtype != bool:
        raise UserError(f"{ast.unparse(node)!r} is not true or false: expected a comparison")
    return found


def _column(name: str, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    named = {column.replace("/", "."): column for column in columns}
    if name not in named:
        raise errors.unknown("column", name, named)
    return columns[named[name]]
