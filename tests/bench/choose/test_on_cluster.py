"""A choice on one machine of a cluster: what it sends back, and what becomes of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.cell.execute import CancelledError
from bench.choose.on_cluster import Remote, chosen_machine
from bench.choose.outcome import PROBE, Request, outcome_of
from bench.choose.remote import Choice, Chosen, choose_here, chosen
from bench.choose.session import SETTLED
from bench.choose.watching import Watching
from bench.commands.terminal import UsageError
from bench.planning.facts import Loader
from bench.running.cluster import copies
from bench.running.cluster.address import ClusterError
from bench.running.cluster.greeting import Greeting
from bench.running.cluster.payload import Setting
from bench.running.cluster.pool import Answered, Broken, Gone, Report, Reported
from bench.running.ledger import Ledger
from bench.store import RecordStore, parsed
from bench.tune.study import StudyError
from tests.support.machines import greeting


class Wire:
    """Remembers what is said; nobody waits any more after so many looks."""

    def __init__(self, looks: int = 10**9) -> None:
        self.looks, self.reported = looks, list[tuple[str, str]]()

    def cancelled(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def gpus(self) -> int:
        return 0

    def report(self, what: str, text: str) -> None:
        self.reported.append((what, text))


class OneMachine:
    """Each of its tasks reports what a test says."""

    def __init__(self, *of_tasks: Sequence[Report]) -> None:
        self._of_tasks = list(of_tasks)
        self._reports: list[Report] = []
        self.tasks: list[tuple[Any, ...]] = []
        self.there = {"tcp://one": greeting("one")}

    def look(self) -> Mapping[str, Greeting]:
        return self.there

    def submit(self, address: str, function: Callable[..., str], *arguments: Any) -> str:
        self.tasks.append((function, *arguments))
        self._reports = list(self._of_tasks.pop(0))
        return f"run-{len(self.tasks)}"

    def cancel(self, task: str) -> None: ...

    def next(self, timeout_s: float) -> Report | None:
        return self._reports.pop(0) if self._reports else None


def choice_of(ratings: Path, names: Sequence[str] = ("bias",)) -> Choice:
    request = Request(
        name="r",
        dataset=str(ratings),
        split="random:80/10/10",
        final_split="random:90/10",
        minutes=0.05,
        goal=None,
        seeds=1,
        threads=1,
        models=[],
        fingerprint=Loader().facts(str(ratings)).data.fingerprint,
    )
    file = copies.described(str(ratings))
    assert file is not None
    setting = Setting(run="run", files={str(ratings): file}, sandbox="off")
    return Choice(
        setting=setting, request=request, before=None, names=[*names], devices=["cpu"], records=[]
    )


def remote(
    out: Path, pool: OneMachine, choice: Choice, shown: list[str] | None = None
) -> tuple[Remote, list[Request]]:
    kept: list[Request] = []
    ledger = Ledger(RecordStore(out), Watching(print, print), SETTLED)
    show = (shown if shown is not None else []).append
    return Remote(pool, "tcp://one", "one", choice, ledger, kept.append, show), kept


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATEBENCH_CACHE", str(tmp_path / "cache"))


def test_all_of_a_choice_comes_back(tmp_path: Path, ratings: Path) -> None:
    choice, wire = choice_of(ratings), Wire()
    answer = chosen(choice, wire)
    assert answer.request is not None, answer
    assert answer.request.ended
    reports = [Reported("run-1", *each) for each in wire.reported]
    pool = OneMachine([*reports, Answered("run-1", answer.to_json())])
    shown: list[str] = []
    it, kept = remote(tmp_path / "out", pool, choice, shown)
    found = it.run()
    assert found == answer.request
    assert pool.tasks == [(choose_here, choice.to_json())]
    outcome = outcome_of(found, RecordStore(tmp_path / "out").read()[0])
    assert outcome.models[0].best is not None
    assert outcome.models[0].best_runs
    assert 0 < kept[0].wall_s <= kept[-1].wall_s <= found.wall_s
    assert any("final runs" in line for line in shown)

    lines = [record.to_line() for record in RecordStore(tmp_path / "out").read()[0]]
    again = choice.model_copy(update={"before": found, "records": lines})
    wire = Wire()
    answer = chosen(Choice.from_json(again.to_json()), wire)
    assert [what for what, _ in wire.reported if what == "record"] == []
    assert answer.request is not None
    assert answer.request.models == found.models


def test_searches_before_the_last_one_go_to_the_machine_too(ratings: Path) -> None:
    choice = choice_of(ratings)
    first = chosen(choice, wire := Wire()).request
    assert first is not None
    lines = [text for what, text in wire.reported if what == "record"]
    second = first.model_copy(update={"split": "time:80/10/10", "others": [first]})
    again = choice.model_copy(update={"before": second, "records": lines})
    found = chosen(Choice.from_json(again.to_json()), wire := Wire()).request
    assert found is not None
    assert [what for what, _ in wire.reported if what == "record"] == []
    assert [each.split for each in found.others] == [second.split]
    assert found.wall_s == first.wall_s


def test_no_request_comes_back_before_it_is_planned(ratings: Path) -> None:
    wire = Wire()
    chosen(choice_of(ratings, ["numpy_sgd", "numpy_sgd_strata"]), wire)
    suites = [parsed(text).cell.suite for what, text in wire.reported if what == "record"]
    assert suites[0] == PROBE
    sent = [Request.model_validate_json(text) for what, text in wire.reported if what == "request"]
    assert sent
    assert all(request.models and not request.ended for request in sent)


def test_a_choice_that_nobody_waits_for_ends(ratings: Path) -> None:
    with pytest.raises(CancelledError):
        chosen(choice_of(ratings), Wire(looks=1))


def test_what_cannot_be_chosen_is_said(ratings: Path) -> None:
    assert "no implementation 'x'" in chosen(choice_of(ratings, ["x"]), Wire()).problem
    request = choice_of(ratings).request.model_copy(update={"fingerprint": "0" * 64})
    other = choice_of(ratings).model_copy(update={"request": request})
    assert "other ratings" in chosen(other, Wire()).refused
    choice = choice_of(ratings)
    ratings.unlink()
    assert chosen(choice, Wire()).missing == [str(ratings)]


def test_a_file_that_is_missing_is_sent_first(
    tmp_path: Path, ratings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "PIECE", ratings.stat().st_size - 1)
    choice = choice_of(ratings)
    done = Chosen(request=choice.request)
    pool = OneMachine(
        [Answered("run-1", Chosen(missing=[str(ratings)]).to_json())],
        [Answered("run-2", "")],
        [Answered("run-3", "")],
        [Answered("run-4", done.to_json())],
    )
    it, _ = remote(tmp_path / "out", pool, choice)
    assert it.run() == choice.request
    content = ratings.read_bytes()
    assert [task[2:] for task in pool.tasks[1:3]] == [
        (0, content[:-1]),
        (len(content) - 1, content[-1:]),
    ]


@pytest.mark.parametrize(
    ("report", "error", "reason"),
    [
        (Gone("run-1"), ClusterError, "was lost"),
        (Broken("run-1", "no module"), ClusterError, "failed: no module"),
        (Answered("run-1", Chosen(refused="other x").to_json()), ClusterError, "other x"),
        (Answered("run-1", Chosen(broken="no disk").to_json()), ClusterError, "no disk"),
        (Answered("run-1", Chosen(problem="no row").to_json()), StudyError, "no row"),
    ],
)
def test_what_goes_wrong_is_one_line(
    tmp_path: Path, ratings: Path, report: Report, error: type[Exception], reason: str
) -> None:
    it, _ = remote(tmp_path / "out", OneMachine([report]), choice_of(ratings))
    with pytest.raises(error, match=reason):
        it.run()


def test_a_machine_that_leaves_ends_the_choice(tmp_path: Path, ratings: Path) -> None:
    pool = OneMachine([])
    pool.there.clear()
    it, _ = remote(tmp_path / "out", pool, choice_of(ratings))
    with pytest.raises(ClusterError, match="left the cluster"):
        it.run()


def test_the_machine_that_has_trials_goes_on() -> None:
    machines = {"a": greeting("one"), "b": greeting("two"), "c": greeting("three", gpus=1)}
    assert chosen_machine(machines, {}, ["auto"])[0] == "a"
    assert chosen_machine(machines, {}, ["cuda"])[0] == "c"
    assert chosen_machine(machines, {"two": 3, "gone": 9}, ["cuda"])[0] == "b"
    with pytest.raises(UsageError, match="ran on gone, which is not in the cluster"):
        chosen_machine(machines, {"gone": 1}, ["auto"])


@pytest.mark.parametrize(
    "reports",
    [
        [Answered("run-1", "garbage")],
        [Answered("run-1", "[" * 100_000)],
        [Reported("run-1", "record", "garbage")],
        [Reported("run-1", "request", "garbage")],
        [Answered("run-1", Chosen(missing=["/etc/passwd"]).to_json())],
    ],
)
def test_garbage_ends_the_choice_with_one_line(
    tmp_path: Path, ratings: Path, reports: list[Report]
) -> None:
    it, _ = remote(tmp_path / "out", OneMachine(reports), choice_of(ratings))
    with pytest.raises(ClusterError, match=r"^(what one sends cannot be read|one cannot search): "):
        it.run()
