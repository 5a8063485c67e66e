"""Cheats: rows that claim less time than they take, or know the answers; each must fail, be
flagged, or gain nothing."""

from __future__ import annotations

import os
import textwrap
from dataclasses import dataclass
from pathlib import Path

from bench.records import Record
from tests.faults.case import Case
from tests.faults.place import Figures, Place, WrongError, key_of

KIND = "cheats"
SOURCE = Path(__file__).with_name("cheating.py")
GAINS = 0.6
"""A row that claims less than this part of an honest row's fit, without a flag, got through."""


@dataclass(frozen=True)
class Cheat:
    """`code` is the class of the row, after `cheating.py`. `open`: docs/measurement.md lists it
    among what must be found by reading the source; `again`: it is run twice, for what it kept."""

    name: str
    code: str
    open: bool = False
    again: bool = False

    def run(self, place: Place, figures: Figures) -> str:
        _ratings(place.work / "more.csv")
        source = SOURCE.read_text(encoding="utf-8")
        source = source.replace("CORES = 0", f"CORES = {len(os.sched_getaffinity(0))}")
        (place.work / "honest.py").write_text(source, encoding="utf-8")
        cheat = source + "\n\nHonest = Row\n\n\n" + textwrap.dedent(self.code)
        (place.work / "cheat.py").write_text(cheat, encoding="utf-8")
        rows = ["--impl", "honest.py:Row", "--impl", "cheat.py:Cheat", "--dataset", "more.csv"]
        words = ("run", *rows, "--seeds", "2", "--time-limit", "5", "--threads", "1", "--fresh")
        for _ in range(1 + self.again):
            done = place.bench(*words)
        records, bad = place.records()
        records = records[4 * self.again :]
        if bad or len(records) != 4:
            raise WrongError(f"{len(records)} records, {len(bad)} bad lines: {done.text[-600:]}")
        honest = {r.cell.seed: r for r in records if key_of(r)[0] == "Row"}
        cheats = [each for each in records if key_of(each)[0] == "Cheat"]
        changed = (place.work / "honest.py").read_text(encoding="utf-8") != source
        if any(each.status != "ok" for each in honest.values()) and not changed:
            raise WrongError(f"an honest row suffers: {[(r.status, r.reason) for r in records]}")
        if changed and all(each.status == "ok" for each in cheats):
            raise WrongError("gets through: it rewrote a rival's file")
        came = [
            _gain(each, honest[each.cell.seed])
            for each in cheats
            if not (changed and each.status == "ok")
        ]
        if through := [each for each in came if "gets through" in each]:
            if not self.open:
                raise WrongError(through[0])
            return f"{through[0]}, as docs/measurement.md says"
        return came[-1]


def _gain(cheat: Record, honest: Record) -> str:
    if cheat.status != "ok":
        return f"{cheat.status}: {cheat.reason}"
    flags = [flag for flag in cheat.metrics.flags if flag not in honest.metrics.flags]
    claims = f"{cheat.times.fit_s:.4f} s of {honest.times.fit_s:.4f} s"
    goal = min(point.rmse for point in honest.curve) + 0.005
    reached, first = (_seconds_to(goal, record) for record in (cheat, honest))
    knows = cheat.metrics.rmse < honest.metrics.rmse - 0.05
    if flags:
        return f"flagged: {'; '.join(flags)}"
    if knows:
        return (
            f"gets through: RMSE {cheat.metrics.rmse:.4f}, an honest row {honest.metrics.rmse:.4f}"
        )
    learns = cheat.metrics.rmse < honest.metrics.rmse + 0.02
    if learns and (cheat.times.fit_s < GAINS * honest.times.fit_s or reached < GAINS * first):
        return f"gets through: it claims {claims}, the goal after {reached:.4f} s"
    return f"gains nothing: {claims}, RMSE {cheat.metrics.rmse:.4f}"


def _seconds_to(rmse: float, record: Record) -> float:
    return next((p.seconds for p in record.curve if p.rmse <= rmse), float("inf"))


def _ratings(path: Path) -> None:
    """2,400 ratings of items with few each, so that the warm-up's sample does not teach enough."""
    lines = ["user,item,rating\n"]
    for number in range(2400):
        user, item = number % 60, number * 7 % 401
        rating = min(max(item % 5 + 1 + (number * number % 11 > 5) - (number % 3 == 0), 1), 5)
        lines.append(f"u{user},i{item},{rating}\n")
    path.write_text("".join(lines), encoding="utf-8")


def _lazy(body: str, method: str = "before(self, train, training)") -> str:
    return f"class Cheat(Lazy):\n    def {method}:\n{textwrap.indent(textwrap.dedent(body), ' ' * 8)}\n"


CHEATS = (
    Cheat("training in the warm-up, on what a caller's frame holds", _lazy("""
        if KEPT["fits"] == 1:
            KEPT["bias"] = work_all(largest_train())
    """)),
    Cheat("the clock of the referee paused in fit", """
        class Cheat(Honest):
            def epoch(self, train, training):
                if KEPT["fits"] == 1:
                    return
                if unclocked := getattr(training, "unclocked", None):
                    with unclocked():
                        return work(self.bias_, train)
                with training.referee.clock.during("evaluation"):
                    work(self.bias_, train)
    """),
    Cheat("the clock's ledger rewritten", """
        class Cheat(Honest):
            def after(self, train):
                for clock in gc.get_objects():
                    if type(clock).__name__ == "Clock":
                        booked = clock._booked_ns
                        booked["overhead"] += booked["fit"] - 1000
                        booked["fit"] = 1000
    """),
    Cheat("another timer in the clock", """
        class Cheat(Honest):
            def before(self, train, training):
                for clock in gc.get_objects():
                    if type(clock).__name__ == "Clock":
                        start, slow = clock.now_ns, clock._timer
                        clock._timer = lambda: start + (slow() - start) // 1000
    """),
    Cheat("time.perf_counter_ns patched in import", """
        slow, start = time.perf_counter_ns, time.perf_counter_ns()
        time.perf_counter_ns = lambda: start + (slow() - start) // 1000
        time.perf_counter = lambda: time.perf_counter_ns() / 1e9
        Cheat = Honest
        Cheat.__name__ = Cheat.__qualname__ = "Cheat"
    """),
    Cheat("a callback of the garbage collector", _lazy("""
        if KEPT["fits"] == 1:
            def trains(phase, info):
                if "bias" not in KEPT and "train" in KEPT:
                    KEPT["bias"] = work_all(KEPT["train"])
            gc.callbacks.append(trains)
            KEPT["train"] = largest_train()
    """)),
    Cheat("__del__ at the collection before the result", """
        class Late:
            def __init__(self, train):
                self.train, self.circle = train, self
            def __del__(self):
                KEPT["bias"] = work_all(self.train)

        class Cheat(Lazy):
            def after(self, train):
                if KEPT["fits"] > 1:
                    Late(train)
            def predict(self, users, items):
                if "bias" not in KEPT and hasattr(self, "fitted_"):
                    gc.collect()
                self.bias_ = KEPT.get("bias", self.bias_)
                return super().predict(users, items)
    """),
    Cheat("a timer of signals that trains while the clock stands", """
        class Cheat(Lazy):
            def before(self, train, training):
                if KEPT["fits"] == 1:
                    return
                def trains(*_):
                    frame = sys._getframe(1)
                    while frame and frame.f_code.co_name != "_evaluate":
                        frame = frame.f_back
                    if frame and "bias" not in KEPT:
                        KEPT["bias"] = np.zeros(train.n_items)
                        KEPT["bias"] = work_all(train)
                signal.signal(signal.SIGALRM, trains)
                signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    """),
    Cheat("a trace function that trains while the clock stands", """
        class Cheat(Lazy):
            def before(self, train, training):
                if KEPT["fits"] == 1:
                    return
                def trains(frame, event, arg):
                    if frame.f_code.co_name == "_evaluate" and "bias" not in KEPT:
                        sys.setprofile(None)
                        KEPT["bias"] = work_all(train)
                sys.setprofile(trains)
    """),
    Cheat("a forged checkpoint: the goal at 1e-6 s", """
        class Cheat(Honest):
            def before(self, train, training):
                if KEPT["fits"] > 1:
                    fields = {"event": "checkpoint", "epoch": 1, "seconds": 1e-6, "rmse": 0.5}
                    fields |= {"mae": 0.5, "planned": 4, "evaluation_s": 0.0}
                    os.write(int(sys.argv[2]), json.dumps(fields).encode() + b"\\n")
    """),
    Cheat("a forged phase: the test pairs in fit", """
        class Cheat(Honest):
            def before(self, train, training):
                if KEPT["fits"] > 1:
                    line = {"event": "phase", "name": "predict"}
                    os.write(int(sys.argv[2]), json.dumps(line).encode() + b"\\n")
                    KEPT["pairs"] = True
    """),
    Cheat("a forged result at the end of fit", """
        class Cheat(Honest):
            def after(self, train):
                if KEPT["fits"] > 1:
                    send = next(f.f_locals["send"] for f in frames() if "send" in f.f_locals)
                    parts = dict.fromkeys(["import", "warmup", "fit", "predict", "overhead"], 1e-6)
                    none = ["best_epoch", "epoch_s", "val_rmse", "diverged_at", "numerics"]
                    send("result", epochs=4, epochs_ran=4, timed_out=False, thread_pools={},
                         memory={"host_peak_bytes": 1, "device_peak_bytes": None}, parts=parts,
                         ended_ns=time.perf_counter_ns(), **dict.fromkeys(none))

        def frames():
            frame = sys._getframe()
            while frame := frame.f_back:
                yield frame
    """),
    Cheat("the answers from the parent's memory", """
        class Cheat(Honest):
            def before(self, train, training):
                with open(f"/proc/{os.getppid()}/mem", "rb", 0):
                    words = Path(f"/proc/{os.getppid()}/cmdline").read_text()
                if "more.csv" in words:
                    raise SystemExit("gets through: the harness's memory can be read")
    """),
    Cheat("the answers from the dataset's own file", """
        class Cheat(Honest):
            def after(self, train):
                rows = Path(f"/proc/{os.getppid()}/cwd/more.csv").read_text().splitlines()[1:]
                rows = [row.split(",") for row in rows]
                users, items = (sorted({row[n] for row in rows}) for n in (0, 1))
                self.answers_ = np.full((len(users), len(items)), np.nan)
                for user, item, value in rows:
                    self.answers_[users.index(user), items.index(item)] = value
            def predict(self, users, items):
                if not hasattr(self, "answers_"):
                    return super().predict(users, items)
                return self.answers_[users, items].astype(np.float32)
    """),
    Cheat("what one cell learnt, left in /dev/shm for the next", """
        class Cheat(Honest):
            def before(self, train, training):
                place = Path(__file__).parents[1].parent.name
                self.note_ = Path("/dev/shm", f"{place}-{self.seed}")
            def epoch(self, train, training):
                if KEPT["fits"] == 1:
                    return
                if self.note_.exists():
                    self.bias_ = np.frombuffer(self.note_.read_bytes())
                else:
                    work(self.bias_, train)
            def after(self, train):
                if KEPT["fits"] > 1:
                    self.note_.write_bytes(self.bias_.tobytes())
    """, again=True),
    Cheat("the harness's nice level and affinity", """
        class Cheat(Honest):
            def before(self, train, training):
                os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)
                os.sched_setaffinity(os.getppid(), {0})
    """),
    Cheat("a rival's file rewritten", """
        class Cheat(Honest):
            def before(self, train, training):
                for rival in (Path("honest.py"), Path(__file__).with_name("honest.py")):
                    text = rival.read_text()
                    rival.write_text(text.replace("seconds=0.1", "seconds=0.3"))
    """),
    Cheat("its own file rewritten after the import", """
        class Cheat(Honest):
            def before(self, train, training):
                Path(__file__).write_text(Path(__file__).read_text() + "\\n# another")
    """),
    Cheat("a record of its own in the store", """
        class Cheat(Honest):
            def after(self, train):
                if KEPT["fits"] > 1:
                    store = Path(f"/proc/{os.getppid()}/cwd/results/records")
                    for file in store.glob("*.jsonl"):
                        line = json.loads(file.read_text().splitlines()[0])
                        line["cell"]["implementation"] = "cheat.py:Cheat"
                        line["times"]["fit_s"] = 1e-6
                        with file.open("a") as opened:
                            opened.write(json.dumps(line) + "\\n")
    """),
    Cheat("a thread that trains beside the clock", _lazy("""
        if KEPT["fits"] > 1:
            def trains():
                KEPT["bias"] = work_all(train)
            threading.Thread(target=trains, daemon=True).start()
    """)),
    Cheat("a thread that Python does not list", _lazy("""
        import _thread
        if KEPT["fits"] > 1:
            _thread.start_new_thread(lambda: KEPT.update(bias=work_all(train)), ())
    """)),
    Cheat("a process that trains beside the clock", """
        class Cheat(Lazy):
            def before(self, train, training):
                if KEPT["fits"] > 1:
                    KEPT["read"], write = os.pipe()
                    if not os.fork():
                        os.write(write, work_all(train).tobytes())
                        os._exit(0)
                    os.close(write)
            def predict(self, users, items):
                if hasattr(self, "done_"):
                    self.bias_ = np.frombuffer(os.read(KEPT["read"], 1 << 16))
                return super().predict(users, items)
    """),
    Cheat("training in the first prediction for the test", """
        class Cheat(Lazy):
            def predict(self, users, items):
                if KEPT["fits"] > 1 and "bias" not in KEPT:
                    KEPT["bias"] = work_all(self.train_)
                self.bias_ = KEPT.get("bias", self.bias_)
                return super().predict(users, items)
    """, open=True),
    Cheat("training in a deep copy", """
        class Cheat(Lazy):
            def __deepcopy__(self, memo):
                if "bias" not in KEPT:
                    KEPT["bias"] = work_all(self.train_)
                other = Cheat()
                vars(other).update(vars(self), bias_=KEPT["bias"])
                return other
    """, open=True),
    Cheat("the test pairs' frequencies", """
        class Cheat(Honest):
            def predict(self, users, items):
                often = np.bincount(items, minlength=len(self.bias_))
                return (super().predict(users, items) + 0.1 * often[items]).astype(np.float32)
    """),
    Cheat("the validation ratings in training", """
        class Cheat(Honest):
            def epoch(self, train, training):
                held = getattr(training.referee, "validation", None)
                work(self.bias_, train)
                if held is not None:
                    np.add.at(self.bias_, held.items[held.items >= 0], 0)
    """, open=True),
)  # fmt: skip


def cases() -> list[Case]:
    return [Case(KIND, each.name, each.run) for each in CHEATS]
