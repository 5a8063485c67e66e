"""From a suite to cells: order, identity, skip reasons, the fallback with a warning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from bench import machine
from bench.planning import availability, describing
from bench.planning.loading import ImplementationError, load_class
from bench.planning.plan import EVERY_CORE, Cell, Planner, Skip
from bench.planning.presets import SettingError
from bench.planning.suite import Overrides, Suite, SuiteError, names, read
from datasets.errors import NotAvailable
from datasets.splits import folds
from impls.registry import IMPLEMENTATIONS
from tests.support import SUPPORT
from tests.support.plans import facts

MISBEHAVING = SUPPORT / "misbehaving.py"
MEAN = f"{MISBEHAVING}:Mean"


def suite(**block: Any) -> Suite:
    defaults = {"implementations": ["global_mean", "bias"], "datasets": ["with-goals"]}
    return Suite.model_validate(
        {"name": "test", "description": "", "blocks": [{**defaults, "devices": ["cpu"], **block}]}
    )


def plan(requested: Suite, overrides: Overrides = Overrides(), **changes: Any) -> list[Cell]:  # noqa: B008
    settings = {"check_split": lambda *_: None, "threads": 1, **changes}
    planner = Planner(facts, overrides=overrides, **settings)
    return planner.plan(overrides.apply(requested))


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(availability, "has_cuda_driver", lambda: False)
    availability.device_problem.cache_clear()
    yield
    availability.device_problem.cache_clear()


def test_repeats_are_interleaved_and_each_is_shuffled() -> None:
    implementations = ["global_mean", "bias", "numpy_sgd", MEAN]
    cells = plan(suite(implementations=implementations, seeds=5))
    assert [cell.request.seed for cell in cells] == [seed for seed in range(5) for _ in range(4)]
    orders = {tuple(c.request.implementation for c in cells[n : n + 4]) for n in range(0, 20, 4)}
    assert len(orders) > 1
    assert all(set(order) == set(implementations) for order in orders)


def test_the_order_is_the_same_each_time() -> None:
    requested = suite(implementations=["global_mean", "bias", MEAN], seeds=3)
    assert plan(requested) == plan(requested)


def test_the_baseline_runs_first_where_it_sets_the_goal() -> None:
    requested = suite(implementations=[MEAN, "global_mean", "bias"], datasets=["file"], seeds=3)
    cells = plan(requested)
    for start in range(0, 9, 3):
        assert cells[start].request.implementation == "bias"


def test_identity_holds_what_decides_the_result_and_no_more() -> None:
    environment = machine.environment()

    def identity(overrides: Overrides = Overrides(), **block: Any) -> str:  # noqa: B008
        (cell,) = plan(suite(implementations=["numpy_sgd"], **block), overrides)
        return cell.identity(environment)

    base = identity()
    assert identity(time_limit_s=5) == base
    different = [
        identity(split="random:90/10"),
        identity(datasets=["other"]),
        identity(threads=2),
        identity(pin=True),
        identity(epochs=7),
        identity(patience=1),
        identity(Overrides(settings={"numpy_sgd": {"epochs": "9"}})),
    ]
    assert len({base, *different}) == 1 + len(different)


@pytest.mark.parametrize("threads", [1, 2])
def test_only_cells_of_one_thread_are_pinned(threads: int) -> None:
    cells = plan(suite(pin=True), threads=threads)
    assert [cell.request.pinned for cell in cells] == [threads == 1] * 2
    assert not any(cell.request.pinned for cell in plan(suite()))


@pytest.mark.usefixtures("no_cuda")
def test_a_device_that_is_not_there_is_a_reason_to_skip() -> None:
    cells = plan(suite(implementations=["global_mean", "embedding_mf"], devices=["cuda"]))
    reasons = {cell.request.implementation: cell.skip for cell in cells}
    assert reasons["global_mean"] is not None
    assert reasons["global_mean"].reason == "CPU only"
    assert reasons["embedding_mf"] is not None
    assert reasons["embedding_mf"].status == "skipped"
    assert reasons["embedding_mf"].reason == "no CUDA device"


@pytest.mark.usefixtures("no_cuda")
def test_a_row_that_needs_a_device_keeps_its_place_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though Triton were missing, too: to install it would not help."""
    monkeypatch.setattr(availability, "versions", lambda _: {})
    cells = plan(suite(implementations=["triton_sgd"], devices=["cpu", "cuda"]))
    assert {cell.request.device: cell.skip for cell in cells} == {
        "cpu": Skip("skipped", "CUDA only"),
        "cuda": Skip("skipped", "no CUDA device"),
    }


def test_a_row_whose_language_is_not_installed_is_skipped_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(availability, "versions", lambda _: {})
    monkeypatch.setattr(availability, "device_problem", lambda _: None)
    (cell,) = plan(suite(implementations=["triton_sgd"], devices=["cuda"]))
    reason = "triton is not installed: make triton (pip install -e '.[triton]')"
    assert cell.skip == Skip("skipped", reason)


@pytest.mark.usefixtures("no_cuda")
def test_a_plan_for_other_machines_asks_nothing_of_this_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither a library nor a device of this machine decides what another one can run."""
    monkeypatch.setattr(availability, "versions", lambda _: {})
    rows = ["peer:surprise_svd", "embedding_mf", "peer:spark_als"]
    requested = suite(implementations=rows, devices=["auto"])
    for cuda, devices in ((False, {"cpu"}), (True, {"cpu", "cuda"})):
        cells = plan(requested, place=availability.Elsewhere(cuda), threads=EVERY_CORE)
        assert {cell.request.device for cell in cells} == devices
        assert {cell.request.threads for cell in cells} == {EVERY_CORE}
        assert all(cell.implementation_hash for cell in cells)
        skipped = {
            (cell.request.implementation, cell.request.device, cell.skip.reason)
            for cell in cells
            if cell.skip
        }
        assert skipped <= {(row, "cuda", "CPU only") for row in rows}
        assert {cell.library for cell in cells} == {"scikit-surprise", "", "pyspark"}


@pytest.mark.usefixtures("no_cuda")
def test_auto_is_the_cpu_alone_without_a_cuda_device() -> None:
    assert {cell.request.device for cell in plan(suite(devices=["auto"]))} == {"cpu"}


def has_cornac(monkeypatch: pytest.MonkeyPatch, installed: str | None) -> None:
    def versions(packages: Iterable[str]) -> dict[str, str]:
        found = {package: installed if package == "cornac" else "1.0" for package in packages}
        return {package: version for package, version in found.items() if version}

    monkeypatch.setattr(availability, "versions", versions)


def test_a_peer_that_is_not_installed_is_skipped_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has_cornac(monkeypatch, None)
    (cell,) = plan(suite(implementations=["peer:cornac_mf"]))
    reason = "cornac is not installed: make peers (pip install -e '.[peers]')"
    assert cell.skip == Skip("skipped", reason)


def test_the_version_of_a_library_is_part_of_the_identity_of_the_row_that_wraps_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = machine.environment()  # cached for the whole process, so before versions are pretended
    identities: dict[str, set[str]] = {"peer:cornac_mf": set(), "bias": set()}
    for installed in (None, "3.0.1", "3.0.2"):
        has_cornac(monkeypatch, installed)
        for cell in plan(suite(implementations=list(identities))):
            identities[cell.request.implementation].add(cell.identity(here))
    assert {name: len(them) for name, them in identities.items()} == {
        "peer:cornac_mf": 3,
        "bias": 1,
    }


def test_a_setting_reaches_a_peer_though_its_name_has_a_colon() -> None:
    overrides = Overrides(settings={"peer:cornac_mf": {"k": "8", "epoch_budgets": "(3, 6)"}})
    (cell,) = plan(suite(implementations=["peer:cornac_mf"]), overrides)
    assert cell.request.hyperparameters["k"] == 8
    assert cell.request.hyperparameters["epoch_budgets"] == (3, 6)


def test_what_cannot_be_imported_keeps_its_row(tmp_path: Path) -> None:
    (tmp_path / "lacks.py").write_text("import a_package_nobody_has\n")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    named = [f"{tmp_path}/lacks.py:A", f"{tmp_path}/broken.py:B"]
    by_name = {c.request.implementation: c.skip for c in plan(suite(implementations=named))}
    lacks, broken = (by_name[name] for name in named)
    assert lacks is not None
    assert (lacks.status, lacks.reason) == (
        "skipped",
        "package not installed: a_package_nobody_has",
    )
    assert broken is not None
    assert broken.status == "failed"
    assert "ZeroDivisionError" in broken.reason


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such", "There are: global_mean, bias"),
        ("no/such/file.py:Class", "no file no/such/file.py"),
        (f"{MISBEHAVING}:NoClass", "has no class 'NoClass'; it defines Mean"),
        ("bench.cell.clock:Clock", "no implementation"),
    ],
)
def test_a_wrong_name_is_refused_before_anything_runs(name: str, message: str) -> None:
    with pytest.raises(ImplementationError, match=message):
        plan(suite(implementations=[name]))


def test_a_class_that_lacks_the_protocol_is_named_with_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "half.py").write_text("class Half:\n    def fit(self): ...\n")
    with pytest.raises(ImplementationError, match=r"lacks @dataclass, field `device`.*`predict`"):
        plan(suite(implementations=[f"{tmp_path}/half.py:Half"]))


def test_a_stand_in_is_loud_and_labelled() -> None:
    notices: list[str] = []
    cells = plan(suite(datasets=["nowhere"], fallback="with-goals"), on_notice=notices.append)
    assert {cell.request.dataset for cell in cells} == {"with-goals"}
    assert all("stands in for nowhere" in cell.facts.data.note for cell in cells)
    assert len(notices) == 1
    assert "nowhere is not on this machine" in notices[0]


def test_a_dataset_requested_by_name_never_falls_back() -> None:
    requested = suite(fallback="with-goals")
    with pytest.raises(NotAvailable):
        plan(requested, Overrides(datasets=["nowhere"]))


def test_a_published_row_is_chosen_by_name_and_never_changed() -> None:
    cells = plan(read("published"), Overrides(implementations=["numpy_sgd"]))
    assert {cell.request.implementation for cell in cells} == {"numpy_sgd"}
    assert {(cell.request.preset, cell.request.split) for cell in cells} == {
        ("published", "random:80/20"),
        ("surprise", "5-fold"),
        ("surprise", "u1"),
        ("default", "u1"),
        ("surprise", "peek:5-fold"),
        ("surprise", "peek:u1"),
        ("default", "peek:u1"),
    }
    with pytest.raises(SuiteError, match="suite 'published' has no row of ml-10m"):
        plan(read("published"), Overrides(datasets=["ml-10m"]))


def test_names_of_a_suite_choose_among_its_rows_and_others_take_their_place() -> None:
    def rows(**names: list[str]) -> list[tuple[str, str]]:
        blocks = Overrides(**names).apply(read("full")).blocks
        return [(d, i) for b in blocks for d in b.datasets for i in b.implementations]

    assert rows(implementations=["autograd_mf"]) == [
        ("ml-100k", "autograd_mf"),
        ("ml-1m", "autograd_mf"),
    ]
    full = rows()
    assert len(full) == len(set(full))
    assert rows(datasets=["ml-1m"]) == [row for row in full if row[0] == "ml-1m"]
    assert rows(implementations=[MEAN, "bias"]) == [
        (dataset, name) for dataset in ("ml-100k", "ml-1m") for name in (MEAN, "bias")
    ]
    elsewhere = rows(datasets=["mine.csv"])
    assert sorted(elsewhere) == sorted(
        ("mine.csv", name) for dataset, name in full if dataset == "ml-100k"
    )


def test_a_row_at_another_preset_is_no_repeat() -> None:
    def rows(**block: str) -> list[tuple[str, str, str]]:
        blocks = Overrides(datasets=["ml-1m"], block=block).apply(read("peers")).blocks
        return [(i, d, b.preset) for b in blocks for d in b.datasets for i in b.implementations]

    assert {("peer:cornac_mf", "ml-1m", preset) for preset in ("default", "fast")} < set(rows())
    assert len(rows(preset="fast")) == len(set(rows(preset="fast"))) == 11


def test_a_name_that_ends_in_no_row_is_an_error() -> None:
    requested = Overrides(implementations=["numpy_sgd", MEAN])
    with pytest.raises(SuiteError, match=r"suite 'published' has no row of .*Mean"):
        requested.apply(read("published"))


def test_a_fold_is_not_run_twice() -> None:
    with pytest.raises(SuiteError, match="5-fold has 5 folds"):
        plan(suite(), Overrides(block={"split": "5-fold", "seeds": 6}))


def test_every_published_row_can_run() -> None:
    published = read("published")
    assert all(block.reference for block in published.blocks)
    cells = plan(published)
    assert {cell.request.split for cell in cells} == {
        "random:80/20",
        "random:90/10",
        "5-fold",
        "u1",
        "peek:random:90/10",
        "peek:5-fold",
        "peek:u1",
    }
    assert {cell.skip for cell in cells} == {None}


def test_a_cell_has_one_beside_it_that_peeks_and_runs_all_epochs() -> None:
    block: dict[str, Any] = {
        "implementations": ["numpy_sgd"],
        "split": "u1",
        "seeds": 2,
        "patience": 3,
        "until_rmse": 0.9,
        "reference": {"rmse": 0.9, "source": "s", "protocol": "p"},
    }
    alone, both = plan(suite(**block)), plan(suite(**block, peek=True))
    fair = [cell for cell in both if cell.request.split == "u1"]
    peeking = [cell for cell in both if cell.request.split == "peek:u1"]
    assert len(both) == len(fair) + len(peeking) == 4
    here = machine.environment()
    # So the records of before there were any stay theirs.
    assert {cell.identity(here) for cell in fair} == {cell.identity(here) for cell in alone}
    assert not {cell.identity(here) for cell in peeking} & {cell.identity(here) for cell in fair}
    for seed, (one, other) in enumerate(
        zip(*(sorted(some, key=lambda c: c.request.seed) for some in (fair, peeking)), strict=True)
    ):
        assert one.request.seed == other.request.seed == seed
        assert one.request.hyperparameters == other.request.hyperparameters
        assert (one.rules.patience, one.rules.until_rmse) == (3, 0.9)
        assert (other.rules.patience, other.rules.until_rmse) == (None, None)
        assert other.request.rules == asdict(other.rules)
        assert (one.reference is not None, other.reference) == (True, None)


@pytest.mark.parametrize("reference", [None, {"clipped": False}])
def test_a_block_peeks_only_beside_a_number_that_a_curve_is_like(reference: Any) -> None:
    if reference is not None:
        reference = {"rmse": 0.9, "source": "s", "protocol": "p", **reference}
    with pytest.raises(ValidationError, match="peek: only beside a published number that is"):
        suite(peek=True, reference=reference)


def test_every_published_row_with_epochs_and_a_clipped_number_is_peeked_at() -> None:
    published = read("published")
    for block in published.blocks:
        assert block.reference
        assert block.peek == (block.reference.clipped and block.implementations != ["bias"])
    cells = plan(published)
    peeking = [cell for cell in cells if cell.request.split.startswith("peek:")]
    assert all("epochs" in cell.request.hyperparameters for cell in peeking)


def test_a_published_cross_validation_runs_each_fold_once() -> None:
    for block in read("published").blocks:
        assert block.seeds == (folds(block.split) or block.seeds)


def test_every_suite_reads_and_an_unknown_one_lists_them() -> None:
    assert {"quick", "full", "published"} <= set(names())
    for name in names():
        assert read(name).blocks
    with pytest.raises(SuiteError, match="There are: cuda, full, peers, published, quick"):
        read("slow")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": "3"}, "no hyperparameter 'epoch'; it has epochs"),
        ({"epochs": "many"}, "Mean.epochs=many"),
        ({"epochs": "1.5"}, "Mean.epochs=1.5"),
        ({"seed": "1"}, "no hyperparameter 'seed'"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, str], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        plan(suite(implementations=[MEAN]), Overrides(settings={MEAN: settings}))


def test_a_block_sets_hyperparameters_and_each_combination_is_a_row() -> None:
    requested = suite(
        implementations=["embedding_mf", "ncf"],
        set={"batch_size": [256, 1024], "learning_rate": [0.01]},
        seeds=2,
    )
    cells = plan(requested)
    settings = [c.request.hyperparameters for c in cells if c.request.implementation == "ncf"]
    assert sorted((each["batch_size"], each["learning_rate"]) for each in settings) == [
        (256, 0.01),
        (256, 0.01),
        (1024, 0.01),
        (1024, 0.01),
    ]
    assert len({cell.identity(machine.environment()) for cell in cells}) == 8
    assert {cell.settings_label for cell in cells} == {
        " batch_size=256 learning_rate=0.01",
        " batch_size=1024 learning_rate=0.01",
    }


def test_a_value_that_is_itself_a_list_is_one_of_a_list() -> None:
    (cell,) = plan(suite(implementations=["ncf"], set={"hidden": [[8]], "loss": ["bce"]}))
    assert cell.request.hyperparameters["hidden"] == (8,)
    assert cell.request.hyperparameters["loss"] == "bce"


def test_the_command_line_takes_the_place_of_what_a_block_sets() -> None:
    requested = suite(implementations=["ncf"], set={"batch_size": [256, 1024], "margin": [0.5]})
    (cell,) = plan(requested, Overrides(settings={"ncf": {"batch_size": "32"}}))
    assert cell.request.hyperparameters["batch_size"] == 32
    assert cell.request.hyperparameters["margin"] == 0.5


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"set": {"batch": [8]}}, "no hyperparameter 'batch'; it has .*batch_size"),
        ({"set": {"batch_size": ["many"]}}, "NCF.batch_size=many"),
    ],
)
def test_a_wrong_setting_of_a_suite_is_named_with_its_place(
    block: dict[str, Any], message: str
) -> None:
    field = next(iter(block["set"]))
    with pytest.raises(
        SettingError, match=f"suite 'test', the block that sets {field}: .*{message}"
    ):
        plan(suite(implementations=["ncf"], **block))


@pytest.mark.parametrize("values", [8192, []])
def test_what_a_block_sets_is_a_list_of_values(values: Any) -> None:
    with pytest.raises(ValidationError, match=r"blocks\.0\.set\.batch_size"):
        suite(set={"batch_size": values})


def test_a_row_that_a_block_sets_otherwise_is_no_repeat() -> None:
    chosen = Overrides(implementations=["embedding_mf"], datasets=["ml-1m"])
    cells = plan(read("cuda"), chosen)
    rows = sorted(
        (
            c.request.hyperparameters["batch_size"],
            c.request.device,
            c.request.hyperparameters["step"],
        )
        for c in cells
    )
    assert rows == [
        (1024, "cpu", "captured"),
        (1024, "cuda", "captured"),
        (8192, "cpu", "captured"),
        (8192, "cuda", "captured"),
        (8192, "cuda", "eager"),
    ]


def test_an_implementation_from_outside_takes_no_settings_that_it_may_not_have() -> None:
    cells = plan(read("cuda"), Overrides(implementations=[MEAN], datasets=["mine.csv"]))
    rows = {(c.request.implementation, c.request.dataset, c.request.device) for c in cells}
    assert rows == {(MEAN, "mine.csv", "cpu"), (MEAN, "mine.csv", "cuda")}
    elsewhere = Overrides(datasets=["mine.csv"]).apply(read("cuda"))
    assert [b.set for b in elsewhere.blocks if b.set] == [
        b.set for b in read("cuda").blocks if b.set
    ]


def test_the_suite_cuda_has_every_row_that_can_use_it_on_both_devices_and_some_in_both_forms() -> (
    None
):
    cells = plan(read("cuda"))

    def on(device: str, step: str) -> list[tuple[str, str, str]]:
        """But for the step, which has no effect on a CPU."""
        return sorted(
            (
                c.request.dataset,
                c.request.implementation,
                str(c.request.hyperparameters | {"step": None}),
            )
            for c in cells
            if c.request.device == device
            and c.request.hyperparameters.get("step", "captured") == step
        )

    captured, eager = on("cuda", "captured"), on("cuda", "eager")
    assert on("cpu", "captured") == captured
    assert on("cpu", "eager") == []
    assert set(eager) < set(captured)
    assert {implementation for _, implementation, _ in eager} == {"embedding_mf", "ncf", "autorec"}
    assert len(set(captured)) + len(captured) + len(set(eager)) == len(cells)
    assert {implementation for _, implementation, _ in captured} == {
        name
        for name, class_path in IMPLEMENTATIONS.items()
        if not name.startswith("peer:") and "cuda" in load_class(class_path).devices
    }


def test_a_stand_in_is_another_cell_than_the_set_itself() -> None:
    environment = machine.environment()
    (named,) = plan(suite(implementations=["bias"]))
    (stand_in,) = plan(suite(implementations=["bias"], datasets=["nowhere"], fallback="with-goals"))
    assert named.identity(environment) != stand_in.identity(environment)


@pytest.mark.parametrize(
    ("source", "status", "reason"),
    [
        ("import sys; sys.exit(0)", "failed", "import ended its process with exit code 0"),
        ("import os; os._exit(3)", "failed", "import ended its process with exit code 3"),
        ("print('x' * 10**6); 1 / 0", "failed", "ZeroDivisionError"),
    ],
)
def test_a_file_that_ends_its_process_at_import_ends_no_harness(
    tmp_path: Path, source: str, status: str, reason: str
) -> None:
    (tmp_path / "ends.py").write_text(source)
    (cell,) = plan(suite(implementations=[f"{tmp_path}/ends.py:A"]))
    assert cell.skip is not None
    assert cell.skip.status == status
    assert reason in cell.skip.reason


def test_an_import_that_never_ends_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describing, "IMPORT_LIMIT_S", 0.5)
    (tmp_path / "hangs.py").write_text("while True: pass")
    (cell,) = plan(suite(implementations=[f"{tmp_path}/hangs.py:A"]))
    assert cell.skip is not None
    assert "import did not end within 0.5 s" in cell.skip.reason


def test_a_file_may_be_called_like_a_module_that_others_need(tmp_path: Path) -> None:
    for name in ("random", "statistics", "bench"):
        path = tmp_path / f"{name}.py"
        path.write_text(MISBEHAVING.read_text())
        (cell,) = plan(suite(implementations=[f"{path}:Mean"]))
        assert cell.skip is None


def test_the_split_is_tried_before_anything_runs() -> None:
    tried: list[tuple[str, str]] = []
    requested = suite(datasets=["with-goals", "file"], split="leave-last", seeds=3)
    plan(requested, check_split=lambda *names: tried.append(names))
    assert tried == [("with-goals", "leave-last"), ("file", "leave-last")]


def test_a_cell_has_the_digest_of_what_else_decides_its_split() -> None:
    cells = plan(
        suite(datasets=["with-goals", "file"], seeds=2),
        check_split=lambda dataset, _: "by its times" if dataset == "file" else "",
    )
    assert {(it.request.dataset, it.facts.data.split_digest) for it in cells} == {
        ("with-goals", ""),
        ("file", "by its times"),
    }


@pytest.mark.parametrize("device", ["bogus", "gpu", "cpu:0", "cuda:x", "cuda:-1"])
def test_a_wrong_device_is_refused(device: str) -> None:
    with pytest.raises(SuiteError, match=f"devices: '{device}'"):
        plan(suite(), Overrides(block={"devices": [device]}))


def test_settings_and_presets_that_no_row_has_are_refused() -> None:
    with pytest.raises(SettingError, match=r"--set numpy_sdg\.…: no such row"):
        plan(suite(), Overrides(settings={"numpy_sdg": {"factors": "9"}}))
    with pytest.raises(SettingError, match="no row of this run has a preset 'pubished'"):
        plan(suite(), Overrides(block={"preset": "pubished"}))


@pytest.mark.parametrize(
    "overrides",
    [
        Overrides(block={"epochs": 1}),
        Overrides(block={"split": "random:90/10"}),
        Overrides(settings={"numpy_sgd": {"factors": "9"}}),
    ],
)
def test_a_published_protocol_is_run_as_it_was(overrides: Overrides) -> None:
    with pytest.raises(SuiteError, match="published protocols as they were"):
        plan(read("published"), overrides)


@pytest.mark.parametrize("default", ["pathlib.Path('x')", "float('inf')", "{1: 2}"])
def test_a_hyperparameter_that_no_record_can_hold_is_refused(tmp_path: Path, default: str) -> None:
    (tmp_path / "odd.py").write_text(
        "import dataclasses, pathlib\n"
        "@dataclasses.dataclass\n"
        "class Odd:\n"
        f"    odd: object = dataclasses.field(default_factory=lambda: {default})\n"
        "    device: str = 'cpu'\n"
        "    seed: int = 0\n"
        "    def fit(self, train, training=None): ...\n"
        "    def predict(self, users, items): ...\n"
    )
    with pytest.raises(SettingError, match=r"Odd\.odd is"):
        plan(suite(implementations=[f"{tmp_path}/odd.py:Odd"]))


def test_code_that_cannot_be_followed_is_warned_of_once_and_stands_in_the_cell(
    tmp_path: Path,
) -> None:
    source = MISBEHAVING.read_text().replace("class Mean", 'exec("")\n@dataclass\nclass Mean', 1)
    (tmp_path / "own.py").write_text(source.replace("@dataclass\nexec", "exec"))
    notices: list[str] = []
    row = f"{tmp_path}/own.py:Mean"
    cells = plan(suite(implementations=[row, "bias"], seeds=2), on_notice=notices.append)
    [place] = {each for cell in cells for each in cell.unfollowed}
    assert place.endswith(": exec")
    [notice] = notices
    assert notice.startswith(f"{row} loads code that ratebench cannot follow ({place}): ")
    assert "--fresh" in notice


def test_quick_has_every_row_of_ours_for_the_cpu() -> None:
    ours = {name for name in IMPLEMENTATIONS if not name.startswith("peer:")}
    [block] = read("quick").blocks
    assert set(block.implementations) == ours - {"triton_sgd"}


@pytest.mark.parametrize("name", ["quick", "full", "peers"])
def test_epochs_are_a_ceiling_in_the_suites_of_whole_fits(name: str) -> None:
    assert {block.patience for block in read(name).blocks} == {5}
