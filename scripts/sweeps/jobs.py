"""Those who do a sweep's jobs: processes here, or Ray's workers. A job is a command line of mcproxy, and can be cut.

A job is locked for as long as its process lives, by whoever began it, so that several sweeps may share a folder, and so
that a process that outlived its sweep is not disturbed. One that fails is begun again, from its latest checkpoint.
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
from typing import Any

from mcproxy.errors import UserError
from mcproxy.files import exclusive, lock

ATTEMPTS = 3
BUSY, KILLED = -1000, 130  # what `attempt` returns of a job that another process has; Ctrl-C
Attempt = Callable[["Job", threading.Event], int]  # the event interrupts it
_AGAIN = 5.0  # seconds until a job that another process has is looked at again
_OFTEN = 5.0  # seconds between looks at how far all is
_SOON = 0.5  # seconds until an interruption is seen
_PATIENCE = 30.0  # seconds for a job of Ray to save what it has when it is interrupted


@dataclass(frozen=True)
class Job:
    """A command line to be run until `is_complete`; `log` takes what it says; it makes about `steps`.

    `folder` is one that the command has to itself while it runs, if it has.
    """

    name: str
    argv: Callable[[], list[str]]  # made anew for each attempt: the second one resumes
    is_complete: Callable[[], bool]
    log: Path
    steps: int = 0
    folder: Path | None = None


def attempt(job: Job, stop: threading.Event) -> int:
    """Run a job's command here, and return its exit code; `BUSY` if another process is at it.

    `stop`, or Ctrl-C here, interrupts it as Ctrl-C does.
    """
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab") as told:
        if not lock(told.fileno()):
            return BUSY
        if job.folder is not None and job.folder.is_dir():
            with exclusive(job.folder) as is_free:
                if not is_free:
                    return BUSY  # somebody typed the command by hand
        argv = job.argv()  # depends on what is there, which nobody changes now
        told.write(f"$ mcproxy {shlex.join(argv)}\n".encode())
        told.flush()
        command = [sys.executable, "-m", "mcproxy.scripts.main", *argv]
        # the lock is the open file's: the child keeps it by its stdout, also if we are killed
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=told, stderr=told) as child:
            with contextlib.suppress(KeyboardInterrupt):
                while not stop.is_set():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        return child.wait(_SOON)
            child.send_signal(signal.SIGINT)
            return child.wait()


@contextlib.contextmanager
def ray(address: str, threads: int) -> Iterator[tuple[Attempt, int]]:
    """Attempts on a Ray cluster that sees our files (`local` starts one here), and how many it makes at a time."""
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
            with job.log.open("a") as told:
                told.write(f"ray: {error}\n")
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
    """Jobs to be done one after the other, and how the first of them fares."""

    jobs: list[Job]
    failed: int = 0
    again: float = 0.0  # when to look at it again, of `time.monotonic`, as another process has it; 0: nobody has


def work(
    chains: Sequence[Sequence[Job]],
    attempts: Attempt,
    width: int,
    tell: Callable[[str], Any],
    tick: Callable[[], Any],
) -> list[str]:
    """Do the jobs of each chain in turn, `width` chains at a time; returns the names of those that were not done.

    A job that is complete is skipped. One that fails is attempted `ATTEMPTS` times; then the rest of its chain is left.
    While another process has a job, other chains are gone on with. `tell` gets a line for everything that happens,
    `tick` is called now and then.
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
        servants = [pool.submit(serve) for _ in range(width)]
        try:
            while not all(servant.done() for servant in servants):
                wait(servants, timeout=_OFTEN)
                tick()
        except BaseException:
            stop.set()
            raise
    for servant in servants:
        servant.result()  # raises what it has raised
    return left


def _advance(chain: _Chain, attempts: Attempt, tell: Callable[[str], Any], stop: threading.Event) -> bool:
    """Attempt the first job of a chain, or drop it if it is complete; False if the chain cannot be gone on with now."""
    job, waited, chain.again = chain.jobs[0], chain.again > 0, 0.0
    if job.is_complete():
        chain.jobs, chain.failed = chain.jobs[1:], 0
        return not stop.is_set()
    if not waited:
        tell(f"{job.name}: begins" if chain.failed == 0 else f"{job.name}: attempt {chain.failed + 1} of {ATTEMPTS}")
    began = time.monotonic()
    try:
        code = attempts(job, stop)
    except (UserError, OSError) as error:
        tell(f"{job.name}: cannot be begun ({error})")
        return False
    if code == BUSY:
        if not waited:
            tell(f"{job.name}: another process is at it")
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
