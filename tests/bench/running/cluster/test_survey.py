"""`bench doctor --cluster`: a row for each machine."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.commands import terminal
from bench.running.cluster import connecting, survey
from bench.running.cluster.connecting import Connection, _Worker, connected
from tests.support.clusters import Heard, Processes, processes, until

pytest.importorskip("distributed")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Processes]:
    with processes(tmp_path) as started:
        yield started


@pytest.fixture(autouse=True)
def timings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that Dask finds by its name on any machine, in the place of 20 fits."""
    timed = ([2.0, 2.06, 2.06, 2.0] * 5, ["waited for a core 50 % of its time"])
    monkeypatch.setattr(survey, "time_fits", functools.partial(json.dumps, timed))


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cell of the table is wrapped."""
    monkeypatch.setattr(terminal, "out", terminal.console(width=300))


def shown(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", *words])
    return done.exit_code, re.sub(r" +", " ", done.output)


def test_each_machine_has_a_row_with_its_noise_or_its_refusal(started: Processes, uri: str) -> None:
    started.worker(uri, "kiwi")
    started.worker(uri, "plain", "--resources", "other=1")
    with connected(uri, Heard()) as connection:
        until(lambda: connection.poll() or len(connection._everyone()) == 2, "both")
    code, output = shown("--cluster", uri)
    assert code == 0
    kiwi, plain = sorted(line for line in output.splitlines() if line.startswith(("kiwi", "plain")))
    assert "3.0 % (2.1 to 5.2), 1 of 20 disturbed 6 one at a time" in kiwi
    assert re.match(r"kiwi \(\S+-[0-9a-f]{6}\) ", kiwi)
    assert plain.rstrip().endswith(" none")
    refusal = "WARNING: plain takes no cells: it does not offer machine=1: start it with `bench"
    assert refusal in output


def test_a_machine_that_runs_a_cell_of_another_run_is_busy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    connection = Connection(None, "", Heard())
    busy = connection.ours.model_copy(update={"busy": True})
    connection._accepted[_Worker("tcp://kiwi:1", "kiwi")] = busy
    assert survey._timed(connection) == {"tcp://kiwi:1": "busy"}
    assert "timing" not in capsys.readouterr().err


def test_without_a_worker_it_says_soon_how_to_start_one(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "REMINDER_S", 0.1)
    monkeypatch.setattr(survey, "ANSWERS_S", 1e9)
    code, output = shown("--cluster", uri)
    assert code == 2
    assert f"no worker is at {uri}: start one on a machine" in re.sub(r"\s+", " ", output)
    assert "timing" not in output


def test_it_measures_one_machine_or_all_of_a_cluster() -> None:
    code, output = shown("--cluster", "local:1", "--noise")
    assert code == 2
    assert "--cluster has the noise of each machine" in output
