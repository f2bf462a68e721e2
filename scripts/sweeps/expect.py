"""What a plan promises before its first run, and whether the results keep it: the `[expect]` table of a plan.

    [expect]
    metric     = "R = B - G of the beacon, over ten seeds"          in words
    prediction = "R at rho 1 exceeds R at rho 1/4 by more than .5"
    falsifier  = "the difference is below .3"
    stopping   = "ten seeds a group, 200 layouts of the split test; none is added"
    value      = "R(1) - R(1/4)"                                    what is reported, with its interval
    held       = "R(1).low - R(1/4).high > 0.5"                     a comparison of interval ends and numbers
    falsified  = "R(1).high - R(1/4).low < 0.3"

The terms of a rule; GROUP is a group of the plan, by its name or by the value that only it has of some setting:

    B(GROUP), G, P, N      the shares of the quartets of the task's first proxy;  R(GROUP) is B - G
    rate(GROUP, ARM, OBJECTIVE)      the share of layouts in which the objective was met first
    capability(GROUP, ARM)           0 at random's return, 1 at the expert's
    slope(GROUP, ARM, OBJECTIVE)     by how much that rate rises, over the snapshots, for each doubling of the steps

Each has `.rate`, `.low` and `.high`, the mean over the training seeds and its 95 % interval. `and`, or `or`,
joins comparisons.

The plan's first start registers it: its hash, the commit that it is in, the time and the kind of machine are written
into OUT/registered.json. After that the table cannot change, and no other kind of machine can add to the results.
"""

import ast
import hashlib
import json
import math
import operator
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mcproxy import errors, machine
from mcproxy.errors import UserError
from mcproxy.files import whole

if TYPE_CHECKING:
    from mcproxy.eval.measures.stats import Interval

FILE = "registered.json"
WORDS, RULES = ("metric", "prediction", "falsifier", "stopping"), ("value", "held", "falsified")
HELD, FALSIFIED, OPEN = "held", "falsified", "open"
SHARES = {"B": "both_proxy", "G": "both_goal", "P": "same_place", "N": "neither"}
RELIANCE, RATE, CAPABILITY, SLOPE = "R", "rate", "capability", "slope"
TERMS = {**dict.fromkeys((*SHARES, RELIANCE), 1), RATE: 3, CAPABILITY: 2, SLOPE: 3}  # how many arguments each takes
ENDS = ("rate", "low", "high")
_SUMS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISONS: dict[type, Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.Gt: operator.gt,
    ast.LtE: operator.le,
    ast.GtE: operator.ge,
}

Groups = Mapping[str, Mapping[str, Any]]  # the settings of each group of a plan
Terms = Callable[[str, Sequence[str]], "Interval"]  # a term and its arguments, the group's name first


def check(table: Any, groups: Groups, arms: Sequence[str], snapshots: bool, where: str) -> dict[str, str]:
    """The `[expect]` table of a plan, checked; a mistake in it is a `UserError` that names its place."""
    if not isinstance(table, dict):
        raise UserError(f"{where}: expected a table [expect]")
    for key in table:
        if key not in (*WORDS, *RULES):
            raise errors.unknown(f"setting in [expect] of {where}", key, (*WORDS, *RULES))
    for key in (*WORDS, *RULES):
        if not isinstance(table.get(key), str) or not table[key].strip():
            raise UserError(f"{where}: [expect] has no {key}: expected a sentence" + " or a rule" * (key in RULES))

    from mcproxy.eval.measures.stats import Interval

    def known(term: str, arguments: Sequence[str]) -> "Interval":
        if term in (RATE, CAPABILITY, SLOPE) and arguments[1] not in arms:
            raise errors.unknown("arm that the plan evaluates", arguments[1], arms)
        if term == SLOPE and not snapshots:
            raise UserError("slope: expected snapshots in [evaluate], as a slope is over snapshots")
        return Interval(0.5, 0.5, 0.5)

    for key in RULES:
        try:
            (_value if key == "value" else _holds)(table[key], groups, known)
        except UserError as error:
            raise UserError(f"{where}: {key} in [expect]: {error}") from None
    return table


def register(table: Mapping[str, str], plan: Path, out: Path) -> dict[str, str]:
    """The registration of a plan, made now if this is its first start.

    A table that was changed since, or another kind of machine, is a `UserError`.
    """
    content = plan.read_bytes()
    now = {
        "hash": _digest(json.dumps({key: table[key] for key in (*WORDS, *RULES)}).encode()),
        "plan_hash": _digest(content),
        "commit": _commit_of(plan),
        "registered": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine.kind(),
    }
    file = out / FILE
    if not file.exists():
        out.mkdir(parents=True, exist_ok=True)
        with whole(file) as part:
            part.write_text(json.dumps(now, indent=1) + "\n")
        return now
    then = registered(out)
    if then["hash"] != now["hash"]:
        raise UserError(
            f"{plan}: [expect] was changed after {then['registered']}, when the first run began: restore it"
        )
    if then["machine"] != now["machine"]:
        raise UserError(
            f"{out} was begun on {then['machine']}, this is {now['machine']}: compare only what one kind of machine ran"
        )
    return then


def registered(out: Path) -> dict[str, str]:
    """The registration in a sweep's folder."""
    try:
        found = json.loads((out / FILE).read_text())
        return {key: str(found[key]) for key in ("hash", "plan_hash", "commit", "registered", "machine")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{out / FILE}: is damaged or missing ({type(error).__name__}): begin the sweep anew") from None


def judge(
    table: Mapping[str, str], groups: Groups, terms: Terms, is_complete: bool, then: Mapping[str, str]
) -> dict[str, Any]:
    """The part of a summary that says what was promised, and whether it held: by the rules, never by hand.

    While runs are missing, and where neither rule is met, the outcome is `open`.
    """
    said = {key: table[key] for key in (*WORDS, *RULES)}
    expect = said | {key: then[key] for key in ("hash", "commit", "registered", "machine")}
    try:
        value = _value(table["value"], groups, terms)
        met = {key: _holds(table[key], groups, terms) for key in (HELD, FALSIFIED)}
    except UserError:  # a group has no result yet
        return {"expect": expect, "outcome": OPEN, "value": None, "low": None, "high": None}
    outcome = OPEN
    if is_complete and met[HELD] != met[FALSIFIED]:
        outcome = HELD if met[HELD] else FALSIFIED
    return {"expect": expect, "outcome": outcome, "value": value.rate, "low": value.low, "high": value.high}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _commit_of(plan: Path) -> str:
    """The commit that has the plan as it is now, "" if none has it."""
    folder, name = str(plan.resolve().parent), plan.resolve().name

    def git(*arguments: str) -> str | None:
        try:
            run = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=False)
        except OSError:
            return None
        return run.stdout.strip() if run.returncode == 0 else None

    if git("status", "--porcelain", "--", name) != "":
        return ""
    return git("log", "-1", "--format=%H", "--", name) or ""


def _group(label: str, groups: Groups) -> str:
    """The group that a label in a rule means."""
    if label in groups:
        return label
    settings = {key for chosen in groups.values() for key in chosen}
    varied = [key for key in settings if len({str(chosen.get(key)) for chosen in groups.values()}) > 1]
    found = {g for g, chosen in groups.items() for key in varied if key in chosen and _same(label, chosen[key])}
    if len(found) != 1:
        raise errors.unknown("group of the plan", label, list(groups))
    return found.pop()


def _same(label: str, value: Any) -> bool:
    """Whether a label means the value of a setting, 1/4 being .25."""
    if isinstance(value, str | bool):
        return label == str(value)
    try:
        return math.isclose(float(Fraction(label)), value)
    except (ValueError, ZeroDivisionError):
        return False


def _parsed(rule: str) -> ast.expr:
    try:
        return ast.parse(rule.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UserError(f"{rule!r} is not a rule: expected such as R(1).low - R(1/4).high > 0.5") from None


def _term(node: ast.expr, rule: str, groups: Groups, terms: Terms) -> "Interval":
    """The interval of one term, `R(1/4)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.keywords:
        raise UserError(f"{ast.unparse(node)!r} in {rule!r}: expected a term, such as R(1)")
    name, arguments = node.func.id, [ast.unparse(a).replace(" ", "").strip("'\"") for a in node.args]
    if name not in TERMS:
        raise errors.unknown("metric", name, TERMS)
    if len(arguments) != TERMS[name]:
        raise UserError(f"{ast.unparse(node)!r} in {rule!r}: expected {TERMS[name]} arguments")
    return terms(name, [_group(arguments[0], groups), *arguments[1:]])


def _number(node: ast.expr, rule: str, groups: Groups, terms: Terms) -> float:
    """The value of an expression of numbers and ends of intervals."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_number(node.operand, rule, groups, terms)
    if isinstance(node, ast.BinOp) and type(node.op) in _SUMS:
        left, right = (_number(side, rule, groups, terms) for side in (node.left, node.right))
        if isinstance(node.op, ast.Div) and right == 0.0:
            raise UserError(f"{rule!r} divides by 0")
        return _SUMS[type(node.op)](left, right)
    if isinstance(node, ast.Attribute) and node.attr in ENDS:
        return float(getattr(_term(node.value, rule, groups, terms), node.attr))
    raise UserError(f"{ast.unparse(node)!r} in {rule!r}: expected numbers and ends of intervals, such as R(1).low")


def _holds(rule: str, groups: Groups, terms: Terms) -> bool:
    """Whether a rule is met."""
    node = _parsed(rule)
    parts = node.values if isinstance(node, ast.BoolOp) else [node]
    met = []
    for part in parts:
        if not isinstance(part, ast.Compare) or len(part.ops) != 1 or type(part.ops[0]) not in _COMPARISONS:
            raise UserError(f"{rule!r}: expected a comparison, such as R(1).low - R(1/4).high > 0.5")
        left, right = (_number(side, rule, groups, terms) for side in (part.left, part.comparators[0]))
        met.append(_COMPARISONS[type(part.ops[0])](left, right))
    return any(met) if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) else all(met)


def _value(rule: str, groups: Groups, terms: Terms) -> "Interval":
    """The value that is reported, a term or the difference of two, with its interval.

    The interval of a difference is MOVER's (Zou and Donner 2008, Statistics in Medicine 27): the distances of the two
    means from their own ends, added in squares.
    """
    from mcproxy.eval.measures.stats import Interval

    node = _parsed(rule)
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
        return _term(node, rule, groups, terms)
    one, other = (_term(side, rule, groups, terms) for side in (node.left, node.right))
    mean = one.rate - other.rate
    low = mean - math.hypot(one.rate - one.low, other.high - other.rate)
    high = mean + math.hypot(one.high - one.rate, other.rate - other.low)
    return Interval(mean, low, high)
