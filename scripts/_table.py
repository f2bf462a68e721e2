"""The tables of evaluate, demo and leaderboard: findings first, a line a policy; then, in full, a line an arm."""

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcproxy.eval.arm_result import ArmResult, Row
from mcproxy.eval.diagnostics import Accidental, TwinsResult
from mcproxy.eval.measures.capability import CAPABILITY_ARMS
from mcproxy.eval.measures.finding import (
    REFERENCE,
    Finding,
    arms_apart,
    findings_of,
    has_goal,
    in_words,
    is_reference,
    is_separated,
)
from mcproxy.eval.measures.nuisance import Nuisance, nuisances_of
from mcproxy.eval.measures.quartet import by_policy, quartets_of
from mcproxy.eval.measures.stats import Interval, smallest_difference, wilson
from mcproxy.eval.results import Results
from mcproxy.mission import GOAL
from mcproxy.task import SEPARATED

PLAIN_WIDTH, SUITE_WIDTH = 100, 130  # columns where stdout is no terminal; of the table of a suite
FLAGS = 3  # nuisances of a policy that a line names; the rest is counted


def show_findings(title: str, arms: Sequence[ArmResult], names: Mapping[str, str] | None = None) -> None:
    """Print a line for each policy and proxy: rates in three arms, B, G, P and N, the finding; then what is flagged.

    `names` are shown in place of policies. Names come from outside: they are shown as they are, never read as markup.
    """
    console = new_console()
    console.print(_findings_table(title, arms, names or {}))
    console.print(Text(_caption(arms), style="italic"))
    for line in _flag_lines(nuisances_of(arms)):
        console.print(Text(line, overflow="fold"))


def _findings_table(title: str, arms: Sequence[ArmResult], names: Mapping[str, str]) -> Table:
    findings = {(f.policy, f.proxy): f for f in findings_of(arms)}
    quartets = {(q.policy, q.proxy): q for q in quartets_of(arms)}
    table = Table(title=Text(title), title_justify="left", box=None)
    table.add_column("policy", overflow="fold")
    for heading in (*CAPABILITY_ARMS, SEPARATED, *"BGPN"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("finding", overflow="fold")
    for (policy, _), results in by_policy(arms).items():
        proxies = [proxy for name, proxy in findings if name == policy and proxy is not None]
        for k, proxy in enumerate(proxies):
            cells = [names.get(policy, policy) if k == 0 else ""]
            shown = (*CAPABILITY_ARMS, next(iter(arms_apart(proxy, results)), ""))
            cells += [_goal_and_proxy(results[arm].row, proxy) if arm in results else "" for arm in shown]
            found = quartets.get((policy, proxy))
            cells += [f"{100 * share.rate:.0f}" for share in found.shares] if found else [""] * 4
            table.add_row(*map(Text, [*cells, _short(findings[policy, proxy])]))
    return table


def _caption(arms: Sequence[ArmResult]) -> str:
    """What the columns are, and the smallest difference that two rows can show."""
    least = min((len(result.seeds) for result in arms), default=0)
    if least == 0:
        return ""
    widest = wilson(least / 2, least)
    points = 100 * smallest_difference(widest, widest)
    return (
        f"percent of {least:,} layouts: goal/proxy met first; when they exchange places, followed the proxy (B), the "
        f"goal (G), went to the same place (P), else (N). Two rows show differences of {points:.0f} points or more."
    )


def _goal_and_proxy(row: Row, proxy: str) -> str:
    told = row.proxies.get(proxy)
    return f"{100 * row.goal_rate:.0f}/{100 * told['rate']:.0f}" if told else f"{100 * row.goal_rate:.0f}/-"


def _short(finding: Finding) -> str:
    """A finding as a cell."""
    if finding.finding is None:
        return f"needs {', '.join(finding.needs)}"
    more = f" (+{finding.more_layouts:,} layouts)" if finding.more_layouts else ""
    return f"{finding.finding}{more}"


def _flag_lines(nuisances: Iterable[Nuisance]) -> list[str]:
    """A line for each policy of which a nuisance moves the rates, the references aside."""
    flagged: dict[str, list[str]] = {}
    for row in nuisances:
        if row.flagged and not is_reference(row.policy):
            rates = f"{100 * row.goal_rate:.0f}/{100 * row.proxy_rate:.0f}"
            flagged.setdefault(row.policy, []).append(f"{row.by.replace('_', ' ')} {row.value} {rates}")
    lines = []
    for policy, rows in flagged.items():
        more = f", and {len(rows) - FLAGS} more" if len(rows) > FLAGS else ""
        lines.append(f"{policy} depends on: {'; '.join(rows[:FLAGS])}{more} (goal/proxy)")
    return lines


def show_words(findings: Sequence[Finding]) -> None:
    """Print the finding of each policy on its task as a sentence, the references aside."""
    words = Table.grid(padding=(0, 2))
    words.add_column(style="bold", overflow="fold")
    for finding in findings:
        if finding.proxy is None and finding.finding != REFERENCE:
            words.add_row(Text(finding.policy), Text(in_words(finding)))
    new_console().print(words)


def show_arms(
    groups: Iterable[tuple[str, Sequence[Row]]],
    accidental: Sequence[Accidental] = (),
    twins: Sequence[TwinsResult] = (),
) -> None:
    """Print the rows of each named policy, an arm a line, and below them the other readings."""
    groups = list(groups)
    rows = [row for _, policy_rows in groups for row in policy_rows]
    proxies = list(dict.fromkeys(name for row in rows for name in row.proxies))
    counts = {row.episodes for row in rows}
    of = f"{counts.pop():,} episodes" if len(counts) == 1 else "episodes"
    table = new_table("Every arm", f"percent of {of} in each arm, with 95 % intervals", ("policy", "arm"))
    for heading in (GOAL, *proxies, "neither", *(["episodes"] if counts else []), "ticks"):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for name, policy_rows in groups:
        for k, row in enumerate(policy_rows):
            rates = [in_percent(row.goal), *(in_percent(row.proxy(p)) if p in row.proxies else "" for p in proxies)]
            cells = [name if k == 0 else "", row.arm, *rates, f"{100 * row.neither_rate:.0f}"]
            table.add_row(*map(Text, [*cells, *([str(row.episodes)] if counts else []), f"{row.mean_ticks:.0f}"]))
        table.add_section()
    console = new_console()
    console.print(table)
    for proxy in dict.fromkeys(contact.proxy for contact in accidental):
        rates = [f"{c.arm} {100 * c.rate:.1f} %" for c in accidental if c.proxy == proxy]
        console.print(Text(f"{proxy} met by accident before the goal: {', '.join(rates)}"))
    if twins:
        console.print(_twins_table(twins))


def show_suite(title: str, results: Mapping[str, Results]) -> None:
    """Print one table of a line for each task and policy: goal rates, the arms with both apart, and the finding."""
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
        for k, finding in enumerate(f for f in found.findings if f.proxy is None):
            rows = {row.arm: row for row in found.rows if row.policy == finding.policy}
            apart = [row for arm, row in rows.items() if is_separated(arm)]
            goals = [row.goal for row in apart if has_goal(row.task, row.arm)]
            proxies = [(row.proxy(name), name) for row in apart for name in row.proxies]
            cells = [task if k == 0 else "", finding.policy]
            cells += [in_percent(rows[arm].goal) if arm in rows else "" for arm in CAPABILITY_ARMS]
            cells.append(in_percent(min(goals)) if goals else "")
            cells.append(f"{max(proxies)[1]} {in_percent(max(proxies)[0])}" if proxies else "")
            table.add_row(*map(Text, [*cells, _short(finding)]))
        table.add_section()
    new_console(SUITE_WIDTH).print(table)


def _twins_table(twins: Sequence[TwinsResult]) -> Table:
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
    return table


def new_table(title: str, caption: str, folded: Sequence[str] = ()) -> Table:
    """An empty table in this project's style; `folded` columns break their lines."""
    table = Table(title=Text(title), title_justify="left", caption=caption, caption_justify="left", box=box.SIMPLE_HEAD)
    for heading in folded:
        table.add_column(heading, overflow="fold")
    return table


def new_console(width: int = PLAIN_WIDTH) -> Console:
    """Where tables are printed: a terminal as it is, anything else at a fixed width."""
    console = Console()
    return console if console.is_terminal else Console(width=width)


def markdown(head: Sequence[str], *rows: Sequence[str]) -> str:
    """The cells as a Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def in_percent(interval: Interval) -> str:
    """A rate with its interval in percent: "93 (89-96)"."""
    return f"{100 * interval.rate:.0f} ({100 * interval.low:.0f}-{100 * interval.high:.0f})"
