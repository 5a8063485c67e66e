"""Revisions as trees on disk: git worktrees at paths of equal length.

Path lengths shift what lies on the stack, and that alone can make a program some per cent slower
(Mytkowicz et al. 2009, Producing wrong data without doing anything obviously wrong).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.gate.errors import RevisionError
from datasets.temporary import PREFIX, TemporaryFolder

_ME = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "bench gate"), ("EMAIL", "bench-gate@localhost"))
}


@dataclass(frozen=True)
class Revision:
    """A commit to time. `label` is what to call it; of a dirty tree, that it has changes."""

    sha: str
    label: str


@dataclass(frozen=True)
class Repository:
    """The git repository around a folder."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """Raises RevisionError where there is none, or git is missing or refuses it."""
        try:
            return cls(Path(cls(folder)._git("rev-parse", "--show-toplevel")))
        except (RevisionError, FileNotFoundError) as error:
            raise RevisionError(
                f"{folder} is in no git repository that can be used, and bench gate compares two "
                f"revisions of one: {error}"
            ) from None

    def revision(self, name: str) -> Revision:
        """The commit of that name."""
        try:
            sha = self._git(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
            )
        except RevisionError:
            raise RevisionError(
                f"there is no revision {name!r} here: fetch it (a CI checkout may be shallow), "
                "or name another one"
            ) from None
        return Revision(sha, sha[:12])

    def working_tree(self) -> Revision:
        """A commit of the files as they lie there, ignored ones left out.

        Nothing of the repository is changed: the commit has an index of its own and no branch
        points to it. A tree without changes is HEAD itself.
        """
        head = self.revision("HEAD")
        with TemporaryFolder() as folder:
            own = {**_ME, "GIT_INDEX_FILE": f"{folder.name}/index"}
            self._git("read-tree", "HEAD", env=own)
            self._git("add", "--all", env=own)
            tree = self._git("write-tree", env=own)
        if tree == self._git("rev-parse", "HEAD^{tree}"):
            return head
        sha = self._git("commit-tree", tree, "-p", head.sha, "-m", "working tree", env=_ME)
        return Revision(sha, f"{head.label} with uncommitted changes")

    @contextlib.contextmanager
    def checked_out(self, shas: Mapping[str, str]) -> Iterator[dict[str, Path]]:
        """A worktree for each name, which should be equally long; gone after the block."""
        temporary = TemporaryFolder()
        folder = Path(temporary.name).resolve()
        try:
            self._forget_left()
            for name, sha in shas.items():
                self._git("worktree", "add", "--quiet", "--detach", str(folder / name), sha)
            yield {name: folder / name for name in shas}
        finally:
            # Nothing here may fail, and so hide what ended the block.
            for name in shas:
                with contextlib.suppress(RevisionError):
                    self._git("worktree", "remove", "--force", str(folder / name))
            temporary.cleanup()

    def _forget_left(self) -> None:
        """Worktrees of a gate that was killed: their folders are gone, git still lists them.

        No `prune`: it would forget those of the user's on a disk that is not mounted now.
        """
        for entry in self._git("worktree", "list", "--porcelain").split("\n\n"):
            path = Path(entry.partition("\n")[0].removeprefix("worktree "))
            if path.parent.name.startswith(PREFIX) and not path.parent.exists():
                with contextlib.suppress(RevisionError):  # another gate was faster
                    self._git("worktree", "remove", "--force", str(path))

    def _git(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        with subprocess.Popen(
            ["git", "-C", self.root, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, **(env or {})},
            start_new_session=True,
        ) as git:
            try:
                output, problem = git.communicate()
            except BaseException:
                # With the processes that check files out, which would go on to write them.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(git.pid, signal.SIGTERM)
                git.wait()
                raise
        if git.returncode:
            raise RevisionError(f"git {' '.join(words[:2])}: {problem.strip()}")
        return output.strip()
