"""`bench gate --prove`: what it counts, what it writes and shows whatever ends it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli import app
from bench.gate.errors import GateError, ProofError
from bench.gate.evaluation import proof
from bench.gate.evaluation.proof import SLOWDOWN, drawn, prove, report
from bench.gate.statistics import BROKEN, PASSED, REGRESSION
from tests.bench.gate.conftest import Checkout
from tests.support.gate_runs import NAMES, request_of

WORKLOAD = "def test_w(benchmark):\n    benchmark(sum, range(1000))\n"


def finished(verdicts: dict[str, str], seconds: float = 60.0, failed: bool = False) -> dict:
    """Raw timings, as far as they count here."""
    workloads = {name: {"verdict": verdict} for name, verdict in verdicts.items()}
    return {"workloads": workloads, "seconds": seconds, "control": {"failed": failed}}


@pytest.fixture
def gate(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[bool]]:
    """Puts one that says PASS in the place of the gate's, and `end` in its last run."""
    checkout.commit(tests__speed__test_w=WORKLOAD)

    def install(end: Callable[[], int], last: int) -> list[bool]:
        unchanged: list[bool] = []

        def compare(request, folder, show, progress):
            unchanged.append(request.head == request.base)
            request.out.write_text(json.dumps(finished(dict.fromkeys(NAMES, "PASS"))))
            show("the table of a run")
            progress("round 1")
            return end() if len(unchanged) == last else PASSED

        monkeypatch.setattr(proof, "compare", compare)
        return unchanged

    return install


def test_half_of_the_runs_have_extra_work_in_half_of_their_workloads(
    checkout: Checkout, tmp_path: Path, gate: Callable[..., list[bool]]
) -> None:
    unchanged = gate(lambda: PASSED, 6)
    shown: list[str] = []
    noted: list[str] = []
    request = request_of(tmp_path, time_limit_s=25.0)
    assert prove(3, request, checkout.root, shown.append, noted.append) == PASSED
    assert unchanged == [True, False] * 3
    trials = json.loads((tmp_path / "raw.json").read_text())["trials"]
    assert [trial["extra"] is None for trial in trials] == unchanged
    draws = [trial["extra"] for trial in trials if trial["extra"]]
    assert all(draw == dict.fromkeys(draw, SLOWDOWN) for draw in draws)
    assert all(len(draw) == len(NAMES) / 2 for draw in draws)
    assert noted[0] == "6 runs of at most 25 s each: up to 3 min"
    assert noted[-1] == "run 6 of 6, round 1"
    assert len(shown) == 1
    assert len(checkout.git("worktree", "list").splitlines()) == 1


def test_each_run_has_a_draw_and_a_coin_of_its_own(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.commit(tests__speed__test_w=WORKLOAD)
    seeds, heads = set(), set()

    def compare(request, folder, show, progress):
        seeds.add(request.seed)
        heads.add(request.head)
        request.out.write_text(json.dumps(finished(dict.fromkeys(NAMES, "PASS"))))
        show("")
        return PASSED

    monkeypatch.setattr(proof, "compare", compare)
    prove(8, request_of(tmp_path), checkout.root, print, print)
    assert len(seeds) == 16
    assert len(heads) > 4


def test_of_an_odd_number_of_workloads_one_more_is_slower() -> None:
    assert drawn(["w"], random.Random(0)) == {"w": SLOWDOWN}
    assert len(drawn("abc", random.Random(0))) == 2


def test_false_alarms_power_and_minutes_are_counted() -> None:
    quiet = finished({"a": "PASS", "b": "INCONCLUSIVE", "gone": "skipped"}, 120)
    alarm = finished({"a": "PASS", "b": "FAIL"}, 180, failed=True)
    slow = finished({"a": "FAIL", "b": "PASS"}, 240)
    trials = [
        {"extra": None, **quiet},
        {"extra": {"a": 0.05, "gone": 0.05}, **slow},
        {"extra": None, **alarm},
        {"extra": {"b": 0.05}, **slow},
    ]
    text = report(trials)
    rows = [
        [cell.strip().partition(" (")[0] for cell in line.split("|")[2:-1]]
        for line in text.splitlines()[2:5]
    ]
    assert rows == [
        ["1 of 2", "0 of 2", "1 of 2"],  # runs of base against itself
        ["2 of 6", "3 of 6", "1 of 6"],
        ["1 of 2", "1 of 2", "0 of 2"],  # slower by 5 %
    ]
    assert "The A/A control failed in 1 of 4 (" in text
    assert "Minutes: 2.5 against itself and 4.0 with extra work (medians), 13.0 in all." in text


def interrupted() -> int:
    raise KeyboardInterrupt


def test_what_has_finished_is_shown_and_written_after_ctrl_c(
    checkout: Checkout, tmp_path: Path, gate: Callable[..., list[bool]]
) -> None:
    gate(interrupted, 2)
    shown: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        prove(2, request_of(tmp_path), checkout.root, shown.append, print)
    (text,) = shown
    assert "| 1 of 1 (" in text
    assert "| 0 of 0 " in text
    assert len(json.loads((tmp_path / "raw.json").read_text())["trials"]) == 1
    assert len(checkout.git("worktree", "list").splitlines()) == 1
    assert checkout.git("branch", "--format=%(refname:short)") == "main"
    assert not list((tmp_path / "tmp").glob("ratebench-held-*"))


def test_a_broken_run_ends_the_proof(
    checkout: Checkout, tmp_path: Path, gate: Callable[..., list[bool]]
) -> None:
    gate(lambda: BROKEN, 1)
    shown: list[str] = []
    with pytest.raises(ProofError, match="run 1 is BROKEN"):
        prove(1, request_of(tmp_path), checkout.root, shown.append, print)
    assert shown == ["the table of a run"]


def test_a_fail_in_a_run_is_no_failure_of_the_proof(
    checkout: Checkout, tmp_path: Path, gate: Callable[..., list[bool]]
) -> None:
    gate(lambda: REGRESSION, 2)
    assert prove(1, request_of(tmp_path), checkout.root, print, print) == PASSED


def test_only_a_file_of_the_gates_is_replaced(
    checkout: Checkout, tmp_path: Path, gate: Callable[..., list[bool]]
) -> None:
    gate(lambda: PASSED, 0)
    for _ in range(2):
        prove(1, request_of(tmp_path), checkout.root, print, print)
    (tmp_path / "raw.json").write_text("# My notes\n")
    with pytest.raises(GateError, match="holds no timings of the gate"):
        prove(1, request_of(tmp_path), checkout.root, print, print)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--prove", "0"], "--prove 0: at least one run of each kind"),
        (["--prove", "-1"], "--prove -1: at least one run"),
        (["--prove", "1", "HEAD~1", "HEAD"], "--prove takes BASE"),
        (["--prove", "--save", "a.json"], "--prove takes BASE"),
        (["--prove", "--baseline", "a.json"], "--prove takes BASE"),
        (["HEAD", "--prove", "--inconclusive", "pass"], "--prove takes BASE"),
        (["--prove", "1", "--workload", "w", "--out", "setup.cfg"], "holds no timings"),
        (["no-such-branch", "--prove"], "there is no revision 'no-such-branch'"),
    ],
    ids=" ".join,
)
def test_bad_use_is_one_error(
    words: list[str], error: str, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.commit(tests__speed__test_w=WORKLOAD)
    (checkout.root / "setup.cfg").write_text("[x]\n")
    monkeypatch.chdir(checkout.root)
    result = CliRunner().invoke(app, ["gate", *words])
    assert result.exit_code == BROKEN
    assert result.output.count("\n") == 1
    assert f"error: {error}" in result.output or f": {error}" in result.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--prove"], (10, "HEAD")),
        (["--prove", "3"], (3, "HEAD")),
        (["--prove=3"], (3, "HEAD")),
        (["--prove", "v1.0"], (10, "v1.0")),
        (["v1.0", "--prove", "3"], (3, "v1.0")),
        (["--prove", "--workload", "w"], (10, "HEAD")),
    ],
    ids=lambda each: " ".join(map(str, each)),
)
def test_the_number_of_runs_may_be_left_out(
    words: list[str], expected: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[int, str]] = []

    def prove(runs, request, *_):
        found.append((runs, request.base))
        return PASSED

    monkeypatch.setattr(proof, "prove", prove)
    assert CliRunner().invoke(app, ["gate", *words]).exit_code == PASSED
    assert found == [expected]


def test_the_gate_proves_itself_in_real_processes(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One round each, for there is no time for more: nothing is decided."""
    checkout.commit(tests__speed__test_w=WORKLOAD)
    monkeypatch.chdir(checkout.root)
    words = ("--prove", "1", "--workload", "w", "--time-limit", "1")
    result = CliRunner().invoke(app, ["gate", *words])
    assert result.exit_code == PASSED, result.output
    rows = [line.split("|")[1:-1] for line in result.output.splitlines() if line.startswith("|")]
    assert [row[-1].strip().partition(" (")[0] for row in rows[2:]] == ["1 of 1"] * 3
    (same, slow) = json.loads((checkout.root / ".benchmarks/gate.json").read_text())["trials"]
    assert (same["extra"], slow["extra"]) == (None, {"w": SLOWDOWN})
    assert len(slow["workloads"]["w"]["rounds"]) >= 1
