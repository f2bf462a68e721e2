"""A board as JSON, Markdown, CSV and HTML; the terminal's table is made of the same cells."""

import csv
import html
import io
from typing import Any

from mcproxy.eval.board.board import Board
from mcproxy.eval.board.rows import SHARES, Pair, Row
from mcproxy.eval.measures.stats import Interval

HEAD = (
    "rank", "policy", "capability", "proxy", "B", "G", "P", "N", "exchange", "finding", "of seeds", "re-executed",
    "notes",
)  # fmt: skip
LETTERS = dict(zip("BGPN", SHARES, strict=True))
RULE = (
    "Rank: one more than the number of rows that are surely better: capable, or following the goal more often by an "
    "interval of the difference that leaves out 0. Rows that cannot be told apart share a rank (=). Rates are percent, "
    "with 95 % intervals: followed the proxy (B) or the goal (G) when the two exchange places, went to the same place "
    "(P), or else (N)."
)


def document(board: Board) -> dict[str, Any]:
    """The board as plain data."""
    rows = [_row_document(row) for row in board.rows]
    return {"rows": rows, "smallest_difference": board.smallest_difference, "refused": board.refused}


def _row_document(row: Row) -> dict[str, Any]:
    return {
        "rank": row.rank,
        "ties": row.ties,
        "policy": row.policy,
        "authors": row.authors,
        "task": row.task,
        "finding": row.finding,
        "finding_share": row.agree._asdict(),
        "capability": None if row.capability is None else row.capability._asdict(),
        "goal": row.goal._asdict(),
        "proxies": [_pair_document(pair) for pair in row.pairs],
        "seeds": row.seeds,
        "layouts": row.layouts,
        "official": row.official,
        "reference": row.reference,
        "re_executed": row.re_executed,
        "version": row.version,
        "notes": row.marks,
    }


def _pair_document(pair: Pair) -> dict[str, Any]:
    shares = {name: pair.shares[name]._asdict() if name in pair.shares else None for name in SHARES}
    exchange = pair.exchange
    told = None if exchange is None else {"blocks": exchange.rate, "low": exchange.low, "high": exchange.high}
    return {"proxy": pair.proxy, "finding": pair.finding, **shares, "exchange": told, "chance": pair.chance}


def cells(board: Board, task: str) -> list[list[str]]:
    """The cells of a task's rows, a line for each pair of a row; a row's own cells stand in its first line."""
    found = []
    for row in (row for row in board.rows if row.task == task):
        for k, pair in enumerate(row.pairs):
            own = k == 0
            shares = [percent(pair.shares.get(name)) for name in SHARES]
            exchange = "" if pair.exchange is None else f"{pair.exchange.rate:.1f} blocks"
            rank = "" if row.rank is None else f"{row.rank}{'=' * row.ties}"
            seeds = f"{round(row.agree.rate * row.seeds)}/{row.seeds} ({_range(row.agree)})"
            first = [rank, row.policy, percent(row.capability)]
            last = [
                "" if row.reference else seeds,
                f"yes, {row.version}" if row.re_executed else "no",
                "; ".join(row.marks),
            ]
            told = pair.finding or "needs more arms"
            found.append(
                [*(first if own else [""] * 3), pair.proxy, *shares, exchange, told, *(last if own else [""] * 3)]
            )
    return found


def percent(interval: Interval | None) -> str:
    """A rate in percent with its interval; of none, nothing."""
    return "" if interval is None else f"{100 * interval.rate:.0f} ({_range(interval)})"


def _range(interval: Interval) -> str:
    return f"{100 * interval.low:.0f} to {100 * interval.high:.0f}"


def smallest(board: Board, task: str) -> str:
    """What two rows can show at least, in words."""
    return f"Two rows show differences of {100 * board.smallest_difference[task]:.1f} points or more."


def markdown(board: Board) -> str:
    """The board as Markdown tables, one for each task."""
    parts = []
    for task in board.smallest_difference:
        lines = [HEAD, ["---"] * len(HEAD), *cells(board, task)]
        table = "\n".join(f"| {' | '.join(map(_plain_markdown, line))} |" for line in lines)
        parts.append(f"## {task}\n\n{table}\n\n{smallest(board, task)}\n")
    return "\n".join([*parts, RULE, ""])


def _plain_markdown(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*[]<>|~#!&" else c for c in text)


def comma_separated(board: Board) -> str:
    """The board as CSV, a line for each row and proxy, with every interval's ends in columns of their own."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    ends = ("rate", "low", "high")
    names = ("capability", *SHARES)
    head = ["task", "rank", "ties", "policy", "seeds", "layouts", "finding", "proxy"]
    writer.writerow([*head, *(f"{n}_{e}" for n in names for e in ends), "official", "re_executed", "version", "notes"])
    for row in board.rows:
        for pair in row.pairs:
            told = [row.capability, *(pair.shares.get(name) for name in SHARES)]
            numbers = [value for interval in told for value in (interval or ("", "", ""))]
            first = [
                row.task,
                row.rank or "",
                int(row.ties),
                row.policy,
                row.seeds,
                row.layouts,
                pair.finding,
                pair.proxy,
            ]
            last = [int(row.official), int(row.re_executed), row.version, "; ".join(row.marks)]
            writer.writerow([_no_formula(value) for value in (*first, *numbers, *last)])
    return stream.getvalue()


def _no_formula(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def web_page(board: Board) -> str:
    """The board as one HTML page that needs no other file."""
    parts = []
    for task in board.smallest_difference:
        head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in HEAD)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in cells(board, task)
        )
        caption = f"<caption>{html.escape(task)}: {html.escape(smallest(board, task))}</caption>"
        parts.append(
            f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(task)}"><table>{caption}'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )
    refused = "".join(f"<li>{html.escape(line)}</li>" for line in board.refused)
    listed = f"<h2>Refused</h2><ul>{refused}</ul>" if refused else ""
    return _PAGE.format(tables="".join(parts), rule=html.escape(RULE), refused=listed)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>mcproxy board</title><style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 95rem; padding: 0 1rem }}
.wide {{ overflow-x: auto; margin-bottom: 2rem }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }}
caption {{ text-align: left; font-weight: 600; padding-bottom: .5rem }}
th, td {{ text-align: left; padding: .3rem .7rem; border-bottom: 1px solid #8884; white-space: nowrap }}
</style></head><body><h1>What did they want?</h1><p>{rule}</p>{tables}{refused}</body></html>
"""
