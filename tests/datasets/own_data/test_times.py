"""Times as logs have them; both tables' are made to compare."""

import pytest

from tfxdr.errors import InputError

HEAD = "user,item,timestamp\n"
BASE = 1690000000


def log(*times, user="mia"):
    """An event of one user at each time, items a, b, c, …"""
    return HEAD + "".join(
        f"{user},{chr(97 + place)},{time}\n" for place, time in enumerate(times)
    )


def test_fractions_are_in_order(read):
    found = read(log("1690000000.75", "1690000000.5", "1690000000.9"))
    assert found.histories["mia"] == ["b", "a", "c"]
    times = found.data.users().history_time.tolist()
    assert times == [BASE * 10**6 + part for part in (500000, 750000, 900000)]
    assert found.data.users().target_time.max() == 1690000900 * 10**6


def test_whole_numbers_written_as_fractions_stay_seconds(read):
    found = read(log("1690000002.0", "1690000001.00"))
    assert found.histories["mia"] == ["b", "a"]
    assert found.data.users().history_time.tolist() == [BASE + 1, BASE + 2]


@pytest.mark.parametrize(
    ("unit", "factor"), [("ms", 10**3), ("us", 10**6), ("ns", 10**9)]
)
def test_units_of_two_tables(read, unit, factor):
    source = log(*((BASE + step) * factor for step in (2, 1, 3)))
    found = read(source)
    assert found.histories["mia"] == ["b", "a", "c"]
    users = found.data.users()
    assert users.history_time.tolist() == [
        (BASE + step) * factor for step in (1, 2, 3)
    ]
    assert users.target_time.max() == 1690000900 * factor
    assert "target times are numbers (seconds); both are read" in found.notes


def test_numbers_of_another_unit_among_the_times_are_malformed(read):
    source = log(BASE + 1, BASE + 2, (BASE + 3) * 1000, BASE + 4)
    with pytest.raises(InputError, match=r"line 4.*are seconds, this one"):
        read(source)
    found = read(source, max_bad_rows=1)
    assert found.histories["mia"] == ["a", "b", "d"]
    as_said = read(source, time_format="s")
    assert as_said.histories["mia"] == ["a", "b", "d", "c"]


def test_dates_and_seconds(read):
    found = read(log("2023-07-22T04:26:42Z", "2023-07-22 06:26:41+02"))
    assert found.histories["mia"] == ["b", "a"]
    users = found.data.users()
    assert users.history_time.tolist() == [
        (BASE + 1) * 10**6,
        (BASE + 2) * 10**6,
    ]
    assert users.target_time.max() == 1690000900 * 10**6


@pytest.mark.parametrize(
    ("time_format", "times"),
    [
        ("%d/%m/%Y", ("03/02/2023", "01/12/2022")),
        ("%d.%m.%y %H:%M", ("03.02.23 10:00", "03.02.23 09:00")),
        ("%Y-%m-%dT%H:%M:%S.%f%z", (
            "2023-02-03T10:00:00.5+0200",
            "2023-02-03T09:00:00.0+0200",
        )),
        ("%b %d, %Y", ("Feb 03 2023", "Jan 31 2023")),
    ],
)  # fmt: skip
def test_a_format(read, time_format, times):
    if "," in time_format:
        times = tuple(f'"{time[:6]},{time[6:]}"' for time in times)
    source = log(*times)
    with pytest.raises(InputError, match=r"line 2, column timestamp.*2024-05"):
        if "%z" in time_format:
            source = source.replace("T", "_", 1).replace("T", "_")
            time_format = time_format.replace("T", "_")
        read(source)
    found = read(source, time_format=time_format, target_time_format="s")
    assert found.histories["mia"] == ["b", "a"]


def test_a_format_that_is_none(read):
    with pytest.raises(InputError, match="expected s, ms, us, ns, date or a"):
        read(log(1), time_format="seconds")
    with pytest.raises(InputError, match="no format of a time"):
        read(log(1), time_format="%Q")


def test_dates_without_signs_between(read):
    found = read(log("20230203", "20221201", "20230131"))
    assert found.histories["mia"] == ["b", "c", "a"]
    assert "%Y%m%d" in found.notes
    assert found.data.users().history_time.tolist()[0] == 1669852800 * 10**6
    found = read(log("20230203101112", "20230203101111"))
    assert found.histories["mia"] == ["b", "a"]
    assert found.data.users().history_time.tolist()[0] == 1675419071 * 10**6


@pytest.mark.parametrize(
    "time", ["1.690000001e9", "1.690000001E+09", "1690000001."]
)
def test_other_ways_to_write_a_number(read, time):
    found = read(log(BASE + 2, time))
    assert found.histories["mia"] == ["b", "a"]
    assert found.data.users().history_time.tolist() == [BASE + 1, BASE + 2]


@pytest.mark.parametrize("blank", ["", "  ", "NA", "null", "nan", "inf"])
def test_times_that_are_missing(read, blank):
    source = log(BASE, blank, blank, blank, BASE - 1)
    with pytest.raises(InputError, match=r"line 3, column timestamp.*number"):
        read(source)
    found = read(source, max_bad_rows=3)
    assert found.histories["mia"] == ["e", "a"]
    assert found.counts["source_bad"] == 3


def test_dates_that_are_missing(read):
    source = log("", "", "2023-01-02", "2023-01-01")
    found = read(source, max_bad_rows=2)
    assert found.histories["mia"] == ["d", "c"]


def test_times_that_do_not_overlap_are_told(read):
    assert "do not overlap" in read(log(19000, 19001)).notes
    assert "do not overlap" in read(log(BASE + 10**7)).notes
    assert "do not overlap" not in read(log(BASE)).notes


def test_small_numbers_are_what_they_are(read):
    target = HEAD + "mia,pen,7\ntom,pen,0\n"
    found = read(log(3, -1, 2), target)
    assert found.histories["mia"] == ["b", "c", "a"]
    assert found.data.users().history_time.tolist() == [-1, 2, 3]
    found = read(log("0.25", "-1.5"), target)
    assert found.data.users().history_time.tolist() == [-1500000, 250000]
    assert found.data.users().target_time.max() == 7000000


@pytest.mark.parametrize("times", [("1690000000",) * 3, ("2023-01-01",) * 3])
def test_equal_times_cannot_be_split(read, times):
    target = log(*times) + log(*times, user="tom").removeprefix(HEAD)
    with pytest.raises(InputError, match="--split=time: all 6 target events"):
        read(log(*times), target, split="time")
    most = (
        target
        + f"tom,z,{'1690000001' if times[0][0] == '1' else '2024-01-01'}\n"
    )
    with pytest.raises(InputError, match="none are left for training"):
        read(log(*times), most, split="time")
    # One after the other, equal times are no matter.
    assert read(log(*times), target).histories["mia"] == ["a", "b", "c"]


def test_the_split_by_time_compares_units(read):
    source = log(*((BASE + step) * 1000 for step in (1, 2, 3)))
    target = HEAD + "".join(
        f"mia,{item},{BASE + 10 + place}\n"
        for place, item in enumerate("uvwxyz")
    )
    found = read(source, target, split="time")
    assert found.counts["late_events"] == 0
    assert found.counts["source_events"] == 3
