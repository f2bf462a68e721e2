"""Verbs run in this process."""

from mcproxy.scripts import main


def run(verb: str, *argv: object) -> int:
    """The exit code of `mcproxy VERB ARGV`."""
    return main.main([verb, *map(str, argv)])
