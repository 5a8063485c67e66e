"""Revisions on disk, and a dirty tree as it lies there."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

import pytest

from bench.gate.errors import RevisionError
from bench.gate.trees import Repository
from datasets.temporary import PREFIX
from tests.bench.gate.conftest import Checkout


def test_a_clean_tree_is_head(checkout: Checkout) -> None:
    sha = checkout.commit(a="1")
    assert Repository.around(checkout.root).working_tree().sha == sha


def test_a_dirty_tree_is_taken_as_it_lies_there_and_left_so(checkout: Checkout) -> None:
    checkout.commit(changed="1", removed="1", staged="1")
    (checkout.root / ".gitignore").write_text("ignored.py\n")
    checkout.write(changed="2", new="2", ignored="2", staged="2")
    checkout.git("add", "staged.py")
    (checkout.root / "removed.py").unlink()
    before = checkout.git("status", "--porcelain"), checkout.git("log", "--all", "--format=%H")

    repository = Repository.around(checkout.root)
    revision = repository.working_tree()
    assert "uncommitted changes" in revision.label
    with repository.checked_out({"head": revision.sha}) as trees:
        files = {path.name: path.read_text() for path in trees["head"].glob("*.py")}
    assert files == {"changed.py": "2", "new.py": "2", "staged.py": "2"}
    after = checkout.git("status", "--porcelain"), checkout.git("log", "--all", "--format=%H")
    assert after == before


def test_a_folder_inside_the_repository_will_do(checkout: Checkout) -> None:
    checkout.commit(folder__a="1")
    assert Repository.around(checkout.root / "folder").root == checkout.root


def test_trees_lie_at_paths_of_equal_length_and_are_gone_afterwards(checkout: Checkout) -> None:
    base, head = checkout.commit(a="1"), checkout.commit(a="2")
    repository = Repository.around(checkout.root)
    with (
        pytest.raises(KeyError),
        repository.checked_out({"base": base, "head": head, "copy": base}) as trees,
    ):
        assert [(tree / "a.py").read_text() for tree in trees.values()] == ["1", "2", "1"]
        assert len({len(str(tree)) for tree in trees.values()}) == 1
        raise KeyError
    assert not any(tree.exists() for tree in trees.values())
    assert len(checkout.git("worktree", "list").splitlines()) == 1


def test_a_worktree_of_the_users_on_a_disk_that_is_not_mounted_stays_known(
    checkout: Checkout, tmp_path: Path
) -> None:
    sha = checkout.commit(a="1")
    checkout.git("worktree", "add", "--detach", str(tmp_path / "mounted"))
    (tmp_path / "mounted").rename(tmp_path / "not mounted")
    with Repository.around(checkout.root).checked_out({"head": sha}):
        pass
    assert str(tmp_path / "mounted") in checkout.git("worktree", "list")


def test_worktrees_of_a_gate_that_was_killed_are_forgotten(
    checkout: Checkout, tmp_path: Path
) -> None:
    sha = checkout.commit(a="1")
    left = tmp_path / f"{PREFIX}killed"
    checkout.git("worktree", "add", "--detach", str(left / "base"))
    shutil.rmtree(left)
    with Repository.around(checkout.root).checked_out({"head": sha}):
        assert str(left) not in checkout.git("worktree", "list")


def test_an_interrupt_while_git_writes_leaves_nothing_behind(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A filter of git's holds its child, which may write on; the worktree is locked until then."""
    started = tmp_path / "started"
    (checkout.root / ".git/info/attributes").write_text("a.py filter=slow\n")
    checkout.git("config", "filter.slow.smudge", f"touch {started}; sleep 60; cat")
    sha = checkout.commit(a="1")
    held = tmp_path / "held"
    held.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(held))
    main = threading.main_thread().ident
    assert main is not None
    # A shell ignores it for what it starts in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        while not started.exists():
            time.sleep(0.01)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with (
        pytest.raises(KeyboardInterrupt),
        Repository.around(checkout.root).checked_out({"head": sha}),
    ):
        pass
    assert list(held.iterdir()) == []
    assert str(held) not in checkout.git("worktree", "list")


@pytest.mark.parametrize("missing", ["head/.git", "."])
def test_a_clean_up_that_fails_hides_no_error(checkout: Checkout, missing: str) -> None:
    """And goes on: git removes no tree without its `.git`."""
    base = checkout.commit(a="1")
    with (
        pytest.raises(KeyError),
        Repository.around(checkout.root).checked_out({"head": base, "copy": base}) as trees,
    ):
        folder = trees["head"].parent
        (folder / missing).rename(f"{folder}-away")
        raise KeyError
    assert not folder.exists()
    assert str(trees["copy"]) not in checkout.git("worktree", "list")


def test_a_revision_that_is_none_is_one_clear_error(checkout: Checkout) -> None:
    checkout.commit(a="1")
    with pytest.raises(RevisionError, match="no revision 'origin/main' here: fetch it"):
        Repository.around(checkout.root).revision("origin/main")
    with pytest.raises(RevisionError, match="no revision '--help' here"):
        Repository.around(checkout.root).revision("--help")


def test_a_folder_outside_any_repository_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match="in no git repository"):
        Repository.around(tmp_path)


def test_a_repository_that_git_refuses_is_reported_with_gits_message(checkout: Checkout) -> None:
    """So that 'dubious ownership' does not read as if there were none."""
    (checkout.root / ".git/config").write_text("no config")
    with pytest.raises(RevisionError, match="fatal: bad config line 1"):
        Repository.around(checkout.root)
