"""Threads that share worlds: each world is done once, whatever wakes when, and nothing that fails is waited for."""

import threading

import numpy as np
import pytest

from mcproxy.engine.thread_team import ThreadTeam, finish_world, next_world


def counting(done):
    """What a kernel does, in Python: it notes which worlds it has done."""

    def kernel(counter):
        while (world := int(next_world(counter))) < len(done):
            done[world] += 1
            finish_world(counter)

    return kernel


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_world_is_done_once_in_every_call(threads):
    team = ThreadTeam(threads)
    for count in (1, 2, 64, 300) * 50:
        done = np.zeros(count, dtype=np.int64)
        team.work(counting(done), count)
        assert (done == 1).all()
    team.close()


def test_too_few_worlds_are_done_by_the_caller_alone():
    team, names = ThreadTeam(3), set()

    def kernel(counter):
        while next_world(counter) < 5:
            names.add(threading.current_thread().name)
            finish_world(counter)

    team.work(kernel, 5, grain=2)
    assert names == {threading.current_thread().name}
    team.close()


def test_what_fails_on_another_thread_is_raised_and_not_waited_for():
    team, caller = ThreadTeam(2), threading.current_thread()
    begun = threading.Event()

    def kernel(counter):
        next_world(counter)
        if threading.current_thread() is not caller:
            begun.set()
            raise RuntimeError("a world that cannot be drawn")
        begun.wait(60)
        finish_world(counter)

    with pytest.raises(RuntimeError, match="cannot be drawn"):
        for _ in range(2):  # by this call or by the next
            team.work(kernel, 2)
    team.close()


def test_a_crew_that_nobody_closes_lets_its_threads_go():
    before = set(threading.enumerate())
    team = ThreadTeam(4)
    mine = set(threading.enumerate()) - before
    assert len(mine) == 3
    del team
    for thread in mine:
        thread.join(60)
        assert not thread.is_alive()


def test_closing_twice_is_closing_once():
    team = ThreadTeam(2)
    team.close()
    team.close()
    done = np.zeros(4, dtype=np.int64)
    team.work(counting(done), 4)  # alone
    assert (done == 1).all()
