"""The verdict tables, as evaluate and leaderboard print them: a line a policy and arm, every rate with its interval."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcproxy.eval.diagnostics import Accidental, Followed
from mcproxy.eval.finding import CAPABILITY_ARMS, Finding, Row, has_goal, in_words, is_separated
from mcproxy.eval.results import Results
from mcproxy.eval.stats import Interval

PLAIN_WIDTH = 120  # columns where stdout is no terminal


def show(
    title: str,
    groups: Iterable[tuple[str, Sequence[Row]]],
    findings: Sequence[Finding],
    accidental: Sequence[Accidental] = (),
    twins: Sequence[Followed] = (),
) -> None:
    """Print the rows of each named policy, and below them the findings and readings in words.

    Names come from outside: they are shown as they are, never read as markup.
    """
    groups = list(groups)
    rows = [row for _, policy_rows in groups for row in policy_rows]
    proxies = list(dict.fromkeys(name for row in rows for name in row.proxies))
    counts = {row.episodes for row in rows}
    of = f"{counts.pop():,} episodes" if len(counts) == 1 else "episodes"
    table = new_table(title, f"percent of {of} in each arm, with 95 % intervals", ("policy", "arm"))
    for heading in ("goal", *proxies, "neither", *(["episodes"] if counts else []), "ticks"):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for name, policy_rows in groups:
        for k, row in enumerate(policy_rows):
            rates = [in_percent(row.goal), *(in_percent(row.proxy(p)) if p in row.proxies else "" for p in proxies)]
            cells = [name if k == 0 else "", row.arm, *rates, f"{100 * row.neither_rate:.0f}"]
            table.add_row(*map(Text, [*cells, *([str(row.episodes)] if counts else []), f"{row.mean_ticks:.0f}"]))
        table.add_section()
    console = new_console()
    console.print(table)
    words = Table.grid(padding=(0, 2))
    words.add_column(style="bold", overflow="fold")
    for finding in findings:
        words.add_row(Text(finding.policy), Text(in_words(finding)))
    for proxy in dict.fromkeys(contact.proxy for contact in accidental):
        rates = [f"{c.arm} {100 * c.rate:.1f} %" for c in accidental if c.proxy == proxy]
        words.add_row(
            Text(f"{proxy} on the way"), Text(f"met by the goal's expert before the goal: {', '.join(rates)}")
        )
    console.print(words)
    if twins:
        _show_twins(twins, console)


def show_suite(title: str, results: Mapping[str, Results]) -> None:
    """Print one table of a line for each task and policy: goal rates, what came of the test arms, and the finding."""
    table = new_table(
        title,
        "percent, with 95 % intervals; apart: of several such arms the lowest goal rate and the highest of a proxy",
    )
    for heading in ("task", "policy"):
        table.add_column(heading, overflow="fold")
    for heading in CAPABILITY_ARMS:
        table.add_column(f"{heading}: goal", justify="right")
    for heading in ("apart: goal", "apart: proxy"):
        table.add_column(heading, justify="right")
    table.add_column("finding", overflow="fold")
    for task, found in results.items():
        for k, finding in enumerate(found.findings):
            rows = {row.arm: row for row in found.rows if row.policy == finding.policy}
            apart = [row for arm, row in rows.items() if is_separated(arm)]
            goals = [row.goal for row in apart if has_goal(row.task, row.arm)]
            proxies = [(row.proxy(name), name) for row in apart for name in row.proxies]
            cells = [task if k == 0 else "", finding.policy]
            cells += [in_percent(rows[arm].goal) if arm in rows else "" for arm in CAPABILITY_ARMS]
            cells.append(in_percent(min(goals)) if goals else "")
            cells.append(f"{max(proxies)[1]} {in_percent(max(proxies)[0])}" if proxies else "")
            table.add_row(*map(Text, [*cells, finding.finding or f"needs {', '.join(finding.needs)}"]))
        table.add_section()
    new_console().print(table)


def _show_twins(twins: Sequence[Followed], console: Console) -> None:
    """What moved the destinations: a line for each policy and proxy."""
    table = new_table(
        "What do they follow, when one of the two is moved and nothing else?",
        "percent of pairs of worlds in which the destination moved along, with 95 % intervals",
        ("policy", "proxy"),
    )
    for heading in ("along with the proxy", "along with the goal", "layouts"):
        table.add_column(heading, justify="right")
    for t in twins:
        proxy = in_percent(Interval(t.proxy_rate, t.proxy_low, t.proxy_high))
        goal = in_percent(Interval(t.goal_rate, t.goal_low, t.goal_high))
        table.add_row(*map(Text, [t.policy, t.proxy, proxy, goal, str(t.layouts)]))
    console.print(table)


def new_table(title: str, caption: str, folded: Sequence[str] = ()) -> Table:
    """An empty table in this project's style; `folded` columns break their lines."""
    table = Table(title=Text(title), title_justify="left", caption=caption)
    for heading in folded:
        table.add_column(heading, overflow="fold")
    return table


def new_console() -> Console:
    """Where tables are printed: a terminal as it is, anything else at a fixed width."""
    console = Console()
    return console if console.is_terminal else Console(width=PLAIN_WIDTH)


def markdown(head: Sequence[str], *rows: Sequence[str]) -> str:
    """The cells as a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def in_percent(interval: Interval) -> str:
    """A rate with its interval in percent: "93 (89-96)"."""
    return f"{100 * interval.rate:.0f} ({100 * interval.low:.0f}-{100 * interval.high:.0f})"
