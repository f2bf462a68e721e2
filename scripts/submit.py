"""Put an official run into one folder that anybody can verify and put onto a board."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from mcproxy.errors import UserError
from mcproxy.scripts import _cli


@dataclass
class Args:
    """Put an official run into one folder: its recordings, results, card and weights; it is verified at once.

    The policies of the run are the training seeds of one method. Example:

        mcproxy evaluate --policy runs/a --task beacon --official --out official
        mcproxy submit official --template > card.toml       (fill it in)
        mcproxy submit official --card card.toml --out submission
    """

    run: tyro.conf.Positional[Path]
    """Folder that mcproxy evaluate --official wrote."""
    out: Path | None = None
    """New folder for the submission."""
    card: Path | None = None
    """The policy's card, in TOML: name, authors, architecture, training data, steps, seeds, machine, licence."""
    policy: tuple[str, ...] = ()
    """Policies of the run to submit, by their names in it; all of them by default."""
    no_weights: bool = False
    """Leave out the weights; the board then says that their hash is not verified."""
    template: bool = False
    """Print a card to fill in, with what the run already tells, and do nothing else."""


def main(argv: list[str]) -> int:
    """Write the submission, verify it, and say whether a board would accept it (exit code 1 if not)."""
    args = _cli.parse(Args, argv, "submit")
    from mcproxy.eval import results_json
    from mcproxy.eval.board import card, check, protocol, submission

    if args.template:
        results = results_json.read(args.run)
        names = args.policy or [one.policy for one in protocol.read(args.run)[1]]
        print(card.template({name: results.policies[name] for name in names if name in results.policies}), end="")
        return 0
    if args.out is None or args.card is None:
        missing = " and ".join(flag for flag, given in (("--out", args.out), ("--card", args.card)) if given is None)
        raise UserError(f"missing {missing}: a new folder, and the card (--template prints one to fill in)")
    submission.create(args.run, args.out, card.read(args.card), args.policy, not args.no_weights)
    with _cli.progress() as show:
        found = check.check(args.out, lambda done, total: show("verify", done, total))
    print("\n".join(found.lines(args.out)))
    if found.accepted:
        print(f"next        mcproxy board {args.out}")
    return 0 if found.accepted else 1


if __name__ == "__main__":
    sys.exit(_cli.run(main, "submit"))
