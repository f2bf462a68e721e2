"""A sweep's jobs in processes forked from one that has imported torch and mcproxy: seconds less for each job."""

import multiprocessing
import os
import sys
import threading
from pathlib import Path

from mcproxy.scripts import main as command_line
from mcproxy.scripts.sweeps.jobs import Job

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["mcproxy.agent.ppo", "mcproxy.eval.evaluation", "mcproxy.scripts.train"])


def attempt(job: Job, stop: threading.Event) -> int:
    """Run a job's command and return its exit code, as `jobs.attempt` does, without its locks and its interrupts."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    process = _PROCESSES.Process(target=_run, args=(job.argv(), job.log))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(argv: list[str], log: Path) -> None:
    with log.open("ab") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.exit(command_line.main(argv))
