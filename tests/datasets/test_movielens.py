import pytest

from tfxdr.datasets.movielens import MovieLens
from tfxdr.errors import InputError
from tfxdr.registry import datasets

LAYOUTS = {
    "100k": ("u.data", "\t", ""),
    "1m": ("ratings.dat", "::", ""),
    "25m": ("ratings.csv", ",", "userId,movieId,rating,timestamp\n"),
}


@pytest.fixture
def folder(write, tmp_path, ratings):
    """Writes a release of the given layout; returns its folder."""

    def write_release(layout, suffix="", rows=ratings):
        name, delimiter, header = LAYOUTS[layout]
        lines = [delimiter.join(map(str, row)) + "\n" for row in rows]
        write(f"ml/{name}{suffix}", header + "".join(lines))
        return tmp_path / "ml"

    return write_release


def raw(data, domain):
    """User to raw items."""
    users = data.users()
    ragged = users.history if domain == "source" else users.target
    ids = data.source_ids if domain == "source" else data.target_ids
    return {
        user.decode(): ids[row - 2].tolist()
        for user, row in zip(users.ids, ragged, strict=True)
    }


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_layouts_give_the_same(folder, prepared, layout, suffix):
    data = prepared(MovieLens(str(folder(layout, suffix))))
    assert raw(data, "source") == {"1": ["12", "10"], "2": [], "3": ["10"]}
    assert raw(data, "target") == {"1": ["13", "11"], "2": ["11"], "3": []}
    assert data.users().target_rating.tolist() == [5.0] * 3
    assert data.users().history_time.tolist() == [100, 300, 5]
    counts = data.manifest["counts"]
    assert counts["users_without_history"] == 1
    assert counts["users_without_targets"] == 1
    assert counts["shared_users"] == 1


def test_the_ratings_file_itself(folder, prepared):
    path = folder("1m", ".gz") / "ratings.dat.gz"
    assert raw(prepared(MovieLens(str(path))), "source")["3"] == ["10"]


def test_half_stars(folder, prepared):
    rows = [(1, 10, 3.5, 1), (1, 11, 4.0, 2), (1, 12, 4.5, 3), (1, 13, 0.5, 4)]
    data = prepared(MovieLens(str(folder("25m", rows=rows))))
    assert raw(data, "source") == {"1": ["10", "13"]}
    assert raw(data, "target") == {"1": ["12"]}


def test_only_the_most_recent_30_and_ties_by_row(folder, prepared):
    rows = [(1, 100 + i, 2, 50 - i // 10) for i in range(40)]
    rows += [(1, 7, 5, 60)]
    data = prepared(MovieLens(str(folder("1m", rows=rows))))
    # Times fall from block to block of ten; inside one the rows decide.
    expected = [*range(120, 130), *range(110, 120), *range(100, 110)]
    assert raw(data, "source")["1"] == [str(item) for item in expected]
    assert data.manifest["counts"]["truncated_events"] == 10
    shorter = MovieLens(str(folder("1m", rows=rows)), history=3)
    assert raw(prepared(shorter), "source")["1"] == ["107", "108", "109"]


def test_titles_and_attributes_of_1m(folder, write, prepared):
    path = folder("1m")
    write(
        "ml/movies.dat",
        "10::Misérables, Les (1995)::Drama\n12::A: B::Comedy\n",
        "iso-8859-1",
    )
    write("ml/users.dat", "1::F::1::10::48067\n3::M::56::20::x\n")
    data = prepared(MovieLens(str(path)))
    assert data.source_titles.tolist() == ["Misérables, Les (1995)", "A: B"]
    assert data.target_titles.tolist() == ["", ""]
    attributes = data.users().attributes
    assert attributes["gender"].tolist() == ["F", "", "M"]
    assert attributes["age"].tolist() == ["under 18", "", "56+"]
    assert attributes["occupation"].tolist() == ["K-12 student", "", "writer"]


def test_titles_and_attributes_of_100k(folder, write, prepared):
    path = folder("100k")
    write("ml/u.item", "10|Café|01-Jan-1995||http://x|0|1\n", "iso-8859-1")
    write("ml/u.user", "1|24|M|technician|85711\n3|60|F|other|1\n")
    data = prepared(MovieLens(str(path)))
    assert data.source_titles.tolist() == ["Café", ""]
    assert data.users().attributes["age"].tolist() == ["18-24", "", "56+"]
    assert data.users().attributes["occupation"].tolist()[0] == "technician"


def test_titles_of_25m(folder, write, prepared):
    path = folder("25m")
    write(
        "ml/movies.csv",
        'movieId,title,genres\n10,"Café, ""The"" (1995)",Drama\n12,É,X\n',
    )
    data = prepared(MovieLens(str(path)))
    assert data.source_titles.tolist() == ['Café, "The" (1995)', "É"]


def test_other_files_of_the_folder_are_ignored(folder, write):
    path = folder("1m")
    write("ml/ratings_no_timestamp.dat.gz", "1::2::3\n")
    assert [file.name for file in MovieLens(str(path)).files()] == (
        ["ratings.dat"]
    )


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1::2::x::4", 'line 8, column rating: Could not convert string "x"'),
        ("1::2::3", "line 8.*Expected Number of Columns: 4 Found: 3"),
        ("1::2::nan::4", "line 8, column rating: a rating is from 0 to 5"),
        ("1::2::7::4", "line 8, column rating: a rating is from 0 to 5"),
        ("1::::3::4", "line 8, column item"),
    ],
)
def test_a_malformed_row_is_named(folder, prepared, row, message):
    path = folder("1m")
    with open(path / "ratings.dat", "a") as file:
        file.write(row + "\n1::99::3::4\n")
    with pytest.raises(InputError, match=rf"ratings\.dat, {message}"):
        prepared(MovieLens(str(path)))
    data = prepared(MovieLens(str(path)), max_bad_rows=1)
    assert data.manifest["counts"]["bad_rows"] == 1
    assert "line 8" in data.manifest["bad_rows"][0]
    assert raw(data, "source")["1"] == ["99", "12", "10"]


def test_errors_of_the_path(folder, tmp_path, write):
    with pytest.raises(InputError, match="--data_path: no such file or folder"):
        MovieLens(str(tmp_path / "nothing"))
    with pytest.raises(InputError, match="--data_path: names no"):
        MovieLens("")
    with pytest.raises(InputError, match="holds no ratings of MovieLens"):
        MovieLens(str(tmp_path))
    with pytest.raises(InputError, match=r"u\.data, ratings\.dat"):
        MovieLens(str(write("notes.txt", "x")))


def test_a_wrong_header(write, prepared):
    path = write("ratings.csv", "user,movie,rating,time\n1,2,3,4\n")
    with pytest.raises(InputError, match="line 1: the header should be"):
        prepared(MovieLens(str(path)))


def test_a_malformed_users_file(folder, write, prepared):
    path = folder("1m")
    write("ml/users.dat", "1::F::1::10::48067\n2::M::x::1::1\n")
    with pytest.raises(InputError, match=r"users\.dat, line 2"):
        prepared(MovieLens(str(path)))


def test_options_are_checked(folder):
    path = folder("1m")
    spec = datasets.parse("movielens(source_below=3, target_above=4.5)")
    assert spec.build(path=str(path)).source_below == 3.0
    with pytest.raises(InputError, match="source_below should not exceed"):
        MovieLens(str(path), source_below=5.0)
    with pytest.raises(InputError, match="history should be at least 0"):
        MovieLens(str(path), history=-1)
    with pytest.raises(InputError, match="source_from should be below"):
        MovieLens(str(path), source_from=4)


def test_all_ratings_as_a_source_without_a_target(folder, prepared):
    path = str(folder("1m"))
    everything = {"source_below": 6, "target_above": 5, "history": 0}
    data = prepared(MovieLens(path, **everything))
    assert raw(data, "source") == {
        "1": ["14", "12", "13", "11", "10"],
        "2": ["11"],
        "3": ["10"],
    }
    assert raw(data, "target") == {"1": [], "2": [], "3": []}
    assert data.num_target_items == 2
    assert data.manifest["counts"]["train"] == 0
    assert "all ratings below 6; target: none" in data.manifest["protocol"]
    liked = MovieLens(path, **everything, source_from=3)
    assert raw(prepared(liked), "source") == {
        "1": ["14", "13", "11", "10"],
        "2": ["11"],
    }
    with pytest.raises(InputError, match="--split=time needs a target domain"):
        prepared(MovieLens(path, **everything), split="time")


def test_history_bounds_what_is_kept_if_it_is_not_0(folder, prepared):
    path = str(folder("1m"))
    data = prepared(MovieLens(path, history=0), max_history=1)
    assert raw(data, "source")["1"] == ["10"]
    data = prepared(MovieLens(path, history=0), max_history=9)
    assert raw(data, "source")["1"] == ["12", "10"]


def test_nothing_left_of_a_domain(folder, prepared):
    path = folder("1m", rows=[(1, 10, 5, 1), (2, 10, 5, 1)])
    with pytest.raises(InputError, match="no source events are left"):
        prepared(MovieLens(str(path)))


def test_no_user_in_both_domains(folder, prepared):
    path = folder("1m", rows=[(1, 10, 5, 1), (2, 10, 2, 1)])
    with pytest.raises(InputError, match="no user is in both domains.*'2'"):
        prepared(MovieLens(str(path)))
