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

ATTEMPTS = 3
BUSY, KILLED = -1000, 130  # what `attempt` returns of a job that another process has; Ctrl-C
Attempt = Callable[["Job", threading.Event], int]  # the event interrupts it
_AGAIN = 5.0  # seconds until a job that another process has is looked at again
_OFTEN = 5.0  # seconds between looks at how far all is
_SOON = 0.5  # seconds until an interruption is seen
_PATIENCE = 30.0  # seconds for a job of Ray to save what it has when it is interrupted


@dataclass(frozen=True)
class Job:
    """A command line to be run until `is_complete`; `log` takes what it says; it makes about `steps`."""

    name: str
    argv: Callable[[], list[str]]  # made anew for each attempt: the second one resumes
    is_complete: Callable[[], bool]
    log: Path
    steps: int = 0


def attempt(argv: Sequence[str], log: Path, stop: threading.Event) -> int:
    """Run a command of mcproxy here, and return its exit code; `BUSY` if another process is at it.

    `stop`, or Ctrl-C here, interrupts it as Ctrl-C does.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as told:
        if not _lock(told.fileno()):
            return BUSY
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


def here(job: Job, stop: threading.Event) -> int:
    """Attempt a job in a process of this machine."""
    return attempt(job.argv(), job.log, stop)


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
        there = remote.remote(job.argv(), str(job.log.resolve()), str(Path.cwd()), sys.path)
        try:
            while not library.wait([there], timeout=_SOON)[0]:
                if stop.is_set():
                    library.cancel(there)  # is Ctrl-C there
                    library.wait([there], timeout=_PATIENCE)
                    return KILLED
            return library.get(there)
        except library.exceptions.RayError as error:
            with job.log.open("a") as told:
                told.write(f"ray: {error}\n")
            return 1

    try:
        yield attempts, cores // threads
    finally:
        library.shutdown()


def _attempt_there(argv: list[str], log: str, folder: str, path: list[str]) -> int:
    os.chdir(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(p for p in path if p)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # Ray blocks it, which a child would inherit
    return attempt(argv, Path(log), threading.Event())


def work(
    chains: Sequence[Sequence[Job]],
    attempts: Attempt,
    width: int,
    tell: Callable[[str], Any],
    tick: Callable[[], Any],
) -> list[str]:
    """Do the jobs of each chain in turn, `width` chains at a time; returns the names of those that were not done.

    A job that is complete is skipped. One that fails is attempted `ATTEMPTS` times; then the rest of its chain is left.
    One that another process has is waited for. `tell` gets a line for everything that happens, `tick` is called now and
    then.
    """
    stop = threading.Event()

    def follow(chain: Sequence[Job]) -> list[str]:
        for k, job in enumerate(chain):
            if not _do(job, attempts, tell, stop):
                return [job.name for job in chain[k:]]
        return []

    left: list[str] = []
    with ThreadPoolExecutor(width, "mcproxy-sweep") as pool:
        futures = [pool.submit(follow, chain) for chain in chains]
        try:
            while not all(future.done() for future in futures):
                wait(futures, timeout=_OFTEN)
                tick()
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    for future in futures:
        left += future.result()
    return left


def _do(job: Job, attempts: Attempt, tell: Callable[[str], Any], stop: threading.Event) -> bool:
    """Attempt a job until it is complete; False if it cannot be done, or we are to stop."""
    failed, waits = 0, False
    while failed < ATTEMPTS and not stop.is_set():
        if job.is_complete():
            return True
        began = time.monotonic()
        if not waits:
            tell(f"{job.name}: begins" if failed == 0 else f"{job.name}: attempt {failed + 1} of {ATTEMPTS}")
        try:
            code = attempts(job, stop)
        except (UserError, OSError) as error:
            tell(f"{job.name}: cannot be begun ({error})")
            return False
        if code == BUSY:
            if not waits:
                tell(f"{job.name}: another process is at it; waiting")
            waits = True
            stop.wait(_AGAIN)
            continue
        waits = False
        if job.is_complete():
            tell(f"{job.name}: done in {time.monotonic() - began:.0f} s")
            return True
        if code == KILLED or stop.is_set():
            return False
        failed += 1
        tell(f"{job.name}: failed ({_last_line(job.log)})")
    return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return f"{lines[-1][:200]}; see {log}" if lines else f"see {log}"


def _lock(descriptor: int) -> bool:
    """Lock an open file for as long as anybody has it open; False if somebody has. Without locks it is always True."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
