"""The code of docs/in-a-notebook.md runs as it stands, on a frame with those columns."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "in-a-notebook.md"
MOST_LINES = 5
"""From the frame to the RMSE, without imports."""


def test_the_page_goes_from_a_frame_to_an_rmse(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    rng = np.random.default_rng(0)
    users, items = rng.integers(0, 40, 2000), rng.integers(0, 30, 2000)
    stars = 3 + np.where(items % 2, 1.0, -1.0) + rng.normal(0, 0.5, 2000)
    columns = {"userId": users, "movieId": [f"tt{item}" for item in items], "stars": stars}
    frame = pd.DataFrame(columns)
    strange = pd.DataFrame({"userId": [999, 1], "movieId": ["tt1", "tt999"], "stars": [1.0, 1.0]})
    wanted = pd.concat([frame.head(7), strange])
    names: dict[str, Any] = {"frame": frame, "wanted": wanted}
    for block in blocks:
        exec(block, names)
        if "wanted" in block:
            assert names["known"].tolist() == [True] * 7 + [False] * 2
            assert len(names["predicted"]) == 7
            assert ((names["predicted"] > 3) == (frame.head(7)["stars"] > 3)).all()
            continue
        assert 0.45 < float(capsys.readouterr().out) < 0.7, "the noise is 0.5, the items' part 1"
    lines = [line for line in blocks[0].splitlines() if line and "import" not in line]
    assert len(lines) == MOST_LINES


def test_a_file_and_its_split_are_had_from_the_package_alone(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("user,item,rating\n1,2,3\n2,3,4\n1,3,5\n2,2,1\n")
    code = (
        "import datasets, sys; ratings = datasets.load(sys.argv[1]); "
        "print(len(datasets.split(ratings, 'random:50/50', seed=0).train))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "r.csv")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "2\n", done.stderr
