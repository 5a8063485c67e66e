"""One-line mistakes that a test must catch, as (file, what is wrong, old, new)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Mutation(NamedTuple):
    """`old` stands exactly once in `file`.py somewhere under impls; `new` in its place is the
    mistake.

    A `file` of the speed gate is named from the folder bench: gate/screen.
    """

    file: str
    mistake: str
    old: str
    new: str

    def applied(self, root: Path) -> str:
        """The text of the file with the mistake; raises LookupError where `old` is not there."""
        text = self.path(root).read_text()
        if text.count(self.old) != 1:
            raise LookupError(
                f"{self.file}.py has {self.old!r} {text.count(self.old)} times, not once: "
                "update it in tests/mutants/mutations.py"
            )
        return text.replace(self.old, self.new)

    def path(self, root: Path) -> Path:
        inside, _, name = self.file.rpartition("/")
        base = root / "bench" / inside if inside.startswith("gate") else root / "impls"
        found = [path for path in base.rglob(f"{name}.py") if "evaluation" not in path.parts]
        if not found:
            raise LookupError(f"there is no file {self.file}.py")
        return found[0]

    @property
    def tests(self) -> str:
        """The folder of the tests that must catch it."""
        return "tests/bench/gate" if self.file.startswith("gate/") else "tests/conformance"


MUTATIONS = [
    Mutation(*line)
    for line in (
        ("global_mean", "another statistic", "mean(dtype=np.float64)", "max()"),
        ("global_mean", "float64 result", "self.mean_, dtype=np.float32", "self.mean_"),
        ("bias", "sign", "train.values - self.mean_", "train.values + self.mean_"),
        ("bias", "wrong index", "(items, without_user,", "(users, without_user,"),
        ("bias", "missing bias", "[users] + self.item_bias_[items]", "[users]"),
        ("bias", "sides not alternated", "residuals - self.item_bias_[items]", "residuals"),
        ("bias", "dropped regularisation", "self.user_damping + np", "1e-9 + np"),
        ("numpy_sgd", "sign of a gradient", "= change * q,", "= -change * q,"),
        ("numpy_sgd", "dropped regularisation", "1 - step * self.regularisation", "1.0"),
        ("numpy_sgd", "missing bias", "b_user[u] - b_item[i] -", "b_user[u] -"),
        ("numpy_sgd", "wrong index", "= shrink * b_item[i] +", "= shrink * b_user[u] +"),
        ("numpy_sgd", "factor 2 left out", "step = 2 * self", "step = self"),
        ("numpy_sgd", "no decay", " * self.decay**epoch", ""),
        ("numpy_sgd", "q learns from the new p", "q += towards_p", "q += change * p"),
        ("autograd_mf", "sign of a gradient", "by_u[:-1], alpha=rate", "by_u[:-1], alpha=-rate"),
        ("autograd_mf", "dropped regularisation", "learnt_V[i].mul_(shrink)", "learnt_V[i]"),
        ("autograd_mf", "wrong index", "by_v[1:]", "by_v[:-1]"),
        ("autograd_mf", "missing bias", "1.0 if self.biases else 0.0", "0.0"),
        ("autograd_mf", "biases that were left out", "1.0 if self.biases else 0.0", "1.0"),
        ("sparse_embedding_mf", "sign of a penalty", "loss + self.regul", "loss - self.regul"),
        ("sparse_embedding_mf", "dropped regularisation", "if self.regularisation:", "if False:"),
        ("sparse_embedding_mf", "missing bias", "[p * q, *biases]", "[p * q, *biases[:1]]"),
        ("sparse_embedding_mf", "wrong index", "users, items, users, ", "users, users, users, "),
        ("sparse_embedding_mf", "gradients pile up", "optimiser.zero_grad()", "pass"),
        ("sparse_embedding_mf", "no decay", "schedule.step()", "pass"),
        ("embedding_mf", "sign of a penalty", "squared_error + self", "squared_error - self"),
        ("embedding_mf", "dropped regularisation", "self.regularisation * l2", "0 * l2"),
        ("embedding_mf", "dropped weight decay", "self.weight_decay,", "0.0,"),
        ("embedding_mf", "missing bias", "(b_user + b_item)", "b_user"),
        ("embedding_mf", "wrong index", "ids = (users, items, users", "ids = (users, users, users"),
        ("torch_step", "gradients pile up", "optimiser.zero_grad()", "pass"),
        ("embedding_mf", "not scaled back", "self.scaling_.sd * products", "products"),
        ("autorec", "sign of the loss", "return squared_error", "return -squared_error"),
        ("autorec", "dropped regularisation", " + share * self.regularisation / 2 * l2", ""),
        ("autorec", "missing bias b", " + self.b_[c]", ""),
        ("autorec", "missing b_u and b_i", "if self.bias_ is None else", "if self.bias_ else"),
        ("autorec", "wrong rows encoded", "batches(order, 256)", "batches(order.flip(0), 256)"),
        ("autorec", "dropout in predict", "](Vx +", "](nn.functional.dropout(Vx) +"),
        ("sparse_fc", "sign of the loss", "return (squared_error", "return (-squared_error"),
        ("sparse_fc", "dropped regularisation", "self.regularisation * layer", "0 * layer"),
        ("sparse_fc", "every unit joined", "layer.W * K for", "layer.W for"),
        ("sparse_fc", "missing bias b", " + b3[u]", ""),
        ("sparse_fc", "no division by σ", "self.scaling_.sd * t", "t"),
        ("sparse_fc", "another decoder", "A3.T.contiguous()", "A1.contiguous()"),
        ("ncf", "eval mode left out", "self.network_.eval()", "pass"),
        ("ncf", "train mode left out", "self.network_.train()", "pass"),
        ("ncf", "wrong index", "values[batch])", "values[batch.flip(0)])"),
        ("ncf", "dropped regularisation", "self.weight_decay,", "0.0,"),
        ("ncf", "an embedding left out", "[self.user(users), ", "[self.item(items), "),
        ("ncf", "lowest taken for 0", "(self.high_ - self.low_) * torch", "self.high_ * torch"),
        ("numpy_sgd_strata", "sign of a gradient", "change[:, None] * pq", "-change[:, None] * pq"),
        ("numpy_sgd_strata", "dropped regularisation", "pq *= shrink", "pass"),
        ("numpy_sgd_strata", "own row for the other's", "pq[::-1]", "pq"),
        ("numpy_sgd_strata", "the ones learn", "new[0, :, -1] = new[1, :, -2] = 1.0", "pass"),
        ("numpy_sgd_strata", "no decay", " * self.decay**epoch", ""),
        ("strata", "a user twice in a stratum", "user_has[u] | item_has[i]", "item_has[i]"),
        ("strata", "an item twice in a stratum", "item_has[i] |= free", "pass"),
        ("numba_sgd", "dropped regularisation", "1 - rate * self.regularisation", "1.0"),
        ("numba_sgd", "no decay", " * self.decay**epoch", ""),
        ("numba_sgd", "a diagonal left out", "rng.permutation(groups)", "range(1, groups)"),
        ("vector_rows", "sign of a gradient", "standard_score, dot)", "dot, standard_score)"),
        ("vector_rows", "the ones learn", "(new, one, ir", "(new, keep, ir"),
        ("blocked", "no division by σ", "(values[row] - mean) / sd", "values[row] - mean"),
        ("triton_sgd", "dropped regularisation", "1 - rate * self.regularisation", "1.0"),
        ("triton_sgd", "no decay", " * self.decay**epoch", ""),
        ("triton_sgd", "a diagonal left out", "randperm(groups,", "randperm(groups - 1,"),
        ("triton_kernel", "sign of a gradient", "rate * (z - tl", "-rate * (z - tl"),
        ("triton_kernel", "the ones learn", "lane == factors + 1,", "lane == LANES,"),
        ("triton_kernel", "the last one's step", "slot[None, :] < slot", "slot[None, :] > slot"),
        ("triton_kernel", "a short share left out", "+ slots - 1) // slots", ") // slots"),
        ("dealt_blocks", "no division by σ", "- scaling.mean) / scaling.sd)", "- scaling.mean))"),
        ("dealt_blocks", "wrong order", "response[order])", "response)"),
        ("als", "dropped regularisation", "ridge=self.regularisation", "ridge=1e-6"),
        ("als", "one side alone", "self._solve(train.n_items, by_item, self.W_)", "self.X_"),
        ("compiled", "not scaled by count", "ridge * max(starts[r + 1] - starts[r], 1)", "ridge"),
        ("compiled", "error without y", "np.float32(-1)", "np.float32(0)"),
        ("gram", "missing bias", "values[first + m] - b[c]", "values[first + m]"),
        ("gram", "the rest left out", "min(AT_ONCE, len(columns) - first)", "AT_ONCE // 2"),
        ("compiled", "no noise", "white[i, lane] = noise[r, i]", "pass"),
        ("cholesky", "the rest left out", "_subtract_row(At, p, p + 1, end)", "pass"),
        ("vector_tiles", "a row left out", "range(HEIGHT)\n", "range(HEIGHT - 1)\n"),
        ("vector_tiles", "wrong entry", "load_scalar(high, entry)", "load_scalar(high, 0)"),
        ("batched", "missing bias", "bucket.values - x[:, :, 0]", "bucket.values"),
        ("batched", "padding counts", "x[:, :, 0] = bucket.there", "x[:, :, 0] = 1.0"),
        ("batched", "no noise", "white += noise[bucket.rows][:, :, None]", "pass"),
        ("bayesian_mf", "one side alone", "X, squared_error =", "_, squared_error ="),
        ("bayesian_mf", "the last draw alone", "if sweep <= self.burn_in:", "if True:"),
        ("bayesian_ordinal", "the last draw alone", "if sweep <= self.burn_in:", "if True:"),
        ("bayesian_ordinal", "levels for variables", "values=t.numpy()", "values=ratings.values"),
        ("ordinal", "sign of a gradient", "(upper[0])[:-1] - sums", "(upper[0])[:-1] + sums"),
        ("ordinal", "not mirrored back", "torch.where(mirrored, -drawn, drawn)", "drawn"),
        ("ordinal", "cut points that stay", "return proposed if", "return cuts if"),
        ("bayesian_svdpp", "one side alone", "self._draw(users, items.rows, alpha, rng)", "pass"),
        ("bayesian_svdpp", "the last draw alone", "if sweep <= self.burn_in:", "if True:"),
        ("bayesian_svdpp", "sets counted twice", ".values - predicted", ".values - 0 * predicted"),
        ("bayesian_svdpp", "sets left out", "side.own + of_sets", "side.own"),
        ("sets", "wrong share", "1 / np.sqrt(np.maximum(counts, 1))", "np.sqrt(counts)"),
        ("sets", "sign of a residual", "residuals[r, f] -= share", "residuals[r, f] += share"),
        ("scores", "missing bias", "score = w[0] + x[0]", "score = w[0]"),
        ("blend", "equal weights", "weights=self.weights_", "weights=None"),
        ("gaussian_rows", "precision for covariance", ".inverse, d", ".inverse.inverse(), d"),
        ("batched", "wrong start", "np.cumsum(counts) - counts", "np.cumsum(counts)"),
        ("surprise_svd", "ignores the budget", "n_epochs=epochs", "n_epochs=self.epochs"),
        ("surprise_svd", "dropped regularisation", "reg_all=self.reg_all", "reg_all=0.0"),
        ("surprise_svd", "wrong order", "rated[start:end]", "rated[start - 1 : end - 1]"),
        ("cornac_mf", "ignores the budget", "max_iter=epochs", "max_iter=self.epochs"),
        ("cornac_mf", "dropped regularisation", "=self.lambda_reg", "=0.0"),
        ("cornac_mf", "ignores the seed", "default_rng(self.seed)", "default_rng()"),
        ("myfm_gibbs", "the last draw alone", "-min(max(n - BURN_IN, BURN_IN), n)", "-1"),
        ("myfm_gibbs", "a draw that is written over", 'np.array(fm.V, order="C")', "fm.V"),
        ("myfm_gibbs", "ignores stopping", "next(epochs, None)", "next(epochs, 0)"),
        ("cmfrec_als", "ignores the budget", "niter=epochs", "niter=self.epochs"),
        ("cmfrec_als", "dropped regularisation", "=self.lambda_,", "=1e-9,"),
        ("cmfrec_als", "ignores the seed", "random_state=self.seed", "random_state=1"),
        ("libmf_sgd", "ignores the budget", "nr_iters=epochs", "nr_iters=self.epochs"),
        ("libmf_sgd", "dropped regularisation", "p2=self.lambda_l2", "p2=0.0"),
        ("libmf_sgd", "dropped learning rate", "eta=self.eta", "eta=0.1"),
        ("spark_als", "ignores the budget", "maxIter=epochs", "maxIter=self.epochs"),
        ("spark_als", "dropped regularisation", "=self.reg_param,", "=1e-9,"),
        ("spark_als", "ignores the seed", "seed=self.seed", "seed=1"),
        ("shared", "missing bias", " + self.b_item[items]", ""),
        ("shared", "wrong index", "self.Q[items]", "self.Q[users % len(self.Q)]"),
        ("per_rating", "not shuffled", "rng.permutation(len(train))", "np.arange(len(train))"),
        ("per_rating", "wrong index", "response[rows]", "response[: len(rows)]"),
        ("scaling", "no division by σ", " / self.sd", ""),
        ("scaling", "division by 0", " or 1.0", ""),
        ("rated_rows", "wrong mask", "W.T)[rows, columns]", "W.T)[rows, columns.flip(0)]"),
        ("rated_rows", "sign of a gradient", "g, len(H), W)", "-g, len(H), W)"),
        ("rated_rows", "wrong index", "rows[order], g[order]", "rows[order], g"),
        ("rated_rows", "wrong order", "columns[order]", "columns"),
        ("rated_rows", "wrong start", "(counts.cumsum(0) - counts)", "counts.cumsum(0)"),
        ("rated_rows", "wrong mask", " + b[columns]", " + b[columns.flip(0)]"),
        ("chunks", "a pair left out", "start + CHUNK)", "start + CHUNK - 1)"),
        ("protocol", "ignores stopping", "if referee.stops(count, n):", "if False:"),
        ("protocol", "shallow copy of the best", ".deepcopy(self.model)", ".copy(self.model)"),
        ("protocol", "no copy evaluated", "copy.deepcopy(self.best.model)", "self.best.model"),
        ("protocol", "the last budget alone", "if budget < n), n]", "if budget < 0), n]"),
        ("protocol", "best not restored", "object.__setattr__(self.model, name, value)", "pass"),
    )
]  # fmt: skip

GATE = [
    Mutation(f"gate/{file}", *line)
    for file, *line in (
        ("environments", "another Python's", "digest(sys.version, lock,", "digest(lock,"),
        ("environments", "another lock's", "sys.version, lock, needed", "sys.version, needed"),
        ("environments", "other dependencies'", "sys.version, lock, needed", "sys.version, lock"),
        ("environments", "an interpreter that is gone", " and _runs(python)", ""),
        ("environments", "one half made", "complete.exists() and ", ""),
        ("environments", "peers installed", '"--constraint", tree', '"--requirement", tree'),
        ("environments", "no pytest", ', *project["optional-dependencies"]["dev"]]', "]"),
        ("environments", "ignores pip's failure", "check=True", "check=False"),
        ("environments", "a disk error", "(OSError, subprocess.Called", "(subprocess.Called"),
        ("environments", "no lock, a traceback", "if not (tree / LOCK).is_file():", "if False:"),
        ("environments", "no `make env` since", "_check_installed(tree)", "pass"),
        ("environments", "markers ignored", "if here and (", "if ("),
        ("environments", "what a lock cannot change", "!= SEEDED", "!= None"),
        ("solo", "a typo times nothing", "check_known(only, names)", "pass"),
        ("solo", "an empty run", "if not found:", "if False:"),
        ("baseline", "unlike runs", "for run in self.runs)", "for run in self.runs[:1])"),
        ("stored/command", "other workloads added", "not baseline.has_workloads_of(now)", "False"),
        ("stored/command", "removed one hidden", "if baseline.has_workloads_of(now)", "if True"),
        ("stored/command", "replaced in silence", 'f"; replaces {_description(stored)}"', '""'),
        ("stored/command", "no spread reported", 'f"{it.spread:.2%}"', '""'),
        ("screen", "another spread", "spread, Verdict.FAIL", "error, Verdict.FAIL"),
        ("screen", "a spread of another machine", "seen, None, verdict", "seen, spread, verdict"),
    )
]  # fmt: skip
"""Mistakes in the speed gate, which its own tests must catch."""
