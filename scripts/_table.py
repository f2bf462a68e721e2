"""The verdict table, as evaluate and leaderboard print it: a line a policy and arm, every rate with its interval."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcproxy.eval.finding import Finding, Row, in_words
from mcproxy.eval.stats import Interval

PLAIN_WIDTH = 120  # columns where stdout is no terminal


def show(title: str, groups: Iterable[tuple[str, Sequence[Row]]], findings: Sequence[Finding]) -> None:
    """Print the rows of each named policy, and below them the findings in words.

    Names come from outside: they are shown as they are, never read as markup.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    groups = list(groups)
    proxies = list(dict.fromkeys(name for _, rows in groups for row in rows for name in row.proxies))
    table = Table(title=Text(title), title_justify="left", caption="share of episodes with its 95 % interval")
    for heading in ("policy", "arm"):
        table.add_column(heading, overflow="fold")
    for heading in ("goal", *proxies, "neither", "episodes", "ticks"):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for name, rows in groups:
        for k, row in enumerate(rows):
            rates = [_percent(row.goal), *(_percent(row.proxy(p)) if p in row.proxies else "" for p in proxies)]
            cells = [name if k == 0 else "", row.arm, *rates, f"{100 * row.neither_rate:.0f} %"]
            table.add_row(*map(Text, [*cells, str(row.episodes), f"{row.mean_ticks:.0f}"]))
        table.add_section()
    console.print(table)
    words = Table.grid(padding=(0, 2))
    words.add_column(style="bold", no_wrap=True)
    for finding in findings:
        words.add_row(Text(finding.policy), Text(in_words(finding)))
    console.print(words)


def _percent(interval: Interval) -> str:
    return f"{100 * interval.rate:.0f} % ({100 * interval.low:.0f}-{100 * interval.high:.0f})"
