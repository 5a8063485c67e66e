"""What is bound, what is hidden and in which order, without a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.cell.sandbox import bubblewrap, mounts
from bench.cell.sandbox.bubblewrap import Sandbox
from bench.cell.sandbox.mounts import Mounts, cuda_devices

TMPFS = ["--perms", "1777", "--tmpfs", "/tmp"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a temporary folder elsewhere, and a home that is not the user's."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(mounts.tempfile, "gettempdir", lambda: "/var/tmp")
    return tmp_path


def made(place: Path, *names: str) -> list[Path]:
    paths = [place / name for name in names]
    for path in paths:
        if path.suffix:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        else:
            path.mkdir(parents=True, exist_ok=True)
    return paths


def bound(path: Path, how: str = "--ro-bind") -> list[str]:
    return [how, str(path), str(path)]


def test_a_hidden_folder_covers_what_is_bound_and_is_bound_into(place: Path) -> None:
    project, data, arrays = made(place, "project", "project/data", "project/data/arrays")
    seen = Mounts()
    for path in (arrays, project, place / "nowhere"):
        seen.bind(path)
    covered = ["--tmpfs", str(data)]
    seen = seen.copy([data, place / "nowhere"])
    assert seen.arguments() == [*TMPFS, *bound(project), *covered, *bound(arrays)]


def test_of_a_hidden_folder_only_modules_are_seen(place: Path) -> None:
    """At any depth, be it the folder of an implementation itself or one above it."""
    data, row, core, _, _, _ = made(
        *(place, "data", "data/row.py", "data/lib/core.py"),
        *("data/copy.csv", "data/lib/copy.csv", "data/ml-100k/u.data"),
    )
    for folder, modules in ((data, [row, core]), (core.parent, [core])):
        seen = Mounts([data])
        seen.bind(folder)
        assert seen.arguments() == [*TMPFS, *(word for each in modules for word in bound(each))]


def test_what_all_workers_need_is_seen_but_for_hidden_files(place: Path) -> None:
    project, ratings, _ = made(place, "project", "project/ratings.csv", "project/row.py")
    seen_by_all = Mounts()
    seen_by_all.bind(project)
    seen = seen_by_all.copy([project, ratings])
    seen.bind(project)
    covered = ["--ro-bind", "/dev/null", str(ratings)]
    assert seen.arguments() == [*TMPFS, *bound(project), *covered]


def test_what_lies_in_a_bound_folder_is_bound_where_it_may_be_changed(place: Path) -> None:
    folder, inner, pairs = made(place, "folder", "folder/inner", "folder/pairs")
    seen = Mounts()
    seen.bind(inner)
    seen.bind(pairs, "--bind")
    seen.bind(folder)
    assert seen.arguments() == [*TMPFS, *bound(folder), *bound(pairs, "--bind")]


def test_links_on_the_way_are_made_again(place: Path) -> None:
    real, inner = made(place, "real", "real/venv")
    (place / "link").symlink_to("real")
    (inner / "python").symlink_to("elsewhere.py")
    made(place, "real/venv/elsewhere.py")
    seen = Mounts()
    seen.bind(place / "link" / "venv" / "python")
    assert seen.arguments() == [
        *TMPFS,
        *("--symlink", "real", str(place / "link")),
        *bound(inner / "elsewhere.py"),
        *("--symlink", "elsewhere.py", str(inner / "python")),
    ]
    seen.bind(inner)
    assert str(inner / "python") not in seen.arguments()
    (real / "loop").symlink_to("loop")
    seen.bind(real / "loop")  # leads nowhere


def test_of_a_home_and_of_the_temporary_folder_only_modules_are_seen(place: Path) -> None:
    home, script, *_, module = made(
        *(place, "home", "home/row.py", "home/letters.txt", "home/Documents/letter.txt"),
        *("home/.ssh/key.py", "home/lib/core.py"),
    )
    for wide in (home, place):
        assert mounts.is_wide(wide)
    seen = Mounts()
    seen.bind(home)
    assert seen.arguments() == [*TMPFS, *bound(module.parent), *bound(script)]


def test_the_folder_of_an_implementation(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(place, "src/ours/__init__.py", "src/alone.py")
    monkeypatch.setattr(mounts.sys, "path", [str(place / "src")])
    assert mounts.source(f"{place}/a.b/row.py:Row") == place / "a.b"
    assert mounts.source("ours.deep.down:Row") == mounts.source("alone:Row") == place / "src"
    assert mounts.source("nowhere:Row") is None


def test_the_interpreter_has_what_is_installed_as_editable(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    finder = type("Finder", (), {"__module__": "finder_of_ours"})
    module = type("Module", (), {"MAPPING": {"ours": str(place / "ours")}})
    monkeypatch.setitem(mounts.sys.modules, "finder_of_ours", module)
    monkeypatch.setattr(mounts.sys, "meta_path", [finder])
    monkeypatch.setattr(mounts.sys, "path", ["", "relative", "/absolute", "/of/script"])
    monkeypatch.setattr(mounts.sys, "argv", ["/of/script/run.py"])
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{place}/lib:/opt/lib:")
    found = [*mounts.interpreter()]
    assert {place / "ours", Path("/absolute"), place / "lib", Path("/opt/lib")} <= {*found}
    assert not {Path(), Path("relative"), Path("/of/script")} & {*found}


def test_the_devices_of_a_cuda_row(tmp_path: Path) -> None:
    cards = ["nvidia0", "nvidia12", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"]
    others = ["nvidia-modeset", "nvidia-caps/nvidia-cap1", "nvidia-caps-imex-channels/channel0"]
    for name in [*cards, *others, "dxg", "sda", "mem", "null", "dri/card0"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = {str(path.relative_to(tmp_path)) for path in cuda_devices(tmp_path)}
    assert found == {*cards, "nvidia-modeset", "nvidia-caps", "nvidia-caps-imex-channels", "dxg"}


def test_devices_are_seen_by_a_row_on_cuda_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = tmp_path / "nvidia0"
    card.write_text("")
    monkeypatch.setattr(mounts, "cuda_devices", lambda: [card])
    before = Sandbox().launch((), (), cuda=True).before
    assert before[before.index(str(card)) - 1] == "--dev-bind"
    assert str(card) not in Sandbox().launch((), ()).before


def test_variables_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATEBENCH_DATA", "/ratings")
    monkeypatch.setenv("SECRET_TOKEN", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    found = bubblewrap.environment()
    assert found["CUDA_VISIBLE_DEVICES"] == "1"
    assert found["HOME"] == "/tmp/home"
    assert not {"RATEBENCH_DATA", "SECRET_TOKEN"} & found.keys()
