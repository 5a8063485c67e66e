"""The simulation of a client's work runs, at a small size."""

from __future__ import annotations

from pathlib import Path

from tests.simulated.cluster import cost, planned


def test_what_a_cell_costs_is_of_all_cells_that_ended(tmp_path: Path) -> None:
    of_tables = cost(tmp_path / "tables", 2, planned(3, 2))
    of_machines = cost(tmp_path / "each", 2, planned(3, 2), each=True)
    assert (of_tables.cells, of_machines.cells) == (6, 12)
    for each in (of_tables, of_machines):
        assert each.cpu_ms > 0
        assert 500 < each.stored_bytes < 20_000
