"""Reading segments: the same entries forwards and backwards, whatever is in them, however they are cut into blocks."""

from __future__ import annotations

import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from initd.journal.match import All, Any, Has, of_unit, search_for
from initd.journal.reader import Range, Search, Segment, Series, merged
from initd.journal.runs import Index, runs
from initd.journal.segment import HEAD_SIZE, Head, encode_head
from tests.journal.made import BEGIN, BOOT, MACHINE, STORE, entry, message

#: An entry in a value: what somebody writes who would like us to show it.
FORGED = b"x\n\n" + message(99, b"forged", b"sshd.service") + b"tail"
#: A length whose first bytes are line ends: 0x0a0a.
LINE_ENDS = b"v\n" + bytes(2570 - 2)


class CountingFile(io.BytesIO):
    bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


def segment(entries: list[bytes], position: int = 0, units: tuple[str, ...] | None = None, last: int = 0,
            tail: bytes = b"", store_id: str = STORE, begun: int = BEGIN) -> Segment:
    head = encode_head(Head(MACHINE, BOOT, position, begun, 1, last, units))
    file = CountingFile(head + b"".join(entries) + tail)
    return Segment(store_id, position, begun, lambda: file)


def series(*lists: list[bytes]) -> Series:
    made, position = [], 0
    for entries in lists:
        made.append(segment(entries, position))
        position += HEAD_SIZE + sum(map(len, entries))
    return Series(made)


def texts(found) -> list[bytes]:
    return [each.get(b"MESSAGE") or b"" for each in found]


VALUES = st.one_of(
    st.text(alphabet="ab =\n\t", max_size=12).map(str.encode), st.binary(max_size=20), st.just(FORGED), st.just(LINE_ENDS),
    st.just(b"\n\n"), st.just(b"\n\n__REALTIME_TIMESTAMP=1\n"), st.just(b"\0\0\n\n__REALTIME_TIMESTAMP=1\nMESSAGE=q\n\n"),
)
ENTRIES = st.lists(st.tuples(VALUES, VALUES, st.sampled_from([b"a.service", b"b.service", b"c.service"])), max_size=12)


@settings(max_examples=200, deadline=None)
@given(ENTRIES, st.integers(30, 400), st.binary(max_size=30))
@example([(FORGED, b"", b"a.service")] * 3, 64, b"__REALTIME_TIMESTAMP=12\nMESSAGE=torn")
@example([(LINE_ENDS, b"", b"a.service")], 2700, b"")
def test_what_was_written_is_read_in_every_block_size_and_nothing_else(rows, block, tail):
    written = [entry(BEGIN + number, (b"ONE", one), (b"_SYSTEMD_UNIT", unit), (b"MESSAGE", two))
               for number, (one, two, unit) in enumerate(rows)]
    file = io.BytesIO(b"".join(written) + tail)
    found = [run.data[begin:end] for run in runs(file, 0, block) for begin, end in Search().places(run)]
    assert found[:len(written)] == written
    assert b"".join(found[len(written):]) == tail[:len(b"".join(found[len(written):]))]


@settings(max_examples=200, deadline=None)
@given(ENTRIES, st.sampled_from([
    None, Has(b"_SYSTEMD_UNIT", b"a.service"), of_unit(b"b.service"), Has(b"ONE", b"\n\n", b"a"), Has(b"MESSAGE", b"forged"),
    Any(Has(b"_SYSTEMD_UNIT", b"a.service"), Has(b"MESSAGE", b"", b"a")),
    All(Has(b"_SYSTEMD_UNIT", b"a.service", b"sshd.service"), Has(b"_BOOT_ID", BOOT.encode())),
]))
def test_a_search_finds_what_looking_at_every_entry_finds_in_both_directions(rows, expression):
    written = [entry(BEGIN + number, (b"ONE", one), (b"_SYSTEMD_UNIT", unit), (b"MESSAGE", two))
               for number, (one, two, unit) in enumerate(rows)]
    everything = list(segment(written).forwards(Search()))
    assert [each.data for each in everything] == written
    wanted = [each.position for each in everything if expression is None or expression.wants(each.values)]
    made = segment(written)
    assert [each.position for each in made.forwards(Search(expression))] == wanted
    assert [each.position for each in made.backwards(Search(expression))] == wanted[::-1]


def test_a_forged_entry_is_not_found_from_the_end_of_a_large_segment():
    """Nor where the value that has it is larger than what is read at once."""
    filler = (b"\n\n" + message(1, b"forged", b"sshd.service")) * 9000
    written = [message(0), message(1, b"host", b"a.service", (b"BLOB", filler)), message(2, b"real", b"sshd.service")]
    assert len(filler) > 1 << 20
    assert texts(segment(written).backwards(Search(Has(b"_SYSTEMD_UNIT", b"sshd.service")))) == [b"real"]
    assert texts(segment(written).forwards(Search(Has(b"_SYSTEMD_UNIT", b"sshd.service")))) == [b"real"]


def test_a_torn_tail_is_left_for_later_and_read_when_it_is_whole():
    whole, torn = message(0), message(1)
    file = io.BytesIO(whole + torn[:-1])
    index = Index(file, 0)
    index.update()
    assert [run.data for run in index.backwards()] == [whole]
    file.seek(0, 2)
    file.write(torn[-1:])
    index.update()
    assert b"".join(run.data for run in reversed(list(index.backwards()))) == whole + torn


def test_positions_go_on_over_segments_and_lead_back_to_their_entries():
    made = series([message(0), message(1)], [message(2), message(3)])
    found = list(made.forwards(Search(), Range()))
    assert texts(found) == [b"line 0", b"line 1", b"line 2", b"line 3"]
    assert found[2].position == 2 * HEAD_SIZE + len(message(0)) + len(message(1))
    for number, each in enumerate(found):
        assert made.has(each.position) and not made.has(each.position + 1)
        for is_inclusive in (True, False):
            wanted = Range()
            wanted.places[STORE] = (each.position, is_inclusive)
            assert texts(made.forwards(Search(), wanted)) == texts(found[number + (not is_inclusive):])
            assert texts(made.backwards(Search(), wanted)) == texts(found[:number + is_inclusive])[::-1]


def test_since_and_until_in_both_directions():
    made = series([message(number) for number in range(4)], [message(number) for number in range(4, 9)])
    wanted = Range(BEGIN + 2_000_000, BEGIN + 5_500_000)
    expected = [b"line 2", b"line 3", b"line 4", b"line 5"]
    assert texts(made.forwards(Search(), wanted)) == expected
    assert texts(made.backwards(Search(), wanted)) == expected[::-1]


def test_heads_tell_what_need_not_be_read():
    of_a, of_b = [message(0, b"", b"a.service")] * 500, [message(1, b"", b"b.service")] * 500
    first = segment(of_a, 0, ("a.service",), BEGIN + 1)
    second = segment(of_b, HEAD_SIZE + sum(map(len, of_a)), ("b.service",), 0, begun=BEGIN + 1_000_000)
    made = Series([first, second])
    assert len(list(made.backwards(Search(of_unit(b"a.service")), Range()))) == 500
    assert second.file.bytes_read == HEAD_SIZE
    read_before = first.file.bytes_read
    assert len(list(made.forwards(Search(), Range(BEGIN + 500_000)))) == 500
    assert first.file.bytes_read == read_before + HEAD_SIZE


def test_a_field_that_heads_do_not_list_is_looked_for_in_every_segment():
    """Anybody may write UNIT=; the manager alone is believed, and heads list what it writes."""
    made = Series([segment([message(0, b"", b"a.service", (b"UNIT", b"x.service"))], 0, ("a.service",), BEGIN + 1)])
    assert len(list(made.forwards(Search(Has(b"UNIT", b"x.service")), Range()))) == 1
    assert list(made.forwards(Search(of_unit(b"x.service")), Range())) == []
    assert len(list(made.backwards(Search(Any(of_unit(b"x.service"), of_unit(b"a.service"))), Range()))) == 1
    assert not of_unit(b"x.service").may_be_in(frozenset()) and of_unit(b"x.slice").may_be_in(frozenset())


def test_stores_are_merged_by_time():
    one, other = [message(number) for number in (0, 2, 4)], [message(number) for number in (1, 3, 5)]
    made = [Series([segment(one)]), Series([segment(other, store_id="6" * 32)])]
    expected = [b"line %d" % number for number in range(6)]
    assert texts(merged([each.forwards(Search(), Range()) for each in made])) == expected
    assert texts(merged([each.backwards(Search(), Range()) for each in made], True)) == expected[::-1]


def test_what_grew_is_read_once_and_over_a_rotation():
    file = io.BytesIO(encode_head(Head(MACHINE, BOOT, 0, BEGIN, 1)) + message(0))
    first = Segment(STORE, 0, BEGIN, lambda: file)
    made = Series([first])
    end = made.take_end()
    assert end == HEAD_SIZE + len(message(0))
    file.seek(0, 2)
    file.write(message(1))
    assert texts(made.grown(Search(), end)) == [b"line 1"]
    end = made.end
    file.write(message(2))
    rotated = Series([first, segment([message(3)], HEAD_SIZE + sum(len(message(number)) for number in range(3)))])
    assert texts(rotated.grown(Search(), end)) == [b"line 2", b"line 3"]
    assert texts(rotated.grown(Search(), rotated.end)) == []


def test_a_unit_is_searched_by_one_needle():
    assert search_for(of_unit(b"a.service")) == {b"=a.service\n"}
    assert search_for(All(Has(b"_SYSTEMD_UNIT", b"a"), Has(b"PRIORITY", b"1", b"2"))) == {b"\n_SYSTEMD_UNIT=a\n"}
    assert search_for(Has(b"BLOB", b"\0")) is None
    assert search_for(Has(b"PRIORITY", *[b"%d" % level for level in range(8)])) is None
