"""Writes records in every format, and compares what came out of a channel with what went in.

compare.py write FILE FOLDER    writes the records of FILE as FOLDER/in.json, spread.json, in.ndjson, in.csv, in.tsv
compare.py edges FOLDER         the same for records that are hard to keep
compare.py check LIST           each line of LIST is a JSON list: what went in, what came out, and as what
"""
import csv
import gzip
import io
import json
import re
import sqlite3
import sys
from decimal import Decimal

csv.field_size_limit(1 << 30)
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class Num(str):
    """A number as it is written."""


def parse(text):
    return json.loads(text, parse_int=Num, parse_float=Num)


def dump(value, gap=""):
    """A value as JSON, with a gap at each of the places where lines can break."""
    if isinstance(value, Num):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(gap + json.dumps(k) + ":" + dump(v, gap) for k, v in value.items()) + gap + "}"
    if isinstance(value, list):
        return "[" + ",".join(gap + dump(v, gap) for v in value) + gap + "]"
    return json.dumps(value, ensure_ascii=False)


def text_of(value):
    """What a format of texts alone has for a value."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    return dump(value)


def of_text(text):
    return Num(text) if NUMBER.fullmatch(text) else text


def read(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="") as f:
        text = f.read()
    name = path.removesuffix(".gz")
    if name.endswith(".json"):
        return parse(text)
    if name.endswith(".ndjson"):
        return [parse(line) for line in text.split("\n") if line]
    rows = csv.reader(io.StringIO(text), delimiter="\t" if name.endswith(".tsv") else ",")
    header = next(rows)
    return [{k: of_text(v) for k, v in zip(header, row, strict=True)} for row in rows if row]


def write(records, folder):
    names = list(dict.fromkeys(name for r in records for name in r))
    with open(folder + "/in.json", "w", encoding="utf-8") as f:
        f.write("[" + ",\n".join(map(dump, records)) + "]\n")
    with open(folder + "/spread.json", "w", encoding="utf-8") as f:
        f.write(dump(records, "\n  "))
    with gzip.open(folder + "/in.ndjson.gz", "wt", encoding="utf-8") as f:
        f.writelines(dump(r) + "\n" for r in records)
    for ext, comma in (("csv", ","), ("tsv", "\t")):
        with open(folder + "/in." + ext, "w", encoding="utf-8", newline="") as f:
            w = csv.writer(f, delimiter=comma)
            w.writerow(names)
            w.writerows([text_of(r.get(name)) for name in names] for r in records)


def edges():
    large = ("ü" * 5000 + "\n") * 100
    return [
        {"id": Num("1"), "s": "a", "n": Num("1.50"), "j": {"x": [Num("1.0"), None]}, "b": True, "mixed": Num("7")},
        {"id": Num("1"), "s": "a", "n": Num("1.50"), "j": {"x": [Num("1.0"), None]}, "b": True, "mixed": Num("7")},
        {"id": Num("2"), "s": None, "n": None, "j": None, "b": None, "mixed": "7", "late": Num("1e3")},
        {"id": Num("3")},
        {"id": Num("9223372036854775807"), "s": large, "n": Num("-0.001"), "j": [large], "mixed": ["a,\"b\"\r\n"]},
        {"id": Num("-5"), "s": "\t\\ \\N \u2028 \U0001f600 '\"`;--", "exact": Num("12345678901234567890.123456789")},
        {"id": Num("4"), "s": "", "exact": Num("1"), "b": False, "mixed": True, "two words": "x", 'a"b': "y"},
    ]


def same_number(a, b):
    return isinstance(a, Num) and Decimal(a) == Decimal(str(b))


def same(a, b):
    """Whether two values of JSON are equal; numbers are, if they are the same number."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Num) or isinstance(b, Num):
        return isinstance(a, Num) and isinstance(b, Num) and Decimal(a) == Decimal(b)
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def in_table(value, cell, texts):
    """Whether a cell is what a value becomes in a column, of texts or not."""
    if value is None or value == "" and not isinstance(value, Num) and not texts:
        return cell is None
    if isinstance(cell, Num):
        return same_number(value, cell)
    if isinstance(cell, (dict, list, bool)):
        return same(value, cell)
    if isinstance(value, (dict, list)):
        return isinstance(cell, str) and same(value, parse(cell))
    return cell == text_of(value)


def check_ndjson(records, out):
    got = read(out)
    return [i for i, (a, b) in enumerate(zip(records, got, strict=True)) if list(a.items()) != list(b.items())]


def check_csv(records, out):
    with open(out, encoding="utf-8", newline="") as f:
        rows = csv.reader(f)
        header = next(rows)
        got = [dict(zip(header, row, strict=True)) for row in rows]
    bad = []
    for i, (a, b) in enumerate(zip(records, got, strict=True)):
        for name in header:
            value, cell = a.get(name), b[name]
            nested = isinstance(value, (dict, list))
            if not (same(value, parse(cell)) if nested else cell == text_of(value)):
                bad.append(i)
        if a.keys() - b.keys():
            bad.append(i)
    return bad


def check_sqlite(records, out):
    db = sqlite3.connect(out)
    types = {name: kind for _, name, kind, *_ in db.execute("PRAGMA table_info(t)")}
    names = list(types)
    bad = []
    for i, (record, row) in enumerate(zip(records, db.execute("SELECT * FROM t ORDER BY rowid"), strict=True)):
        for name, cell in zip(names, row, strict=True):
            kind = types[name]
            if cell is not None:
                if kind == "BOOLEAN":
                    cell = bool(cell)
                elif kind == "JSON":
                    cell = parse(cell)
                elif isinstance(cell, (int, float)):
                    cell = Num(repr(cell))
            if not in_table(record.get(name), cell, kind in ("TEXT", "JSON")):
                bad.append((i, name, cell))
        bad += [(i, name) for name in record.keys() - types.keys()]
    return bad


def rank(values):
    """What sorts records and rows alike."""
    texts = map(text_of, values)
    return [str(Decimal(text).normalize()) if NUMBER.fullmatch(text) else text for text in texts]


def check_rows(records, out):
    """The rows of a table as PostgreSQL itself writes them in JSON, behind a line with the names of text columns. A table
    has no order: a small row can come into a gap before others."""
    with open(out, encoding="utf-8") as f:
        texts, *rows = [parse(line) for line in f.read().split("\n") if line]
    bad = differing_rows(records, rows, texts)
    if bad:
        names = list(rows[0])
        records = sorted(records, key=lambda record: rank(record.get(name) for name in names))
        rows = sorted(rows, key=lambda row: rank(row.values()))
        bad = differing_rows(records, rows, texts)
    return bad


def differing_rows(records, rows, texts):
    bad = []
    for i, (record, row) in enumerate(zip(records, rows, strict=True)):
        for name, cell in row.items():
            if not in_table(record.get(name), cell, name in texts):
                bad.append((i, name, cell))
        bad += [(i, name) for name in record.keys() - row.keys()]
    return bad


def check(listed):
    checks = {"ndjson": check_ndjson, "csv": check_csv, "sqlite": check_sqlite, "rows": check_rows}
    failed = 0
    with open(listed, encoding="utf-8") as f:
        for line in f:
            went, came, kind = json.loads(line)
            try:
                bad = checks[kind](read(went), came)
            except Exception as e:
                bad = [repr(e)]
            if bad:
                failed += 1
                print(f"{went} → {came}: {len(bad)} differ, such as {str(bad[:2])[:300]}")
    return failed


if sys.argv[1] == "write":
    write(read(sys.argv[2]), sys.argv[3])
elif sys.argv[1] == "edges":
    write(edges(), sys.argv[2])
else:
    sys.exit(1 if check(sys.argv[2]) else 0)
