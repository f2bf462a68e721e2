"""Run the jobs of a sweep in processes here or on Ray's workers. A job is one mcproxy command, and can be interrupted.

The process of a job holds a lock while it lives, so several sweeps may share a folder, and a process that outlives its
sweep is not disturbed. A failed job is started again and resumes from its latest checkpoint.
"""

import contextlib
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from mcproxy.errors import UserError
from mcproxy.files import exclusive, lock

ATTEMPTS = 3
BUSY, KILLED = -1000, 130  # results of `attempt`: another process runs the job; Ctrl-C
Attempt = Callable[["Job", threading.Event], int]  # the event interrupts it
_AGAIN = 5.0  # seconds until a job of another process is checked again
_OFTEN = 5.0  # seconds between updates of the progress
_SOON = 0.5  # seconds until an interrupt takes effect
_PATIENCE = 30.0  # seconds that an interrupted Ray job has to save its state


@dataclass(frozen=True)
class Job:
    """A command that is run until `is_complete`; `log` receives its output; it takes about `steps` environment steps.

    `folder`, if given, is the folder that the command locks while it runs.
    """

    name: str
    argv: Callable[[], list[str]]  # called for each attempt: the second attempt resumes
    is_complete: Callable[[], bool]
    log: Path
    steps: int = 0
    folder: Path | None = None


def attempt(job: Job, stop: threading.Event) -> int:
    """Run a job's command here, and return its exit code; `BUSY` if another process runs it.

    `stop`, or Ctrl-C here, interrupts it as Ctrl-C does.
    """
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as log:
        if not lock(log.fileno()):
            return BUSY
        if job.folder is not None and job.folder.is_dir():
            with exclusive(job.folder) as is_free:
                if not is_free:
                    return BUSY  # a user typed the command
        argv = job.argv()  # depends on the files, which the lock protects
        log.write(f"$ mcproxy {shlex.join(argv)}\n".encode())
        log.flush()
        command = [sys.executable, "-m", "mcproxy.scripts.main", *argv]
        # the lock is the open file's: the child keeps it by its stdout, also if we are killed
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as child:
            with contextlib.suppress(KeyboardInterrupt):
                while not stop.is_set():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        return child.wait(_SOON)
            child.send_signal(signal.SIGINT)
            return child.wait()


@contextlib.contextmanager
def ray(address: str, threads: int) -> Iterator[tuple[Attempt, int]]:
    """The `Attempt` on a Ray cluster that shares our files (`local` starts one), and the number of parallel jobs."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray as library
    except ImportError:
        raise UserError('--ray needs Ray: pip install "mcproxy[ray]"') from None
    try:
        library.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(f"--ray {address}: {error}") from None
    cores = int(library.cluster_resources().get("CPU", 1))
    if cores < threads:
        library.shutdown()
        raise UserError(f"--ray {address}: has {cores} cores, fewer than the --threads {threads} of one job")
    remote = library.remote(num_cpus=threads, max_retries=0)(_attempt_there)

    def attempts(job: Job, stop: threading.Event) -> int:
        there = remote.remote(job, str(Path.cwd()), sys.path)
        try:
            while not library.wait([there], timeout=_SOON)[0]:
                if stop.is_set():
                    library.cancel(there)  # is Ctrl-C there
                    library.wait([there], timeout=_PATIENCE)
                    return KILLED
            return library.get(there)
        except library.exceptions.RayError as error:
            job.log.parent.mkdir(parents=True, exist_ok=True)
            with job.log.open("a") as log:
                log.write(f"ray: {error}\n")
            return 1

    try:
        yield attempts, cores // threads
    finally:
        library.shutdown()


def _attempt_there(job: Job, folder: str, path: list[str]) -> int:
    with contextlib.suppress(FileNotFoundError):  # only the sweep's folder must be everywhere
        os.chdir(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(p for p in path if p)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # Ray blocks it, which a child would inherit
    return attempt(job, threading.Event())


@dataclass
class _Chain:
    """Jobs that run one after the other, and the state of the first."""

    jobs: list[Job]
    failed: int = 0
    again: float = 0.0  # `time.monotonic` of the next check, if another process runs the job; otherwise 0


def work(
    chains: Sequence[Sequence[Job]],
    attempts: Attempt,
    width: int,
    tell: Callable[[str], None],
    tick: Callable[[], None],
) -> list[str]:
    """Run the jobs of each chain in order, `width` chains at a time; returns the names of the jobs that were not done.

    A complete job is skipped. A failing job is attempted `ATTEMPTS` times, then the rest of its chain is skipped. While
    another process runs a job, other chains continue. `tell` gets a line for each event, `tick` is called regularly.
    """
    stop, turn = threading.Event(), threading.Lock()
    queue, left = [_Chain(list(chain)) for chain in chains], list[str]()

    def serve() -> None:
        while not stop.is_set():
            with turn:
                if not queue:
                    return
                chain = min(queue, key=lambda chain: chain.again)  # the first of those that need not wait
                queue.remove(chain)
            stop.wait(chain.again - time.monotonic())
            while chain.jobs and _advance(chain, attempts, tell, stop):
                pass
            with turn:
                if chain.again:
                    queue.append(chain)
                else:
                    left.extend(job.name for job in chain.jobs)

    with ThreadPoolExecutor(width, "mcproxy-sweep") as pool:
        workers = [pool.submit(serve) for _ in range(width)]
        try:
            while not all(worker.done() for worker in workers):
                wait(workers, timeout=_OFTEN)
                tick()
        except BaseException:
            stop.set()
            raise
    for worker in workers:
        worker.result()  # raises its exception
    return left


def _advance(chain: _Chain, attempts: Attempt, tell: Callable[[str], None], stop: threading.Event) -> bool:
    """Attempt the first job of a chain, or drop it if it is complete; False if the chain cannot continue now."""
    job, waited, chain.again = chain.jobs[0], chain.again > 0, 0.0
    if job.is_complete():
        chain.jobs, chain.failed = chain.jobs[1:], 0
        return not stop.is_set()
    if not waited:
        tell(f"{job.name}: starts" if chain.failed == 0 else f"{job.name}: attempt {chain.failed + 1} of {ATTEMPTS}")
    began = time.monotonic()
    try:
        code = attempts(job, stop)
    except (UserError, OSError) as error:
        tell(f"{job.name}: cannot be started ({error})")
        return False
    if code == BUSY:
        if not waited:
            tell(f"{job.name}: another process runs it")
        chain.again = time.monotonic() + _AGAIN
        return False
    if job.is_complete():
        tell(f"{job.name}: done in {time.monotonic() - began:.0f} s")
    elif code == KILLED or stop.is_set():
        return False
    else:
        chain.failed += 1
        tell(f"{job.name}: failed ({_last_line(job.log)})")
    return chain.failed < ATTEMPTS and not stop.is_set()


def _last_line(log: Path) -> str:
    if not log.exists():
        return f"there is no {log}: do all nodes see this folder?"
    lines = log.read_text(errors="replace").strip().splitlines()
    return f"{lines[-1][:200]}; see {log}" if lines else f"see {log}"
