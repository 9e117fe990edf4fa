"""Stores and words of the manager made by hand, with the functions of the formats alone."""

from __future__ import annotations

from pathlib import Path

from initd.journal.segment import Head, decode_entry, encode_address, encode_fields, encode_head, file_name
from initd.wire.unitstate import FILE, UnitFacts, encode

STORE = "5" * 32
MACHINE = "a" * 32
BOOT = "b" * 32
#: µs of the epoch, where made entries begin.
BEGIN = 1_774_605_600_000_000


def entry(usec: int, *fields: tuple[bytes, bytes], boot: str = BOOT) -> bytes:
    return encode_address(usec, usec - BEGIN + 1_000_000, boot.encode()) + encode_fields(fields) + b"\n"


def message(number: int, text: bytes = b"", unit: bytes = b"a.service", *more: tuple[bytes, bytes]) -> bytes:
    """The entry of that number, a second behind the one before."""
    return entry(BEGIN + number * 1_000_000, (b"MESSAGE", text or b"line %d" % number), (b"_SYSTEMD_UNIT", unit),
                 (b"_HOSTNAME", b"host"), (b"SYSLOG_IDENTIFIER", b"prog"), (b"_PID", b"42"), (b"PRIORITY", b"6"), *more)


def write(directory: Path, segments: list[list[bytes]], units: list[tuple[str, ...] | None] | None = None,
          store_id: str = STORE, boot: str = BOOT) -> list[Path]:
    """One file for each list of entries; the last one is still being written."""
    directory.mkdir(parents=True, exist_ok=True)
    position = 0
    made = []
    for number, entries in enumerate(segments):
        begun = int(entries[0][len(b"__REALTIME_TIMESTAMP="):].split(b"\n")[0]) if entries else BEGIN
        last = int(entries[-1][len(b"__REALTIME_TIMESTAMP="):].split(b"\n")[0]) if entries else BEGIN
        is_open = number == len(segments) - 1
        named = units[number] if units else None
        head = encode_head(Head(MACHINE, boot, position, begun, 1_000_000, 0 if is_open else last, named))
        data = head + b"".join(entries)
        path = directory / file_name(store_id, position, begun)
        path.write_bytes(data)
        made.append(path)
        position += len(data)
    return made


def from_export(data: bytes) -> list[bytes]:
    """The entries of an export of systemd's, as ours are."""
    found, start = [], 0
    while (decoded := decode_entry(data, start)) is not None:
        fields, start = decoded
        values = dict(fields)
        address = [int(values[name]) for name in (b"__REALTIME_TIMESTAMP", b"__MONOTONIC_TIMESTAMP")]
        rest = [field for field in fields if not field[0].startswith(b"__") and field[0] != b"_BOOT_ID"]
        found.append(encode_address(*address, values[b"_BOOT_ID"]) + encode_fields(rest) + b"\n")
    return found


def tell_of_unit(run: Path, facts: UnitFacts) -> None:
    """As the manager does it, once; `run` stands for /run."""
    path = Path(f"{run}{FILE}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(facts))
