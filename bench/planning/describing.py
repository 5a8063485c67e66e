"""What a plan must know of an implementation, asked without letting it harm the harness.

The project's own modules are imported here. A file or package from outside might exit, hang
or print at import, so it is asked in a process of its own.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.planning import loading
from bench.planning.hyperparameters import SettingError, resolve
from impls.registry import IMPLEMENTATIONS

PATIENCE_S = 60
"""How long a module from outside may take to import."""


@dataclass(frozen=True)
class Described:
    """An implementation at a preset: `hyperparameters` is None where it has no such preset."""

    model: str
    library: str
    devices: tuple[str, ...]
    implementation_hash: str
    hyperparameters: dict[str, Any] | None


def describe(
    target: str, preset: str, settings: Mapping[str, str], epochs: int | None
) -> Described:
    """Ask the class behind a target.

    Raises ImplementationError, NotImportableError or SettingError.
    """
    if target in IMPLEMENTATIONS.values():
        return _describe_here(target, preset, settings, epochs)
    with tempfile.TemporaryDirectory(prefix="ratebench-") as folder:
        answer = Path(folder) / "answer"
        question = json.dumps([target, preset, dict(settings), epochs, str(answer)])
        try:
            asked = subprocess.run(
                [sys.executable, "-P", "-m", "bench.planning.describing", question],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE_S,
            )
        except subprocess.TimeoutExpired:
            reason = f"import did not end within {PATIENCE_S} s"
            raise loading.NotImportableError("failed", reason) from None
        if not answer.is_file():
            reason = f"import ended its process with exit code {asked.returncode}"
            raise loading.NotImportableError("failed", reason)
        return _read(json.loads(answer.read_text()))


def _describe_here(
    target: str, preset: str, settings: Mapping[str, str], epochs: int | None
) -> Described:
    implementation = loading.load_class(target)
    told = loading.describe(implementation)
    known = preset in told.presets
    return Described(
        told.model,
        told.library,
        told.devices,
        loading.source_hash(implementation),
        resolve(implementation, told.presets[preset], settings, epochs) if known else None,
    )


def _answer(target: str, preset: str, settings: Mapping[str, str], epochs: int | None) -> Any:
    """`_describe_here`, its errors in JSON as well."""
    try:
        return {"described": dataclasses.asdict(_describe_here(target, preset, settings, epochs))}
    except loading.NotImportableError as error:
        return {"not importable": [error.status, error.reason]}
    except loading.ImplementationError as error:
        return {"implementation": str(error)}
    except SettingError as error:
        return {"setting": str(error)}


def _read(answer: dict[str, Any]) -> Described:
    if told := answer.get("not importable"):
        raise loading.NotImportableError(*told)
    if told := answer.get("implementation"):
        raise loading.ImplementationError(told)
    if told := answer.get("setting"):
        raise SettingError(told)
    fields = answer["described"]
    return Described(**{**fields, "devices": tuple(fields["devices"])})


if __name__ == "__main__":
    *asked, place = json.loads(sys.argv[1])
    Path(place).write_text(json.dumps(_answer(*asked)))
