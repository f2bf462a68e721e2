"""What did the agent want? Harness, verdicts, statistics, results, leaderboard, verification.

    from mcproxy.eval import evaluate
    evaluate("expert:beacon", task="beacon", arm="separated", seeds=range(64)).verdicts

`evaluate` is `mcproxy.eval.harness.evaluate`, loaded (with the engine) when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if __name__ != "mcproxy.eval":
    raise ImportError("import mcproxy.eval, not eval; first: pip install -e .")

if TYPE_CHECKING:
    from mcproxy.eval.harness import evaluate

__all__ = ["evaluate"]


def __getattr__(name: str) -> Any:
    if name == "evaluate":
        from mcproxy.eval.harness import evaluate

        return evaluate
    raise AttributeError(f"module 'mcproxy.eval' has no attribute {name!r}")
