"""Records of accepted submissions in the formats that other sites read.

<name>-<fingerprint>/
  .eval_results/mcproxy_<task>.yaml     for a model's repository on the Hugging Face Hub
  every_eval_ever/data/.../<uuid>.json  the Every Eval Ever schema, and <uuid>_samples.jsonl, a line an episode
  evaluation_card.md                    what is reproducible, documented, known of its origin, and comparable
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import mcproxy
from mcproxy.eval.arm_result import ArmResult
from mcproxy.eval.board.board import Accepted, Board
from mcproxy.eval.board.rows import SHARES, Row
from mcproxy.eval.measures.stats import CONFIDENCE, Interval
from mcproxy.mission import GOAL
from mcproxy.recording.format import slug

DATASET = "mcproxy/mcproxy"  # of the benchmark on the Hub
SOURCE = "mcproxy board"
SCHEMA = "0.2.0"
_WORDS = {
    "both_proxy": "followed the proxy when goal and proxy exchange places",
    "both_goal": "followed the goal when goal and proxy exchange places",
    "same_place": "went to the same place when goal and proxy exchange places",
    "neither": "followed neither when goal and proxy exchange places",
}


def write(board: Board, out: Path, now: datetime | None = None) -> None:
    """Write the records of every accepted submission of a board into folders of their own below `out`."""
    now = now or datetime.now(timezone.utc)
    for accepted in board.accepted:
        folder = out / f"{slug(accepted.row.policy)}-{accepted.fingerprint[:8]}"
        _write_eval_results(accepted, folder / ".eval_results", now)
        _write_every_eval_ever(accepted, folder / "every_eval_ever", now)
        (folder / "evaluation_card.md").write_text(evaluation_card(accepted, board), encoding="utf-8")


def _write_eval_results(accepted: Accepted, folder: Path, now: datetime) -> None:
    row = accepted.row
    folder.mkdir(parents=True)
    shares = [f"{pair.proxy}: {', '.join(f'{n} {i.rate:.3f}' for n, i in pair.shares.items())}" for pair in row.pairs]
    notes = f"{row.finding}; {'; '.join(shares)}; {row.seeds} training seeds; executed again by mcproxy {row.version}"
    fields: dict[str, Any] = {"value": round(100 * row.goal.rate, 2), "date": now.date().isoformat(), "notes": notes}
    lines = [
        f"- dataset:\n    id: {DATASET}\n    task_id: {json.dumps(row.task)}\n    revision: {json.dumps(row.version)}"
    ]
    lines += [f"  {name}: {json.dumps(value)}" for name, value in fields.items()]
    if accepted.card.url:
        lines.append(f"  source:\n    url: {json.dumps(accepted.card.url)}\n    name: {json.dumps(SOURCE)}")
    (folder / f"mcproxy_{slug(row.task)}.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_every_eval_ever(accepted: Accepted, folder: Path, now: datetime) -> None:
    document = every_eval_ever(accepted, now)
    name = str(uuid.UUID(hex=hashlib.sha256(document["evaluation_id"].encode()).hexdigest()[:32], version=4))
    place = Path("data", f"mcproxy_{slug(accepted.row.task)}", document["model_info"]["id"])
    (folder / place).mkdir(parents=True)
    samples = folder / place / f"{name}_samples.jsonl"
    lines = [
        json.dumps(sample) for sample in _samples(accepted, document["evaluation_id"], document["model_info"]["id"])
    ]
    samples.write_text("\n".join(lines) + "\n", encoding="utf-8")
    document["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": (place / samples.name).as_posix(),
        "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(samples.read_bytes()).hexdigest(),
        "total_rows": len(lines),
    }
    (folder / place / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def every_eval_ever(accepted: Accepted, now: datetime) -> dict[str, Any]:
    """The record of a submission by the Every Eval Ever schema, without its samples."""
    row, card, stamp = accepted.row, accepted.card, str(int(now.timestamp()))
    model = f"{slug(card.authors[0])}/{slug(card.name)}"
    return {
        "schema_version": SCHEMA,
        "evaluation_id": f"mcproxy_{slug(row.task)}/{model.replace('/', '_')}/{stamp}",
        "retrieved_timestamp": stamp,
        "source_metadata": {
            "source_name": SOURCE,
            "source_type": "evaluation_run",
            "source_organization_name": "mcproxy",
            "evaluator_relationship": "third_party",
            "additional_details": {"re_executed": "yes", "protocol": accepted.protocol},
        },
        "eval_library": {"name": "mcproxy", "version": mcproxy.__version__},
        "model_info": {
            "name": card.name,
            "id": model,
            "developer": ", ".join(card.authors),
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "open_weights" if accepted.weights else "unknown",
                **{name: str(value) for name, value in asdict(card).items() if name not in ("name", "authors")},
                "fingerprint": accepted.fingerprint,
            },
        },
        "evaluation_results": list(_metrics(row)),
    }


def _metrics(row: Row) -> Iterator[dict[str, Any]]:
    """Every rate of a row as a result of its own."""
    told: list[tuple[str, str, Interval]] = [("goal", "followed the goal, whatever the proxy", row.goal)]
    if row.capability is not None:
        told.append(("capability", "return where nothing competes: 0 for random, 1 for the expert", row.capability))
    told += [(f"{p.proxy}_{n}", f"{_WORDS[n]} ({p.proxy})", p.shares[n]) for p in row.pairs for n in SHARES if p.shares]
    details = {"finding": str(row.finding), "training_seeds": str(row.seeds), "layouts": str(row.layouts)}
    for name, words, interval in told:
        yield {
            "evaluation_name": f"mcproxy_{row.task}",
            "evaluation_result_id": name,
            "source_data": {"dataset_name": f"mcproxy {row.task}", "source_type": "other"},
            "metric_config": {
                "metric_id": name,
                "evaluation_description": f"share of layouts in which it {words}" if name != "capability" else words,
                "lower_is_better": name.endswith(("both_proxy", "neither")),
                "score_type": "continuous",
                "min_score": min(0.0, interval.low),
                "max_score": max(1.0, interval.high),
            },
            "score_details": {
                "score": interval.rate,
                "details": details,
                "uncertainty": {
                    "confidence_interval": {
                        "lower": interval.low,
                        "upper": interval.high,
                        "confidence_level": CONFIDENCE,
                        "method": "over layouts" if row.seeds == 1 else "over training seeds and layouts",
                    },
                    "num_samples": row.layouts * row.seeds,
                },
            },
        }


def _samples(accepted: Accepted, evaluation: str, model: str) -> Iterator[dict[str, Any]]:
    """A record for every episode on the frozen layouts."""
    for arm in accepted.arms:
        for k, seed in enumerate(arm.seeds.tolist()):
            verdict = str(arm.verdicts[k])
            world = f"{arm.task} version {arm.version}, arm {arm.arm}, layout seed {seed}, layout {arm.layouts[k]}"
            yield {
                "schema_version": SCHEMA,
                "evaluation_id": evaluation,
                "model_id": model,
                "evaluation_name": f"mcproxy_{arm.task}",
                "sample_id": f"{arm.policy} {arm.arm} {seed}",
                "sample_hash": hashlib.sha256(f"{world}{GOAL}".encode()).hexdigest(),
                "interaction_type": "agentic",
                "input": {"raw": world, "reference": [GOAL]},
                "output": None,
                "messages": [
                    {"turn_idx": 0, "role": "user", "content": world},
                    {"turn_idx": 1, "role": "assistant", "content": verdict},
                ],
                "answer_attribution": [
                    {
                        "turn_idx": 1,
                        "source": "messages[1].content",
                        "extracted_value": verdict,
                        "extraction_method": "re-execution of the recorded actions",
                        "is_terminal": True,
                    }
                ],
                "evaluation": {
                    "score": float(verdict == GOAL),
                    "is_correct": verdict == GOAL,
                    "num_turns": 1,
                    "tool_calls_count": 0,
                },
                "metadata": _metadata(arm, k),
            }


def _metadata(arm: ArmResult, k: int) -> Mapping[str, str]:
    met = {f"met_{name}": str(int(ticks[k])) for name, ticks in arm.met.items()}
    return {"arm": arm.arm, "ticks": str(int(arm.ticks[k])), "truncated": str(bool(arm.truncated[k])), **met}


def evaluation_card(accepted: Accepted, board: Board) -> str:
    """The evaluation card of a submission: what is reproducible, documented, known of its origin, and comparable."""
    row, card = accepted.row, accepted.card
    weights = "their SHA-256 follows from the files submitted" if accepted.weights else "their SHA-256 is as stated"
    rates = [f"- {p.proxy}, {_WORDS[n]}: {_told(p.shares[n])}" for p in row.pairs for n in SHARES if p.shares]
    facts = [f"- {name.replace('_', ' ')}: {_plain(value)}" for name, value in asdict(card).items() if value]
    capability = [] if row.capability is None else [f"- capability: {_told(row.capability)}"]
    parts = [
        f"# {_plain(card.name)} on {row.task}",
        f"Finding: **{row.finding}**, in {round(row.agree.rate * row.seeds)} of {row.seeds} training seeds.",
        "\n".join([*capability, f"- followed the goal: {_told(row.goal)}", *rates]),
        "## Reproducibility",
        f"Every episode was executed again by mcproxy {row.version}, action by action; verdicts, rates and findings "
        f"are computed from that alone. Command: `mcproxy verify SUBMISSION`. Protocol: {accepted.protocol}.",
        "## Documentation",
        "As the submitters say; not verified.\n\n" + "\n".join(facts),
        "## Provenance and risk",
        f"Weights: {weights} (`{accepted.fingerprint}`). The confirmation layouts follow from it. Re-execution "
        f"shows that the actions lead to these verdicts, not that the policy alone chose them.",
        "## Comparability",
        f"{row.layouts} frozen layouts, the same for every row. Two rows of this board show differences of "
        f"{100 * board.smallest_difference[row.task]:.1f} points or more. "
        f"Notes: {_plain('; '.join(row.marks) or 'none')}.",
    ]
    return "\n\n".join(parts) + "\n"


def _plain(value: Any) -> str:
    """A value as text in which Markdown finds nothing to format."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(f"\\{c}" if c in "\\`*[]<>|#_!&" else c for c in text)


def _told(interval: Interval) -> str:
    return f"{100 * interval.rate:.1f} % (95 % interval {100 * interval.low:.1f} to {100 * interval.high:.1f})"
