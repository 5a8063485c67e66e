"""The record of one cell: what was requested, what came of it, and where."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import statistics
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self, dataclass_transform, overload

import pydantic.dataclasses
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, model_validator

from impls.registry import RENAMED

SCHEMA = 2
OLDER_SCHEMAS = (1,)
"""Still read. `bench migrate` brings their records to `SCHEMA`."""

Status = Literal[
    "ok", "timeout", "out of memory", "diverged", "failed", "skipped", "pruned", "lost"
]
"""A trial is "pruned" where its search ended it: others were better after as many seconds. A cell
is "lost" where its machine left the cluster while it ran."""

WELL: tuple[Status, ...] = ("ok",)

UNRUN: tuple[Status, ...] = ("skipped", "lost")
"""Not the row's doing: such a record hides no run of its row, and is not its newest."""


# Not a number, or infinite, is no figure: pages could not show it. Such a line is no record.
CONFIG = ConfigDict(extra="ignore", allow_inf_nan=False, populate_by_name=True)

Integer = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""What a float can hold, if not each one apart: pages divide it."""

Moment = Annotated[
    str,
    Field(pattern=r"^[12]\d{3}-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d(\.\d{1,9})?(\+00:00|Z)$"),
]
"""In UTC, as isoformat() writes it: records are sorted by it."""


class _Shared(BaseModel):
    """A part that many records have alike: a store holds each once."""

    model_config = CONFIG


class _Part:
    """What each record has of its own: with slots, a tenth of the memory of a model. The methods
    are those that a model has."""

    __slots__ = ()
    __pydantic_validator__: Any
    __pydantic_serializer__: Any

    @classmethod
    def model_validate(cls, fields: dict[str, Any]) -> Self:
        """From a dictionary. Raises pydantic.ValidationError."""
        return cls.__pydantic_validator__.validate_python(fields)  # type: ignore[no-any-return]

    @classmethod
    def model_validate_json(cls, line: str | bytes) -> Self:
        """From its JSON. Raises pydantic.ValidationError."""
        return cls.__pydantic_validator__.validate_json(line)  # type: ignore[no-any-return]

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """As a dictionary, its parts, too; the options are those of a model."""
        return dict(self.__pydantic_serializer__.to_python(self, **options))

    def model_copy(self, *, update: dict[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values, which are not validated; `deep` copies its parts, too."""
        new = copy.deepcopy(self) if deep else copy.copy(self)
        for name, value in (update or {}).items():
            setattr(new, name, value)
        return new


@dataclass_transform(kw_only_default=True, field_specifiers=(Field,))
def _part(cls: type[Any]) -> Any:
    return pydantic.dataclasses.dataclass(cls, config=CONFIG, slots=True, kw_only=True)


@_part
class CellRecord(_Part):
    """What was requested. `suite` names the suite it was planned by."""

    implementation: str
    preset: str
    hyperparameters: dict[str, Any]
    dataset: str
    split: str
    device: str
    threads: Integer
    seed: Integer
    suite: str = ""
    model: str = ""
    """The model's name: rows with an equal one are the same maths."""
    rules: dict[str, Any] = Field(default_factory=dict)
    """The harness's stopping rules: patience, until_rmse, time_limit_s."""
    shortened_to: Integer | None = None
    """The epochs after which the suite ends a fit to be fast; None where it leaves the preset's,
    or the command line sets them."""
    again: Integer = 0
    """How many runs of the same seed came before: by the machine alone their times differ."""
    pinned: bool = False
    """Its process stayed on one core, as `--pin` requests for a cell of one thread."""


@_part
class Slice(_Part):
    """Errors over a part of the test ratings, clipped to the scale.

    by         what the test ratings are divided by. "training": the training ratings of the user,
               where user and item are known, and the cold-start pairs apart. "time": the time of
               the test rating. The slices of one `by` together are all test ratings
    name       "few", "some", "many", "cold start"; "oldest", "middle", "newest"
    low, high  the least and the largest number of training ratings of such a user (None: without
               end, or cold start); the times of the first and the last rating, in seconds
    n          test ratings in it, at least one
    """

    by: Literal["training", "time"]
    name: str
    low: Integer | None
    high: Integer | None
    n: Integer
    rmse: float
    mae: float


@_part
class Metrics(_Part):
    """Test scores; `_raw` is before clipping to the scale. val_rmse is the chosen epoch's."""

    rmse: float
    mae: float
    rmse_raw: float
    mae_raw: float
    val_rmse: float | None
    n_test: Integer
    n_cold_start: Integer
    n_train: Integer | None = None
    epochs: Integer = 0
    """Epochs that ran; 0 for a closed form; with epoch budgets, those of the chosen fit."""
    best_epoch: Integer | None = None
    flags: list[str] = Field(default_factory=list)
    """Doubts about the row, such as "no better than global_mean"."""
    slices: list[Slice] = Field(default_factory=list)
    """Errors over parts of the test ratings; those of an older record were not computed."""
    blocks: list[float] = Field(default_factory=list)
    """Mean squared errors of equal parts of the test ratings, the same parts for each row: of the
    final runs of `bench choose` alone."""


Seconds = Annotated[float, Field(ge=-1e12, le=1e12)]
"""A plot has room for no more."""


@_part
class Times(_Part):
    """Seconds. import + warmup + fit + other_budgets + evaluation + predict + overhead = wall.

    Fits that were repeated for their energy are in none of them.

    fit_s            the training clock: all of `fit` less the harness's evaluations; with epoch
                     budgets, the chosen fit alone
    other_budgets_s  the fits at the other epoch budgets
    epoch_s          median of the epochs; None for a closed form
    first_model_s    time to first model in a fresh process: import + warm-up + fit
    """

    import_s: Seconds
    warmup_s: Seconds
    fit_s: Seconds
    other_budgets_s: Seconds = 0.0
    epoch_s: Seconds | None
    predict_s: Seconds
    evaluation_s: Seconds
    overhead_s: Seconds
    first_model_s: Seconds
    wall_s: Seconds


DISTURBED = 0.05
"""The share of its time from which on a fit counts as disturbed: what the suites' precision is.

An undisturbed fit loses far less: on 2 virtual cores of a shared machine, with one core free, 90
fits of 0.5 ms to 0.25 s waited for at most 1.1 % of their time, and where other processes took the
cores for 30 to 75 % (docs/measurement.md)."""

LEAST_STEAL_S = 0.03
"""Three ticks of the kernel's counter: one or two may be rounding, and are a third of a short
fit."""


@_part
class Disturbance(_Part):
    """What kept the worker from its cores while the training clock ran: of all of `fit`, the fits
    at every epoch budget included, and of no import, warm-up, evaluation or prediction.

    steal_s               that the host gave to others while a core which the worker may use had
                          work, all those cores together, whosever work it was. The kernel counts
                          in ticks of 10 ms. None where it does not count
    wait_s                that the worker's threads were runnable and had no core, all together,
                          less those of threads that ended within the fit. None off Linux
    involuntary_switches  times that a thread of the worker was taken off its core
    cpu_s                 CPU seconds of the worker, of its child processes that ended and of those
                          that the warm-up started, such as a JVM
    """

    steal_s: Annotated[float, Field(ge=0, le=1e12)] | None
    wait_s: Annotated[float, Field(ge=0, le=1e12)] | None
    involuntary_switches: Annotated[int, Field(ge=0, lt=2**63)]
    cpu_s: Annotated[float, Field(ge=0, le=1e12)] = 0.0

    def of_fit(self, trained_s: float) -> str:
        """Why a fit of so many seconds counts as disturbed; "" where it does not.

        Shares are of its seconds; where several threads ran for longer together, of what they ran
        and lost.
        """

        def share(lost_s: float | None) -> float:
            return lost_s / max(trained_s, self.cpu_s + lost_s) if lost_s else 0.0

        reasons = []
        if (self.steal_s or 0.0) >= LEAST_STEAL_S and share(self.steal_s) >= DISTURBED:
            reasons.append(f"{100 * share(self.steal_s):.0f} % of its time stolen by the host")
        if share(self.wait_s) >= DISTURBED:
            reasons.append(f"waited for a core {100 * share(self.wait_s):.0f} % of its time")
        return ", ".join(reasons)


@_part
class Goal(_Part):
    """`seconds` on the training clock until validation RMSE ≤ rmse; None is a miss."""

    rmse: float
    seconds: Seconds | None


@_part
class Point(_Part):
    """One checkpoint on validation; `seconds` is the training clock."""

    epoch: Annotated[int, Field(ge=0, le=2**53)]
    seconds: Seconds
    rmse: Annotated[float, Field(ge=0, le=1e39)]
    mae: Annotated[float, Field(ge=0, le=1e39)]


class Curve(Sequence[Point]):
    """Points as one row of numbers, which takes a quarter of their memory; each is built as it is
    looked at."""

    __slots__ = ("_numbers",)

    def __init__(self, points: Iterable[Point]) -> None:
        numbers = ((p.epoch, p.seconds, p.rmse, p.mae) for p in points)
        self._numbers = array("d", itertools.chain.from_iterable(numbers))

    def __len__(self) -> int:
        return len(self._numbers) // 4

    @overload
    def __getitem__(self, place: int) -> Point: ...
    @overload
    def __getitem__(self, place: slice) -> list[Point]: ...
    def __getitem__(self, place: int | slice) -> Point | list[Point]:
        if isinstance(place, slice):
            return list(self)[place]
        first = 4 * range(len(self))[place]
        return _point(*self._numbers[first : first + 4])

    def __iter__(self) -> Iterator[Point]:
        numbers = iter(self._numbers)
        return map(_point, numbers, numbers, numbers, numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]


def _point(epoch: float, seconds: float, rmse: float, mae: float) -> Point:
    """Of numbers that were a point's before, so that they need no validation."""
    point = Point.__new__(Point)
    point.epoch, point.seconds, point.rmse, point.mae = int(epoch), seconds, rmse, mae
    return point


def _dumped(curve: Sequence[Point]) -> list[dict[str, Any]]:
    return [point.model_dump() for point in curve]


@_part
class Memory(_Part):
    """Peaks in bytes: of the resident memory of the worker and what its warm-up started, such as a
    JVM, added up; and of the device allocator from after the warm-up on.

    host_base_bytes  resident after the warm-up, less the ratings: interpreter, libraries,
                     compiled code
    """

    host_peak_bytes: Integer | None
    device_peak_bytes: Integer | None
    host_base_bytes: Integer | None = None


class Energy(_Shared):
    """Of the device alone, by its own counter, over `fits` fits in `seconds`."""

    joules_per_fit: float
    fits: Integer
    seconds: float


class Numerics(_Shared):
    """torch's settings at the end of `fit` (docs/measurement.md).

    The first three are how products of float32 are formed: "ieee" is in full, "tf32" and "bf16"
    are not.
    """

    cuda_matmul: str
    cuda_conv: str
    cpu_matmul: str
    cudnn_benchmark: bool
    deterministic: bool


class Data(_Shared):
    fingerprint: Annotated[str, Field(min_length=1)]
    n_users: Integer
    n_items: Integer
    n_ratings: Integer
    scale: tuple[float, float]
    duplicates: Integer = 0
    duplicate_rule: str = ""
    """Which rating of a pair that was rated again counts; the last one where this is empty."""
    floor: float | None = None
    note: str = ""
    """Shown beside every table, e.g. that synthetic data stands in for ml-100k."""
    test: str = ""
    """The user's own file of test ratings, which are among these; "" without one."""
    split_digest: str = ""
    """Of what decides the split beside the ratings, its name and the seed: the times of one in
    time, the test part of a given one; "" for any other."""
    options: dict[str, str] = Field(default_factory=dict)
    """The options that its file was read with, such as columns: user=account,item=song."""


class Source(_Shared):
    git_sha: str | None
    dirty: bool | None
    implementation_hash: str
    unfollowed: list[str] = Field(default_factory=list)
    """Places that load code which the hash misses: `lib/core.py:3: import_module`."""


class Roof(_Shared):
    """What this machine was measured to reach with a number of threads (docs/roofline.md).

    flops_per_s  float32 multiplications and additions
    bandwidth    size of a table in bytes -> bytes read and written per second, in rows taken
                 from all over it
    """

    threads: Integer
    flops_per_s: float = Field(gt=0)
    bandwidth: dict[int, Annotated[float, Field(gt=0)]] = Field(min_length=1)


@_part
class Environment(_Part):
    """The machine. `machine` is its id: rows of different machines never share a table."""

    machine: str
    cpu: str
    cores: Integer
    memory_gb: float
    gpu: str | None
    os: str
    python: str
    versions: dict[str, str]
    load: float
    of_cores: Integer | None = None
    """All cores of the machine, where a limit leaves the run only `cores` of them."""
    limited_by: str = ""
    """That limit: "CPU affinity" or "CPU quota 1.5"."""
    roofs: list[Roof] = Field(default_factory=list)
    """For one thread and for all cores; empty where they were not measured."""


class Reference(_Shared):
    """A published number that the row stands beside. `of`: what reached it."""

    rmse: float
    mae: float | None = None
    clipped: bool = True
    of: str = ""
    source: str
    protocol: str
    within: float | None = None
    """How far a record may be from each number, either way."""
    reach: float | None = None
    """The RMSE that a record is to reach: at most this."""


@_part
class Record(_Part):
    """One finished cell. Parts that a cell never reached are None."""

    schema_: Integer = Field(default=SCHEMA, alias="schema")
    identity: str
    """Digest of everything that decides the result; equal and `ok` means: already done."""
    started_at: Moment
    status: Status
    reason: str = ""
    cell: CellRecord
    metrics: Metrics | None = None
    times: Times | None = None
    ran_s: float | None = None
    """Where it has no times, as its process was killed: seconds from the start of that to its end.
    None in older records."""
    disturbance: Disturbance | None = None
    """None in older records."""
    goals: list[Goal] = Field(default_factory=list)
    curve: Annotated[Sequence[Point], PlainSerializer(_dumped)] = Field(default_factory=list)
    val_blocks: list[float] = Field(default_factory=list)
    """Mean squared errors of equal parts of the validation ratings at the best epoch, the same
    parts for each row: of the trials of `bench choose` alone."""
    epoch_budgets: bool = False
    """It cannot be interrupted: each point of the curve is a full fit of that many epochs."""
    memory: Memory | None = None
    energy: Energy | None = None
    energy_reason: str = ""
    """Why a row on a device has no energy."""
    numerics: Numerics | None = None
    """None where torch was not loaded."""
    thread_pools: dict[str, Integer] = Field(default_factory=dict)
    """Threads of each pool that was loaded after the warm-up."""
    data: Data
    source: Source
    environment: Environment
    sandbox: str = ""
    """What contained its process; "" for nothing, as in older records."""
    reference: Reference | None = None
    reused_from: str = ""
    """The row and dataset under which it ran, where another name of the same cell stands here:
    `a.py:Row on u.data`."""
    reused_at: Moment | Literal[""] = ""
    """When it was stored again: under another name, or as the row's source was this one again."""
    log: str = ""
    """The end of what the worker printed, stored where the cell failed."""

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        for before, after in itertools.pairwise(self.curve):
            back = after.seconds < before.seconds and not self.epoch_budgets
            if back or after.epoch <= before.epoch:
                raise ValueError(f"its curve does not ascend at epoch {after.epoch}")
        return self

    @property
    def run(self) -> tuple[str, str]:
        """Equal for two records of one run: what decided the result, and when it started."""
        return self.identity, self.started_at

    @property
    def entry(self) -> tuple[str, ...]:
        """Equal for copies of one record: its run, and when and under which names it was stored."""
        return (*self.run, self.reused_at, self.cell.implementation, self.cell.dataset)

    @property
    def disturbed(self) -> str:
        """Why its times may be too high: "8 % of its time stolen by the host", "waited for a core
        12 % of its time"; "" where nothing is known against them."""
        if self.times is None or self.disturbance is None:
            return ""
        return self.disturbance.of_fit(self.times.fit_s + self.times.other_budgets_s)

    @property
    def counts_from(self) -> str:
        """When it became the newest of its row."""
        return max(self.started_at, self.reused_at)

    def to_line(self) -> str:
        """One line of JSON without its newline; a NaN or infinity becomes null, and half a
        character, as in a file name that is not UTF-8, a question mark."""
        text = json.dumps(self.model_dump(mode="json", by_alias=True), ensure_ascii=False)
        return text.encode("utf-8", "replace").decode("utf-8")


def identity_of(
    source_digest: str, class_name: str, cell: CellRecord, data: Data, environment: Environment
) -> str:
    """Digest of what decides a result on a machine; limits do not."""
    return digest(
        source_digest,
        class_name,
        (cell.preset, cell.hyperparameters),
        (data.fingerprint, data.note),
        (cell.split, cell.seed, cell.device, cell.threads),
        (cell.rules.get("patience"), cell.rules.get("until_rmse")),
        (environment.python, environment.versions, environment.machine),
        *([data.split_digest] if data.split_digest else []),
        *([{"again": cell.again}] if cell.again else []),
        *(["pinned"] if cell.pinned else []),
    )


def made_with(source_digest: str, environment: Environment) -> str:
    """Digest of what decides a result beside what is requested: the row's source, the versions of
    what runs it, and the machine."""
    return digest(source_digest, environment.python, environment.versions, environment.machine)


def upgraded(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a record of schema 1 by their names of today; others as they are.

    `schema` stays what it was: the digest of its source is of the older kind, too.
    """
    if fields["schema"] != 1:
        return fields
    fields = dict(fields)
    fields["goals"] = fields.pop("targets", [])
    fields["epoch_budgets"] = fields.pop("ladder", False)
    if times := fields.get("times"):
        other, first = times.get("ladder_s", 0.0), times.get("cold_s")
        fields["times"] = {**times, "other_budgets_s": other, "first_model_s": first}
    if metrics := fields.get("metrics"):
        fields["metrics"] = {**metrics, "n_cold_start": metrics.get("n_cold")}
    if cell := fields.get("cell"):
        values = cell.get("hyperparameters", {}).items()
        renamed = {RENAMED.get(name, name): value for name, value in values}
        fields["cell"] = {**cell, "hyperparameters": renamed}
    return fields


Figure = Callable[[Record], float | None]


def part(name: str, field: str, unit: float = 1) -> Figure:
    """A field of a part of the record, in a unit; None where the record has no such part."""

    def figure(record: Record) -> float | None:
        value = getattr(getattr(record, name), field, None)
        return None if value is None else value / unit

    return figure


def mean_by_seed(records: Iterable[Record], figure: Figure) -> dict[int, float]:
    """Seed -> `figure`: the mean over the seed's records that have it; ∞ where one is."""
    values = values_by_seed(records, figure)
    return {seed: statistics.fmean(of_seed) for seed, of_seed in values.items()}


def values_by_seed(records: Iterable[Record], figure: Figure) -> dict[int, list[float]]:
    """Seed -> `figure` of each of its records that have it."""
    values: dict[int, list[float]] = defaultdict(list)
    for record in records:
        if (value := figure(record)) is not None:
            values[record.cell.seed].append(value)
    return dict(values)


def round_up(rmse: float) -> float:
    """To four decimals, so that a curve that reached it still does."""
    nearest = round(rmse, 4)
    return nearest if nearest >= rmse else round(nearest + 1e-4, 4)


def digest(*parts: object) -> str:
    """A short stable digest of JSON-able parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
