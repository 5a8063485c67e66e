"""The layout of a ratings file: as the user says, and else as its first lines show."""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from datasets.errors import DataError, shown
from datasets.reading.layout import Layout
from datasets.reading.lines import BLANKS, split
from datasets.reading.report import Column
from datasets.reading.sources import Source

DELIMITERS = ("::", "\t", ",", ";", "|", " ")
NAMES = {
    "user": ("user", "userid", "uid", "username", "reviewerid", "reviewer", "customerid", "u"),
    "item": (
        *("item", "itemid", "iid", "movieid", "movie", "productid", "product", "bookid", "book"),
        *("asin", "parentasin", "isbn", "artistid", "songid", "trackid", "animeid", "businessid"),
        *("gameid", "recipeid", "jokeid", "mid", "i"),
    ),
    "rating": ("rating", "ratings", "score", "value", "stars", "overall", "bookrating", "r"),
    "timestamp": (
        *("timestamp", "time", "ts", "unixreviewtime", "datetime", "date", "t", "tstamp"),
        *(
            "unixtime",
            "ratedat",
            "ratingdate",
            "reviewdate",
            "reviewtime",
            "createdat",
            "eventtime",
        ),
        *("eventdate", "day", "updatedat"),
    ),
}
"""Column names, letters and digits only, in order of preference."""

RATED = ("user", "item", "rating")
PAIRS = ("user", "item")

OPTION = "--columns user=…,item=…,rating=…"
AS_THE_RATINGS = "Call the columns as in the ratings file, or user and item"
"""What to do where a lenient layout fits no column."""
MATRIX_COLUMNS = 5
"""Numbers in so many columns without a header: more than user, item, rating and time."""

MOST_COLUMNS = 1000

_SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True)
class Dialect:
    """How the lines of a file become fields, and which field plays which role.

    skip     lines before the first one of data
    columns  role -> the column; `timestamp` is missing where the file has none
    width    number of fields of a line
    names    of all columns: the header's, or their positions from 1
    notes    what was guessed, a sentence each
    """

    delimiter: str
    header: bool
    skip: int
    columns: Mapping[str, Column]
    names: Sequence[str]
    notes: tuple[str, ...] = field(default=())

    @property
    def width(self) -> int:
        return len(self.names)

    @property
    def ignored(self) -> tuple[str, ...]:
        used = {column.position for column in self.columns.values()}
        return tuple(name for n, name in enumerate(self.names, 1) if n not in used and name)


@dataclass(frozen=True)
class _Sample:
    """The first lines of a file that are not blank, with their numbers from 1."""

    source: Source
    lines: list[tuple[int, str]]
    delimiter: str | None
    """As Excel's first line `sep=;` names it, which is not among the lines; None without one."""

    def error(self, problem: str, remedy: str) -> DataError:
        return DataError(problem, remedy, where=self.source, line=self.lines[0][0])


def find_dialect(source: Source, layout: Layout, roles: Sequence[str] = RATED) -> Dialect:
    """The layout of a file that has a column for each of `roles`, and maybe a timestamp.

    A header is recognised by its names. Where it names user and item and leaves one column, that
    is the rating. Without a header the columns are user, item, rating and, where the fourth holds
    numbers or dates, timestamp. Raises DataError for an empty or binary file, where no delimiter
    gives these columns, and where the layout is ambiguous.
    """
    sample = _sample(source, "rating" if "rating" in roles else "pair")
    named = layout.delimiter or sample.delimiter
    delimiters = [named] if named else DELIMITERS
    candidates = [(each, split(sample.lines[0][1], each)) for each in delimiters]
    for delimiter, fields in candidates:
        asked = _present(layout, _stripped(fields))
        if asked.columns:
            found = _as_given(sample, asked, delimiter, fields, roles)
        elif layout.header is False:
            found = _by_position(sample, delimiter, fields, roles)
        else:
            found = _by_header(sample, delimiter, fields, roles)
            if found is None and not layout.lenient and not _has_names(fields):
                found = _by_position(sample, delimiter, fields, roles)
        if found is not None and set(roles) <= found.columns.keys():
            return found
    raise _no_dialect(sample, layout, candidates, roles)


def option(roles: Sequence[str]) -> str:
    """The option that names the columns of these roles."""
    return f"--columns {','.join(f'{role}=…' for role in roles)}"


def columns_by_name(
    names: Sequence[str], layout: Layout, roles: Sequence[str] = RATED
) -> tuple[dict[str, Column], list[str]]:
    """Role -> column for the names of a header, and what was guessed.

    Those that `layout` gives come first: by name, else by position from 1. A rating is guessed
    where it is among the `roles` that are needed.
    """
    columns, notes = {}, []
    for role, given in layout.columns.items():
        position = _position(names, given)
        if position is not None:
            columns[role] = Column(names[position - 1], position, "given")
    taken = {column.position for column in columns.values()}
    plain = [_plain(name) if n not in taken else "" for n, name in enumerate(names, 1)]
    for role, accepted in NAMES.items():
        known = next((name for name in accepted if name in plain), None)
        if role in columns or known is None:
            continue
        position = plain.index(known) + 1
        columns[role] = Column(names[position - 1], position, "named in the header")
        others = [n for n, name in enumerate(plain, 1) if name in accepted and n != position]
        if others:
            also = " and ".join(repr(names[n - 1]) for n in others)
            notes.append(f"column {names[position - 1]!r} is taken for the {role}, and not {also}")
    used = {column.position for column in columns.values()}
    left = [n for n, name in enumerate(names, 1) if n not in used and not _is_index(name)]
    lacks_rating = set(roles) - columns.keys() == {"rating"}
    if lacks_rating and len(left) == 1:
        name = names[left[0] - 1]
        columns["rating"] = Column(name, left[0], "the one column that is left")
        notes.append(f"column {name!r} is taken for the rating, as the one that is left")
    notes += [f"column {n} has no name and is left out, as an index" for n in _indexes(names)]
    return columns, notes


def _indexes(names: Sequence[str]) -> list[int]:
    return [n for n, name in enumerate(names, 1) if _is_index(name) and n < len(names)]


def _is_index(name: str) -> bool:
    """As pandas writes it: without a name, which pandas reads as "Unnamed: 0"."""
    return not name.strip() or re.fullmatch(r"Unnamed: \d+", name) is not None


def _plain(name: str) -> str:
    # RecBole writes the type behind the name: "user_id:token".
    return re.sub(r"[^a-z0-9]", "", name.lower().split(":")[0])


def problem_of(
    columns: Mapping[str, Column], names: Sequence[str], layout: Layout, roles: Sequence[str]
) -> str:
    """What is wrong with the columns that were found by name; "" where nothing is."""
    for role, given in _present(layout, names).columns.items():
        if role in (*roles, "timestamp") and (role not in columns or columns[role].why != "given"):
            return f"there is no column {role}={given} in {_listed(names)}"
    if shared := _shared(columns):
        return shared
    if absent := [role for role in roles if role not in columns]:
        return f"the columns {_listed(names)} name no {_none_of(absent, layout)}"
    plain = [_plain(name) for name in names]
    for column in columns.values():
        if column.why != "given" and column.name and plain.count(_plain(column.name)) > 1:
            return f"there are two columns {column.name!r}"
    return ""


def _present(layout: Layout, names: Sequence[str]) -> Layout:
    """The layout, of a lenient one without the columns that the header does not name so."""
    if not layout.lenient:
        return layout
    columns = {role: given for role, given in layout.columns.items() if _position(names, given)}
    return replace(layout, columns=columns)


def _none_of(roles: Sequence[str], layout: Layout) -> str:
    """Behind "names no": the columns that are missing, of a lenient layout with their names."""
    if not layout.lenient:
        return f"{' and no '.join(roles)} column"
    called = {role: [layout.columns[role]] if role in layout.columns else [] for role in roles}
    return " and no ".join(f"column {' or '.join([*called[role], role])}" for role in roles)


def _shared(columns: Mapping[str, Column]) -> str:
    """Why two roles cannot be one column; "" where they are not."""
    place: dict[int, str] = {}
    for role, column in columns.items():
        other = place.setdefault(column.position, role)
        if other != role:
            return f"column {column.name!r} is given for {other} and for {role}"
    return ""


def _has_names(fields: list[str]) -> bool:
    """Whether a field is a known name of a column, of more than a letter, which may be an id."""
    known = {name for accepted in NAMES.values() for name in accepted if len(name) > 1}
    return any(_plain(field) in known for field in fields)


def _position(names: Sequence[str], given: str) -> int | None:
    """From 1, of a position, or of a name of the header, in any case where none is exact."""
    if _is_position(given):
        return int(given) if 1 <= int(given[:9]) <= len(names) else None
    if names.count(given) == 1:
        return names.index(given) + 1
    lower = [name.casefold() for name in names]
    return lower.index(given.casefold()) + 1 if lower.count(given.casefold()) == 1 else None


def _is_position(given: str) -> bool:
    return given.isdecimal() and given.isascii()


def _sample(source: Source, each: str) -> _Sample:
    with source.open() as stream:
        first = stream.read(_SAMPLE_BYTES)
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if first.startswith(mark):
            raise DataError("is a UTF-16 file", "Save it as UTF-8", where=source, line=1)
    if first[257:262] == b"ustar":
        raise DataError("is a tar archive", "Unpack it and name the file", where=source)
    if b"\0" in first:
        raise DataError(
            "is a binary or UTF-16 file", "Save it as CSV text in UTF-8", where=source, line=1
        )
    text = first.decode("utf-8-sig", errors="replace")
    ends = re.split(r"\r\n|\n|\r", text)
    if len(first) == _SAMPLE_BYTES and len(ends) > 1:
        ends.pop()  # it may go on behind the sample
    found = [(number, line) for number, line in enumerate(ends, start=1) if line.strip(BLANKS)]
    if not found:
        raise DataError("the file is empty", f"It needs one line per {each}", where=source, line=1)
    if separator := re.fullmatch(r"sep=(.)", found[0][1].strip("\n\r ")):
        found = found[1:] or found
    start = found[0][1].lstrip()[:20].lower()
    if start.startswith(("{", "[{")):
        remedy = "Convert it: pandas.read_json(path, lines=True).to_csv('ratings.csv', index=False)"
        raise DataError("is JSON, which is not read", remedy, where=source, line=found[0][0])
    if start.startswith(("<!doctype", "<html", "<?xml")):
        problem = "is a web page or XML, and no file of ratings"
        raise DataError(problem, "Fetch the file itself", where=source, line=found[0][0])
    return _Sample(source, found, separator[1] if separator else None)


def _as_given(
    sample: _Sample, layout: Layout, delimiter: str, fields: list[str], roles: Sequence[str]
) -> Dialect | None:
    """Columns as the user names them; None where this delimiter does not give them."""
    by_position = all(map(_is_position, layout.columns.values()))
    if layout.header is False or (by_position and _looks_like_data(layout, fields)):
        names = [str(n) for n in range(1, len(fields) + 1)]
        places = {role: _position(names, given) for role, given in layout.columns.items()}
        columns = {role: Column(names[n - 1], n, "given") for role, n in places.items() if n}
        header, notes = False, list[str]()
    else:
        names = _stripped(fields)
        columns, notes = columns_by_name(names, layout, roles)
        header = True
    if any(columns[role].why != "given" if role in columns else True for role in layout.columns):
        return None
    if shared := _shared(columns):
        raise sample.error(shared, f"Name one column for each: {OPTION}")
    return _dialect(sample, delimiter, header, columns, names, notes)


def _looks_like_data(layout: Layout, fields: list[str]) -> bool:
    """Whether the rating's field is a number, so that the line is no header; where the rating has
    no position, as among pairs, whether the line has none of the known names."""
    if position := layout.columns.get("rating"):
        place = int(position[:9])
        return place <= len(fields) and is_number(fields[place - 1])
    return not columns_by_name(_stripped(fields), Layout(), PAIRS)[0]


def _by_header(
    sample: _Sample, delimiter: str, fields: list[str], roles: Sequence[str]
) -> Dialect | None:
    names = _stripped(fields)
    columns, notes = columns_by_name(names, Layout(), roles)
    if not set(roles) <= columns.keys():
        return None
    guessed = "rating" in roles and columns["rating"].why.startswith("the one")
    if guessed and is_number(columns["rating"].name):
        return None  # "user,item,5" may be data, and a matrix has such a header
    if problem := problem_of(columns, names, Layout(), roles):
        raise sample.error(problem, f"Say which one: {option(roles)}")
    return _dialect(sample, delimiter, True, columns, names, notes)


def _by_position(
    sample: _Sample, delimiter: str, fields: list[str], roles: Sequence[str]
) -> Dialect | None:
    """User, item, rating and, where there is a fourth column of numbers, timestamp."""
    whole_line, n = fields, len(fields)
    while n > len(roles) and not fields[n - 1].strip():
        n -= 1
    fields = fields[:n]
    if len(fields) < len(roles) or not fields[0].strip():
        return None
    if "rating" in roles and not is_number(fields[2]):
        return None
    if "rating" in roles:
        _refuse_ambiguous(sample, delimiter, whole_line)
    timed = "rating" in roles and len(fields) > 3 and _is_time(fields[3])
    places = [*roles, *(["timestamp"] if timed else [])]
    names = [str(n) for n in range(1, len(fields) + 1)]
    columns = {role: Column(names[n], n + 1, "by its position") for n, role in enumerate(places)}
    return _dialect(sample, delimiter, False, columns, names, [])


def _refuse_ambiguous(sample: _Sample, delimiter: str, fields: list[str]) -> None:
    """Raise for a matrix, and for an index before the user."""
    rows = [row for _, line in sample.lines if (row := split(line, delimiter))]
    numbers = [value for row in rows for value in row if is_number(value)]
    first = [row[0] for row in rows]
    if len(fields) > 3 and len(rows) > 2 and _ascends(first):
        raise sample.error(
            f"ambiguous: a first column {first[0]},{first[1]},{first[2]},… beside "
            f"{len(fields) - 1} more, which may be an index or users",
            "Name the columns by position: --columns user=2,item=3,rating=4 where it is an index",
        )
    cells = fields[1:]
    filled = sum(map(is_number, cells))
    if len(fields) >= MATRIX_COLUMNS and filled + sum(not c.strip() for c in cells) == len(cells):
        often = {"99", "99.0", "99.00"} & set(numbers)
        raise sample.error(
            f"{len(fields)} columns of numbers without a header, as of a matrix of users by items"
            + ", 99 for not rated" * bool(often),
            "Give one line for each rating: user, item, rating (pandas.melt makes them of a "
            f"matrix); if these are such lines, name their columns: {OPTION} by position",
        )


def _ascends(column: list[str]) -> bool:
    """Whether they are whole numbers, each larger than the one before."""
    numbers = [float(each) for each in column if is_number(each)]
    whole = len(numbers) == len(column) and all(number % 1 == 0 for number in numbers)
    return whole and all(one < other for one, other in itertools.pairwise(numbers))


def _dialect(
    sample: _Sample,
    delimiter: str,
    header: bool,
    columns: Mapping[str, Column],
    names: list[str],
    notes: list[str],
) -> Dialect:
    """With one nameless column more where every line ends with a delimiter."""
    if len(names) > MOST_COLUMNS:
        raise sample.error(
            f"{len(names):,} columns, as of a matrix of users by items",
            "Give one line for each rating: user, item, rating; pandas.melt makes them of a matrix",
        )
    data = sample.lines[1 if header else 0 :]
    ends = [split(line, delimiter) for _, line in data]
    if ends and all(len(each) == len(names) + 1 and not each[-1].strip() for each in ends):
        names = [*names, ""]
    skip = sample.lines[0][0] - (not header)
    return Dialect(delimiter, header, skip, columns, names, tuple(notes))


def _stripped(fields: list[str]) -> list[str]:
    return [field.strip() for field in fields]


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _is_time(text: str) -> bool:
    """Whether it is a number or has the shape of a date."""
    return is_number(text) or _DATE.match(text.strip()) is not None


_DATE = re.compile(
    r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?!\d)|\d{1,2}[ -][a-z]{3,9}[ -]\d{4}\b"
    r"|[a-z]{3,9} \d{1,2},? \d{4}\b|\d\d \d{1,2}, \d{4}\b",
    re.IGNORECASE,
)


def _no_dialect(
    sample: _Sample,
    layout: Layout,
    candidates: list[tuple[str, list[str]]],
    roles: Sequence[str],
) -> DataError:
    def named(fields: list[str]) -> dict[str, Column]:
        return columns_by_name(_stripped(fields), Layout())[0]

    fields = max((each for _, each in candidates), key=lambda f: (len(named(f)), len(f)))
    remedy = f"Give columns {', '.join(roles)} by header or in this order, or name them: "
    remedy += option(roles)
    if layout.lenient:
        found = columns_by_name(_stripped(fields), layout, roles)[0]
        absent = [role for role in roles if role not in found]
        problem = f"the header {_listed(fields)} names no {_none_of(absent, layout)}"
        return sample.error(problem, AS_THE_RATINGS)
    if layout.columns:
        lacking = [
            f"{role}={name}"
            for role, name in layout.columns.items()
            if _position(_stripped(fields), name) is None
        ]
        absent = [role for role in roles if role not in {*layout.columns, *named(fields)}]
        absent = absent or [role for role in roles if role not in layout.columns]
        problem = (
            f"there is no column {', '.join(lacking)} in {_listed(fields)}"
            if lacking
            else f"--columns leaves out {' and '.join(absent)}; the file has {_listed(fields)}"
        )
        return sample.error(problem, "Name a column of the header, or give its position from 1")
    if layout.header is False and "rating" in roles and len(fields) >= len(roles):
        problem = f"without a header the third column is the rating, {shown(fields[2])} is none"
        return sample.error(problem, f"Name the columns by position: {OPTION}")
    known = {role for role, column in named(fields).items() if not is_number(column.name)}
    missing = [role for role in roles if role not in known]
    missing = [role for role in missing if role != "rating"] or missing
    if len(fields) < len(roles):
        problem = f"{len(fields)} column{'s' * (len(fields) != 1)}, {len(roles)} are needed"
    elif len(missing) < len(roles) or not any(map(is_number, fields)):
        problem = f"the header {_listed(fields)} names no {' and no '.join(missing)} column"
        if len(fields) >= MATRIX_COLUMNS and sum(map(is_number, fields)) > len(fields) / 2:
            problem += ", as of a matrix of users by items"
            remedy = "Give one line for each rating: user, item, rating; pandas.melt makes them"
        elif len(fields) > 2 and is_number(fields[2]):
            remedy += "; or say --no-header where this is a line of data"
    else:
        problem = f"neither a known header nor a number in the third column, {shown(fields[2])}"
    return sample.error(problem, remedy)


def _listed(fields: Sequence[str]) -> str:
    return ", ".join(field.strip()[:40] for field in fields[:12]) + ", …" * (len(fields) > 12)
