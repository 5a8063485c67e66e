"""A connection to a scheduler and workers that are processes of the test."""

from __future__ import annotations

import functools
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from bench.running.cluster import address, connecting, worker
from bench.running.cluster.address import ClusterError
from bench.running.cluster.connecting import Connection, connect, connected
from tests.support.clusters import Heard, Processes, processes, until

pytest.importorskip("distributed")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Processes]:
    with processes(tmp_path) as started:
        yield started


def seen(connection: Connection, condition: Callable[[], object], what: str) -> None:
    def look() -> object:
        connection.poll()
        return condition()

    until(look, what)


def names(connection: Connection) -> set[str]:
    return {greeting.name for greeting in connection.machines().values()}


def test_machines_come_and_leave(started: Processes, uri: str) -> None:
    heard = Heard()
    first = started.worker(uri, "kiwi")
    with connect(uri, heard) as connection:
        assert names(connection) == {"kiwi"}
        [greeting] = connection.machines().values()
        assert greeting.resources == {"machine": 1.0}
        same = {"RATEBENCH_CACHE": str(started.folder / "kiwi" / "cache")}
        started.worker(uri, "second", **same)
        seen(connection, lambda: heard.refused, "the refusal of the second on one machine")
        assert "it is on the machine of kiwi" in heard.refused["second"]
        assert names(connection) == {"kiwi"}
        os.kill(first.pid, signal.SIGKILL)
        # Its machine is free now.
        seen(connection, lambda: names(connection) == {"second"}, "the second")
    assert (heard.joined, heard.left) == (["kiwi", "second"], ["kiwi"])


def test_a_worker_s_port_is_no_scheduler_s(started: Processes, uri: str) -> None:
    started.worker(uri, "kiwi")
    heard = Heard()
    with connect(uri, heard) as connection:
        [place] = connection.machines()
        with pytest.raises(ClusterError, match="it is a Worker"):
            address.require_scheduler(address.parse(place), "client")
    assert heard.notes == [f"looking for the scheduler of {uri}, for up to 10 s"]


def test_a_machine_that_runs_a_cell_of_another_run_answers_and_joins(
    started: Processes, uri: str
) -> None:
    """`time.sleep` is the cell. The worker has one place for them."""
    heard = Heard()
    started.worker(uri, "kiwi")
    with connect(uri, Heard()) as other:
        [place] = other.machines()
        cell = other.client.submit(time.sleep, 3600, workers=[place])
        count = functools.partial(
            other.client.run, lambda dask_worker: dask_worker.state.executing_count
        )
        until(lambda: count()[place], "the cell")
        with connect(uri, heard) as connection:
            assert names(connection) == {"kiwi"}
        assert not cell.done()
    assert heard.notes[1:] == ["kiwi is busy with another run: its cells wait"]


def listed(name: str) -> connecting._Worker:
    return connecting._Worker(f"tcp://{name}:1", name)


def greeted(connection: Connection, name: str, **changes: object) -> None:
    """A worker like this process has answered."""
    update = {"name": name, "resources": {"machine": 1.0}, **changes}
    connection._greeted[listed(name)] = connection.ours.model_copy(update=update)


def test_two_machines_of_one_id_are_refused_with_the_remedy() -> None:
    """As nodes with equal hardware that share a cache folder."""
    heard = Heard()
    connection = Connection(None, "", heard)
    for name in ("kiwi", "plum"):
        greeted(connection, name, host=name)
    connection._judge()
    assert heard.joined == ["kiwi"]
    assert heard.refused["plum"].startswith("it is on the machine of kiwi, and they would")
    assert "RATEBENCH_CACHE" in heard.refused["plum"]


def test_of_two_workers_of_a_machine_the_first_is_accepted_whichever_answers_first() -> None:
    heard = Heard()
    connection = Connection(None, "", heard)
    greeted(connection, "second", started=2.0)
    connection._pending[listed("first")] = Future[Any]()
    connection._judge()
    assert (heard.joined, heard.refused) == ([], {})
    connection._pending.clear()
    greeted(connection, "first", started=1.0)
    connection._judge()
    assert (heard.joined, [*heard.refused]) == (["first"], ["second"])


def test_who_does_not_answer_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    connection = Connection(None, "", heard)
    connection._pending[listed("silent")] = Future[Any]()
    greeted(connection, "kiwi")
    monkeypatch.setattr(connecting, "GREETING_S", 0.0)
    connection._judge()
    assert heard.joined == ["kiwi"]


@pytest.mark.parametrize("host", ["box", "plum"])
def test_two_machines_on_one_host_are_accepted_with_a_note(host: str) -> None:
    heard = Heard()
    connection = Connection(None, "", heard)
    for name, where in (("kiwi", "box"), ("plum", host)):
        environment = connection.ours.environment.model_copy(update={"machine": name})
        greeted(connection, name, host=where, environment=environment)
    connection._judge()
    assert heard.joined == ["kiwi", "plum"]
    notes = [note for note in heard.notes if note.startswith("plum is on the host of kiwi")]
    assert len(notes) == (host == "box")


def test_a_worker_that_cannot_be_compared_is_refused_by_name(started: Processes, uri: str) -> None:
    """It imports another package of the name of ours, which has none of this."""
    other = started.folder / "other" / "bench"
    other.mkdir(parents=True)
    (other / "__init__.py").touch()
    heard = Heard()
    words = worker.command(uri, "odd")
    preload = words.index("--preload")
    started.start("odd", *words[:preload], *words[preload + 2 :], PYTHONPATH=str(other.parent))
    with connected(uri, heard) as connection:
        seen(connection, lambda: heard.refused, "the refusal")
        assert connection.machines() == {}
    assert "install the same ratebench there" in heard.refused["odd"]


def test_a_worker_that_ends_before_it_answers_is_refused_by_name() -> None:
    heard = Heard()
    connection, answer = Connection(None, "", heard), Future[Any]()
    listed, gone = (connecting._Worker("tcp://kiwi:1", name) for name in ("listed", "gone"))
    connection._pending[gone] = answer
    connection._part_from([gone])
    answer.set_exception(OSError("connection closed"))
    connection._read(listed, answer)
    assert heard.refused == dict.fromkeys(("listed", "gone"), connecting.ENDED)


def test_another_scheduler_at_the_same_address_is_not_taken_for_the_first(uri: str) -> None:
    with connected(uri, Heard()) as connection:
        connection.poll()
        connection._scheduler = "of before"
        with pytest.raises(ClusterError, match="has ended, and another one is there"):
            connection.poll()


def test_without_a_machine_a_run_says_what_it_waits_for_and_gives_up(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "REMINDER_S", 0.0)
    heard = Heard()
    with pytest.raises(ClusterError) as raised, connect(uri, heard, wait_s=0.3):
        pass
    missing = f"no worker is there. Start one on a machine with `bench worker {uri}`"
    assert str(raised.value) == f"no machine in 0.3 s: {missing}"
    assert heard.notes[1:] == [f"waiting up to 0.3 s: {missing}"]


def test_a_scheduler_that_moves_cells_is_refused(started: Processes) -> None:
    _, uri = started.scheduler({})
    with pytest.raises(ClusterError, match="cannot be used") as raised, connected(uri, Heard()):
        pass
    assert "ALLOWED_FAILURES=0" in str(raised.value)


def test_what_is_no_scheduler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "PATIENCE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        no_scheduler = pytest.raises(ClusterError, match=f"no Dask scheduler answers at {uri}")
        with no_scheduler as raised, connecting._client(uri):
            pass
    assert "\n" not in str(raised.value)


def test_the_end_of_the_scheduler_is_noticed(started: Processes) -> None:
    process, uri = started.scheduler()
    with connected(uri, Heard()) as connection:
        connection.poll()
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(ClusterError, match=f"the scheduler at {uri} has ended"):
            seen(connection, lambda: False, "the end of the scheduler")


def test_a_scheduler_that_hangs_is_noticed(
    started: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, uri = started.scheduler()
    with connected(uri, Heard()) as connection:
        monkeypatch.setattr(connecting, "ANSWER_S", 0.5)
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(ClusterError, match=r"has not answered for 0\.5 s"):
            connection.poll()


def test_an_interrupt_ends_the_wait_for_a_scheduler_that_is_silent(started: Processes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        process = started.bench("client", "doctor", "--cluster", place)
        looked, asks = silent.accept(), silent.accept()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert len({*looked, *asks}) == 4
    assert "Traceback" not in started.log("client")


def test_an_interrupt_ends_a_workers_wait_for_a_scheduler(started: Processes) -> None:
    process = started.bench("worker", "worker", "127.0.0.1:1")
    until(lambda: "looking for" in started.log("worker"), "the wait")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert "Traceback" not in started.log("worker")
