"""Which columns are meant, with a header and without."""

import pytest

from tfxdr.errors import InputError

ROWS = "mia,bag,1690000100,4\nmia,cap,1690000200,2\ntom,bag,1690000300,5\n"
HISTORIES = {"mia": ["bag", "cap"], "tom": ["bag"], "eve": []}
NUMBERS = {"user": 1, "item": 2, "time": 3}


def test_a_table_without_a_header_says_what_to_do(read):
    with pytest.raises(InputError, match=r"views\.csv, line 1.*header.*user=1"):
        read(ROWS)


def test_numbers_of_columns(read):
    found = read(ROWS, **NUMBERS)
    assert found.histories == HISTORIES
    assert "no header" in found.notes.splitlines()[0]
    assert "a header" in found.notes.splitlines()[1]


def test_numbers_of_columns_in_another_order(read):
    source = "1690000100\tbag\tmia\n1690000200\tcap\tmia\n"
    target = "mia\tpen\t1\n"
    found = read(source, target, user=3, item=2, time=1, target_user=1,
                 target_time=3)  # fmt: skip
    assert found.histories == {"mia": ["bag", "cap"]}


def test_a_header_can_be_said(read):
    ids = "1,2\n3,4\n"
    options = {"user": 1, "item": 2, "time": ""}
    assert read(ids, ids, **options).counts["source_rows"] == 2
    assert read(ids, ids, header=True, **options).counts["source_rows"] == 1
    with pytest.raises(InputError, match="columns are numbers"):
        read(ROWS, header=False)
    with pytest.raises(InputError, match="no column number 9"):
        read(ROWS, **{**NUMBERS, "item": 9})


def test_names_that_recbole_gives(read):
    source = (
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
        "mia\tbag\t4.0\t1690000100\n"
    )
    target = source.replace("bag", "pen").replace("mia", "mia")
    found = read(source, target, name="a.inter", target_name="b.inter",
                 rating="rating", source_min=3)  # fmt: skip
    assert found.histories == {"mia": ["bag"]}


def test_recbole_links(read, write):
    source = "user_id:token\titem_id:token\ttimestamp:float\n"
    rows = "1\tbag\t10\n2\tcap\t11\n3\that\t12\n"
    link = write("ab.link", "src_user_id:token\ttgt_user_id:token\n1\t3\n")
    found = read(
        source + rows,
        source + "3\tpen\t20\n2\tpad\t21\n",
        name="a.inter",
        target_name="b.inter",
        link=str(link),
    )
    # Source user 1 is target user 3; source users 2 and 3 are strangers.
    assert found.histories["3"] == ["bag"]
    assert found.histories["2"] == []
    assert found.histories["source:3"] == ["hat"]
    assert found.counts["shared_users"] == 1
    assert "1 of 3 source users are linked" in found.notes


def test_a_link_to_two_users_is_refused(read, write):
    link = write("ab.link", "one,other\nmia,eve\nmia,tom\n")
    with pytest.raises(InputError, match="several for 'mia'"):
        read("user,item,timestamp\n" + ROWS.replace(",4", "").replace(
            ",2\n", "\n").replace(",5", ""), link=str(link))  # fmt: skip


def test_titles_with_names_of_their_own(read, write):
    goods = write(
        "goods.tsv", "sku\tname\tkind\npen\tA pen\tdesk\nink\t\tdesk\n"
    )
    source = "user,item,timestamp\nmia,bag,1\n"
    with pytest.raises(InputError, match=r"goods\.tsv.*'item'.*'sku'") as error:
        read(source, target_titles=str(goods))
    assert "events(titles_item=COLUMN)" in str(error.value)
    found = read(
        source,
        target_titles=str(goods),
        titles_item="sku",
        titles_title="name",
        titles_category="kind",
    )
    titles = dict(
        zip(found.data.target_ids, found.data.target_titles, strict=True)
    )
    assert titles == {"pen": "A pen", "ink": "", "pad": ""}
    assert sorted(found.data.target_categories) == ["", "desk", "desk"]


def test_titles_of_numbers_that_became_floats(read, write):
    goods = write("goods.csv", "item,title\n1.0,One\n2.0,Two\n")
    source = "user,item,timestamp\nmia,1,1\n"
    found = read(source, source_titles=str(goods))
    assert found.data.source_titles.tolist() == ["One"]


def test_attributes_of_users(read, write):
    users = write("people.csv", "user,age,city\nmia,30-39,Ulm\ntom,,Bonn\n")
    source = "user,item,timestamp\nmia,bag,1\n"
    found = read(source, users=str(users))
    attributes = found.data.users().attributes
    assert sorted(attributes) == ["age", "city"]
    city = dict(zip(found.data.users().ids, attributes["city"], strict=True))
    assert city == {b"mia": "Ulm", b"tom": "Bonn", b"eve": ""}
    one = read(source, users=str(users), attributes=["age"])
    assert sorted(one.data.users().attributes) == ["age"]
    twice = write("twice.csv", "user,age\nmia,1\nmia,2\n")
    with pytest.raises(InputError, match="found two of 'mia'"):
        read(source, users=str(twice))
