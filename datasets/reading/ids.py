"""Raw ids as they stand in a file -> positions in the sorted ids of a dataset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def matched(texts: Sequence[str], labels: NDArray[Any]) -> NDArray[np.int32]:
    """The position of each raw id in sorted `labels`, -1 where it is absent. int32 (n,)

    Blanks around an id do not count, and where labels are integers `60.0` is 60.
    """
    position = {label: n for n, label in enumerate(labels.tolist())}
    keys: list[Any] = [text.strip() for text in texts]
    if labels.dtype.kind in "iu":
        whole = [re.fullmatch(r"[+-]?(\d+)(\.0*)?", key, re.ASCII) for key in keys]
        keys = [int(found[1]) if found else None for found in whole]
    return np.array([position.get(key, -1) for key in keys], np.int32)
