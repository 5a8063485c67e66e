"""What names a cluster, and how long a run waits for one."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.commands.terminal import UsageError
from bench.running.cluster import address
from bench.running.cluster.address import (
    ClusterError,
    Local,
    Scheduler,
    SchedulerFile,
    parse,
    reached,
    require_scheduler,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("local:2", Local(2)),
        ("tcp://kiwi:8786", Scheduler("tcp://kiwi:8786", "kiwi", 8786)),
        ("tls://10.0.0.1:1/", Scheduler("tls://10.0.0.1:1", "10.0.0.1", 1)),
        ("kiwi:8786", Scheduler("tcp://kiwi:8786", "kiwi", 8786)),
        ("tcp://[::1]:8786", Scheduler("tcp://[::1]:8786", "::1", 8786)),
        ("scheduler.json", SchedulerFile(Path("scheduler.json"))),
        ("/shared/scheduler", SchedulerFile(Path("/shared/scheduler"))),
    ],
)
def test_an_address_is_read(text: str, found: address.Address) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no address"),
        ("kiwi", "has no port"),
        ("tcp://kiwi", "has no port: tcp://kiwi:8786"),
        ("tcp://kiwi:", "has no port"),
        ("tcp://kiwi:x", "'x' is no port"),
        ("tcp://kiwi:0", "'0' is no port"),
        ("tcp://kiwi:65536", "'65536' is no port"),
        ("tcp://:8786", "no address"),
        ("tcp://a b:1", "no address"),
        ("tcp://::1:8786", "no address"),
        ("tcp://kiwi:8786/status", "no address"),
        ("http://kiwi:8787", "the protocol is tcp or tls"),
        ("local", "as local:2"),
        ("local:", "as local:2"),
        ("local:0", "as local:2"),
        ("local:x", "as local:2"),
        ("local:-1", "as local:2"),
        ("local:2.5", "as local:2"),
        ("local:1000", "at most 999 workers"),
        ("\0", "has no port"),
    ],
)
def test_what_is_no_address_is_one_line(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as raised:
        parse(text)
    assert "\n" not in str(raised.value)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid", "a" * 64])
def test_where_nothing_listens_the_wait_has_an_end(host: str) -> None:
    with pytest.raises(ClusterError, match=r"no scheduler answers at tcp://.* within 0.3 s"):
        reached(parse(f"tcp://{host}:{free_port()}"), patience_s=0.3)


@contextlib.contextmanager
def listening(answer: Callable[[socket.socket], object]) -> Iterator[address.Scheduler]:
    """Something that listens, and does `answer` with each connection."""

    def serve() -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                answer(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield parse(f"127.0.0.1:{listener.getsockname()[1]}")
        listener.shutdown(socket.SHUT_RDWR)


HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" + b" " * 64


@pytest.mark.parametrize(
    ("content", "problem"), [(HTTP, "speaks another protocol"), (b"", "within 0.3 s")]
)
def test_what_answers_and_is_no_scheduler_is_one_line(content: bytes, problem: str) -> None:
    """As a web server, or the dashboard, which waits for the end of a line."""
    pytest.importorskip("distributed")
    held = []

    def answer(connection: socket.socket) -> None:
        held.append(connection)
        connection.sendall(content)

    with listening(answer) as place, pytest.raises(ClusterError) as raised:
        require_scheduler(place, "client", limit_s=0.3)
    assert str(raised.value).startswith("something that is not a Dask scheduler answers at tcp://")
    assert problem in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_look_up_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def wait() -> socket.socket:
        released.wait()
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", lambda *_: wait())
    with pytest.raises(ClusterError, match="no answer"):
        reached(parse("tcp://kiwi:8786"), patience_s=0.3)
    released.set()


def test_a_listener_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = parse(f"127.0.0.1:{listener.getsockname()[1]}")
        assert reached(place) == place


def test_a_scheduler_that_comes_later_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First there is no file, then half of it, then nobody listens yet."""
    path, looks = tmp_path / "scheduler.json", iter(range(9))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        uri = f"tcp://127.0.0.1:{listener.getsockname()[1]}"

        def proceed(_: float) -> None:
            match next(looks):
                case 0:
                    path.write_text('{"addr', encoding="utf-8")
                case 1:
                    path.write_text(json.dumps({"address": uri}), encoding="utf-8")
                case 2:
                    listener.listen()

        monkeypatch.setattr(time, "sleep", proceed)
        assert reached(SchedulerFile(path)).uri == uri


def test_a_file_of_a_scheduler_that_has_ended_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a job that was requeued under its number."""
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps({"address": "tcp://127.0.0.1:1"}), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        new = json.dumps({"address": uri})
        monkeypatch.setattr(time, "sleep", lambda _: path.write_text(new, encoding="utf-8"))
        assert reached(SchedulerFile(path)).uri == uri


def test_a_file_is_read_again_where_its_address_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the machine of the scheduler is gone."""
    path, limits = tmp_path / "scheduler.json", []
    path.write_text(json.dumps({"address": "tcp://kiwi:1"}), encoding="utf-8")
    answers = iter(["no answer", ""])

    def problem(_: object, limit_s: float) -> str:
        limits.append(limit_s)
        return next(answers)

    monkeypatch.setattr(address, "_problem", problem)
    reached(SchedulerFile(path), patience_s=60)
    assert limits == [address.TOUCH_S] * 2


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"id": 1}', '{"address": "kiwi"}', "\0"])
def test_a_file_that_is_no_schedulers_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scheduler.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="is no scheduler file"):
        reached(SchedulerFile(path), patience_s=0.1)


def test_a_file_of_any_name_that_is_no_schedulers_is_called_that_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))
    Path("README.md").write_text("# A page", encoding="utf-8")
    place = parse("README.md")
    assert isinstance(place, SchedulerFile)
    with pytest.raises(UsageError, match=r"README.md is no scheduler file.*tcp://host:8786"):
        reached(place)


def test_a_file_that_is_missing_is_not_waited_for_without_end(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no scheduler file .*after 0.1 s"):
        reached(SchedulerFile(tmp_path / "scheduler.json"), patience_s=0.1)


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="directory"):
        reached(SchedulerFile(tmp_path))
