"""`bench worker`: what Dask is started with, and how it ends."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.running.cluster import worker
from bench.running.cluster.connecting import connect
from tests.support.clusters import Heard, Processes, processes, runs, until


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Processes]:
    with processes(tmp_path) as started:
        yield started


def refused(*words: str) -> str:
    """What the command says instead of becoming a worker."""
    done = CliRunner().invoke(app, ["worker", *words])
    assert done.exit_code == 2
    return re.sub(r"\s+", " ", done.output)


def test_an_address_that_cannot_be_meant_is_one_line() -> None:
    assert "'kiwi' has no port" in refused("kiwi")
    assert "local:2 is of `bench run --cluster`" in refused("local:2")


def test_a_gpu_that_is_not_there_cannot_be_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "device_problem", lambda device: f"there is no {device}")
    assert "--gpus 2: there is no cuda:1" in refused("kiwi:1", "--gpus", "2")


def test_where_no_scheduler_answers_it_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(worker, "PATIENCE_S", 0.1)
    assert "no scheduler answers at tcp://127.0.0.1:1 within 0.1 s" in refused("127.0.0.1:1")


def test_it_takes_no_cells_of_what_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of Dask would wait there in silence."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(worker.address.require_scheduler, "__defaults__", (0.1,))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        output = refused(f"127.0.0.1:{listener.getsockname()[1]}")
    assert "something that is not a Dask scheduler answers" in output
    assert "takes cells" not in output


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert "make cluster" in refused("kiwi:1")


@pytest.mark.parametrize("words", [["worker"], ["doctor", "--cluster"]])
def test_encryption_needs_certificates(words: list[str]) -> None:
    pytest.importorskip("distributed")
    done = CliRunner().invoke(app, [*words, "tls://127.0.0.1:1"])
    assert done.exit_code == 2
    assert "tls://127.0.0.1:1 needs certificates" in done.output


def test_gpus_are_offered_beside_the_one_place_of_the_machine() -> None:
    def offers(gpus: int) -> str:
        words = worker.command("tcp://kiwi:1", "box", gpus)
        return words[words.index("--resources") + 1]

    assert offers(0) == "machine=1"
    assert offers(2) == "machine=1,cuda=2"


def test_what_a_user_set_goes_first() -> None:
    name = "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"
    assert worker.environment({})[name] == "False"
    assert worker.environment({name: "True", "HOME": "/h"})[name] == "True"


def test_a_batch_system_that_ends_it_ends_its_cell_too(started: Processes, uri: str) -> None:
    """By SIGTERM: Dask would wait for the cell, and SIGKILL would come first."""
    process = started.bench("box", "worker", uri)
    heard, cell = Heard(), started.folder / "cell"
    with connect(uri, heard) as connection:
        script = f"echo $$ > {cell}.new; mv {cell}.new {cell}; exec sleep 3600"
        answer = connection.client.submit(
            subprocess.run, ["sh", "-c", script], start_new_session=True, pure=False
        )
        until(cell.exists, "the cell")
        process.terminate()
        process.wait(60)
        until(lambda: not runs(int(cell.read_text(encoding="utf-8"))), "its end")
        until(lambda: connection.poll() or heard.left, "that the worker left")
        until(answer.done, "the end of the task")
        assert answer.status != "finished"
        answer.release()
    assert "Traceback" not in started.log("box")
    assert re.sub(r"\s+", " ", started.log("box")).endswith(f"{worker.LAST_WORDS} ")
    assert "INFO" not in started.log("box")
    assert "CancelledError" not in started.log("box")
    assert str(process.pid) in heard.left[0]
