import pytest

from tfxdr.datasets.coldrec import ColdRec
from tfxdr.errors import InputError


def rows(data):
    users = data.users()
    return {
        user.decode(): (
            data.source_ids[history - 2].tolist(),
            data.target_ids[target - 2].tolist(),
        )
        for user, history, target in zip(
            users.ids, users.history, users.target, strict=True
        )
    }


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["fine.csv", "fine.csv.gz"])
def test_padding_order_and_empty_sides(write, prepared, name, end):
    text = "0,0,7,8,7,,1,2\n5,,3\n\n,,4\n0,9\n0,0,,6\n6,,\n"
    data = prepared(ColdRec(str(write(name, text.replace("\n", end)))))
    assert rows(data) == {
        "1": (["7", "8", "7"], ["1", "2"]),
        "2": (["5"], ["3"]),
        "3": ([], ["4"]),
        "4": (["9"], []),
        "5": ([], ["6"]),
        "6": (["6"], []),
    }
    assert data.users().history_time is None
    assert data.users().target_time is None


def test_a_repeated_target_collapses_to_the_last(write, prepared):
    data = prepared(ColdRec(str(write("a", "7,,1,2,1\n"))))
    assert rows(data)["1"][1] == ["2", "1"]
    assert data.manifest["counts"]["duplicate_targets"] == 1


def test_pretraining_lines_of_known_users_are_theirs(write, prepared):
    fine = write("fine.csv", "0,7,8,,1\n5,,2\n")
    pretrain = write("pre.csv", "7,8\n0,6,5\n0,0\n8,7\n")
    data = prepared(ColdRec(str(fine), pretrain=str(pretrain)))
    assert rows(data) == {
        "1": (["7", "8"], ["1"]),
        "2": (["5"], ["2"]),
        "p2": (["6", "5"], []),
        "p4": (["8", "7"], []),
    }


@pytest.mark.parametrize("line", ["1,,2,,3", "1,,,2", ",1,,2", "1,2,", "1,,2,"])
def test_a_malformed_line_is_named(write, prepared, line):
    path = write("a.csv", f"7,,1\n\n{line}\n8,,2\n")
    with pytest.raises(InputError, match=r"a\.csv, line 3, column line"):
        prepared(ColdRec(str(path)))
    data = prepared(ColdRec(str(path)), max_bad_rows=1)
    assert [history for history, _ in rows(data).values()] == [["7"], ["8"]]


def test_a_split_by_time_is_refused(write, prepared):
    path = write("a.csv", "7,,1\n")
    with pytest.raises(InputError, match="--split=time needs times"):
        prepared(ColdRec(str(path)), split="time")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="a file is expected, .* is a folder"):
        ColdRec(str(tmp_path))


class TestAttribute:
    """What the user is, in the place of target items."""

    def test_it_is_the_users_and_no_item(self, write, prepared):
        path = write("gender.csv", "0,7,8,,0\n5,,1\n6,,\n")
        data = prepared(ColdRec(str(path), attribute="gender"))
        assert data.users().attributes["gender"].tolist() == ["0", "1", ""]
        assert [history for history, _ in rows(data).values()] == [
            ["7", "8"],
            ["5"],
            ["6"],
        ]
        assert not len(data.target_ids)

    def test_pretraining_lines_have_none(self, write, prepared):
        path = write("gender.csv", "7,8,,1\n")
        pretrain = write("pre.csv", "5,6\n")
        data = prepared(ColdRec(str(path), str(pretrain), "gender"))
        assert data.users().attributes["gender"].tolist() == ["1", ""]

    def test_several_values_are_refused(self, write, prepared):
        path = write("gender.csv", "7,,1\n8,,1,2\n")
        with pytest.raises(InputError, match="line 2, .*expected one value"):
            prepared(ColdRec(str(path), attribute="gender"))

    def test_without_it_data_are_called_what_they_were(self, write):
        path = str(write("a.csv", "7,,1\n"))
        assert "attribute" not in ColdRec(path).options()
        assert ColdRec(path, attribute="age").options()["attribute"] == "age"
