"""What an id is, what is none, and the same id written twice."""

import pytest

from tfxdr.errors import InputError

HEAD = "user,item,timestamp\n"


def log(*pairs):
    return HEAD + "".join(
        f"{user},{item},{1690000000 + place}\n"
        for place, (user, item) in enumerate(pairs)
    )


@pytest.mark.parametrize(
    "word",
    ["NA", "NaN", "nan", "NULL", "null", "None", "\\N", "<NA>", " ", "\t"],
)
@pytest.mark.parametrize("column", ["user", "item"])
def test_words_for_nothing_are_no_ids(read, word, column):
    pair = (word, "bag") if column == "user" else ("mia", word)
    source = log(("mia", "bag"), pair, ("tom", "cap"))
    with pytest.raises(
        InputError, match=rf"line 3, column {column}: the {column}"
    ):
        read(source)
    found = read(source, max_bad_rows=1)
    assert found.counts["source_events"] == 2
    assert found.counts["source_bad"] == 1


def test_words_for_nothing_can_be_ids(read):
    source = log(("NA", "bag"), ("mia", "None"), ("tom", "-"))
    found = read(source, missing=[])
    assert found.histories["NA"] == ["bag"]
    with pytest.raises(InputError, match="line 4, column item"):
        read(source, missing=["-"])


def test_a_category_that_is_missing_is_none(read):
    source = "user,item,timestamp,kind\nmia,bag,1,NA\nmia,cap,2,hats\n"
    target = "user,item,timestamp,kind\nmia,pen,3,\n"
    found = read(source, target, category="kind")
    assert sorted(found.data.source_categories) == ["", "hats"]


@pytest.mark.parametrize("swap", [False, True])
def test_floats_and_whole_numbers_are_one_user(read, swap):
    floats = log(("7.0", "bag"), ("12.0", "cap"), ("guest", "bag"))
    whole = log(("7", "pen"), ("12", "pad"), ("guest", "pen"))
    found = read(*((whole, floats) if swap else (floats, whole)))
    assert found.counts["shared_users"] == 3
    assert sorted(found.histories) == ["12", "7", "guest"]
    assert "users are written like '" in found.notes
    apart = read(floats, whole, ids="exact")
    assert apart.counts["shared_users"] == 1
    assert (
        "2 source users would be target users but for decimals" in apart.notes
    )


def test_names_with_points_are_names(read):
    versions = log(("1.0", "bag"), ("1.5", "cap"), ("mia", "bag"))
    found = read(versions, log(("1", "pen"), ("mia", "pen")))
    assert "1.0" in found.histories
    assert "decimals, such as '1.0' and '1'" in found.notes


def test_floats_in_both_tables_stay_what_they_are(read):
    found = read(log(("7.0", "bag")), log(("7.0", "pen")))
    assert found.histories == {"7.0": ["bag"]}
    both = read(log(("7.0", "1.0")), log(("7", "pen")), ids="whole")
    assert both.histories == {"7": ["1.0"]}


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ("tom ", "tom", "blanks around them"),
        ("TOM", "tom", "capitals"),
        ("0042", "42", "leading zeros"),
        ("Jose\u0301", "Jos\u00e9", "forms of accented letters"),
    ],
)
def test_ids_that_are_nearly_the_same_are_told(read, one, other, what):
    source = log((one, "bag"), ("mia", "bag"))
    found = read(source, log((other, "pen"), ("mia", "pen")))
    assert f"1 source users would be target users but for {what}" in found.notes
    assert found.histories[one] == ["bag"]
    with pytest.raises(InputError, match="no user is in both domains"):
        read(log((one, "bag")), log((other, "pen")))


@pytest.mark.parametrize(
    "user",
    ["a,b", "x\ny", "\u202eabc", "[red]", ":cat:", "007", "1e3", "'", " x"],
)
def test_ids_are_texts_as_they_stand(read, user):
    row = f'"{user}"'
    found = read(log((row, "bag")), log((row, "pen")))
    assert list(found.histories) == [user]
