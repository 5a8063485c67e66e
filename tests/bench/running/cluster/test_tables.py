"""Which of the tables that wait goes to a machine."""

from __future__ import annotations

from dataclasses import replace

from bench.running.cluster.machines import Machine
from bench.running.cluster.tables import Table, Waiting, spread
from datasets.splits import PEEK
from tests.support.machines import cell, greeting

ONE, TWO = (Machine(name, greeting(name)) for name in ("one", "two"))
GPU = Machine("gpu", greeting("gpu", gpus=1))


def waiting(*tables: Table, homes: dict[str, str] | None = None) -> Waiting:
    """homes: dataset of a table -> id of the machine that is to have it."""

    def home_of(table: Table) -> str:
        return (homes or {}).get(table.cells[0].request.dataset, "")

    def can_run(table: Table, machine: Machine) -> bool:
        return machine.id not in table.refused

    return Waiting(tables, home_of, can_run)


def table(dataset: str, *refused: str, device: str = "cpu") -> Table:
    [found] = spread([cell("a", 0, dataset, device)])
    found.refused = dict.fromkeys(refused, "no")
    return found


def test_a_table_that_a_machine_refused_hides_none_after_it() -> None:
    first, second, third = table("x", "one"), table("y"), table("z", "one", "two")
    tables = waiting(first, second, third)
    assert tables.pop(ONE) is second
    assert tables.pop(ONE) is None
    assert tables.pop(TWO) is first
    assert tables.pop(TWO) is None
    assert [*tables] == [third]


def test_what_reads_the_test_part_is_in_the_table_of_its_split() -> None:
    fair = cell("a", 0, "x")
    request = fair.request.model_copy(update={"split": f"{PEEK}{fair.request.split}"})
    [found] = spread([fair, replace(fair, request=request)])
    assert len(found.cells) == 2


def test_a_machine_has_its_own_tables_first_and_no_other_s() -> None:
    homes = {"y": "one", "z": "two"}
    first, second, third = table("x"), table("y"), table("z")
    tables = waiting(first, second, third, homes=homes)
    assert [tables.pop(ONE) for _ in range(3)] == [second, first, None]
    homes.clear()
    tables.machines_changed()
    assert tables.pop(ONE) is third


def test_a_table_of_cuda_is_the_last_of_a_machine_without_and_stays_in_order_for_one_with() -> None:
    first, second = table("x", device="cuda"), table("y")
    assert waiting(first, second).pop(ONE) is second
    assert waiting(first, second).pop(GPU) is first
