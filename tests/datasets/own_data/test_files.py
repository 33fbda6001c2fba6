"""What files are: compression, encoding, names, several of them."""

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from tfxdr.errors import InputError
from tfxdr.registry import datasets

VIEWS = "user,item,timestamp\nmia,bag,1690000100\ntom,h\u00fct,1690000200\n"
HISTORIES = {"mia": ["bag"], "tom": ["h\u00fct"], "eve": []}


def zipped(*names, content=VIEWS):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("compress", "suffix"),
    [
        (gzip.compress, "log.bin"),
        (bz2.compress, "v.csv.bz2"),
        (lzma.compress, "v.csv.xz"),
        (lambda data: zipped("v.csv", content=data), "v.csv.zip"),
        (lambda data: zipped("__MACOSX/v.csv", "a/v.csv"), "V.ZIP"),
        (lambda data: data, "v.CSV"),
    ],
)
def test_compression(read, compress, suffix):
    assert read(compress(VIEWS.encode()), name=suffix).histories == HISTORIES


def test_zstd(read):
    zstandard = pytest.importorskip("zstandard")
    content = zstandard.compress(VIEWS.encode())
    head, rows = VIEWS.encode()[:20], VIEWS.encode()[20:]
    frames = zstandard.compress(head) + zstandard.compress(rows)
    for whole in (content, frames):
        assert read(whole, name="v.csv.zst").histories == HISTORIES
    for half in (content[:-9], frames[:-1], content[:9], content + b"rest"):
        with pytest.raises(InputError, match="v.csv.zst is not a whole zstd"):
            read(half, name="v.csv.zst")


def test_zstd_without_its_package(read, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    with pytest.raises(InputError, match=r"needs the package zstandard: pip"):
        read(b"\x28\xb5\x2f\xfd" + b"0" * 20, name="v.csv.zst")


@pytest.mark.parametrize("compress", [bz2.compress, lzma.compress])
def test_half_a_file(read, compress):
    content = compress(VIEWS.encode() * 50)
    with pytest.raises(InputError, match=r"v\.x is not a whole (bzip2|xz)"):
        read(content[: len(content) // 2], name="v.x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped("a.csv", "b.csv"), r"a zip of one file, found 2: a\.csv, b"),
        (zipped("[Content_Types].xml", "x.xml"), "an Excel workbook.*as CSV"),
        (b"ARROW1\0\0" + b"0" * 99, "an Arrow file"),
        (b"ORC" + b"0" * 99, "an ORC file"),
        (b"0" * 257 + b"ustar" + b"0" * 300, "a tar archive"),
        (b"SQLite format 3\0" + b"0" * 99, "a database.*database=FILE"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(read, content, message):
    with pytest.raises(InputError, match=message):
        read(content, name="views.dat")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
)
def test_encodings_that_a_file_tells(read, encoding):
    found = read(VIEWS.encode(encoding))
    assert found.histories == HISTORIES
    told = encoding.replace("-sig", "")
    assert f"views.csv: encoding {told}" in found.notes


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "mac-roman"])
def test_encodings_that_are_said(read, encoding):
    content = VIEWS.encode(encoding)
    with pytest.raises(InputError, match="line 3, column item.*not UTF-8.*enc"):
        read(content)
    assert read(content, encoding=encoding).histories == HISTORIES


def test_the_encoding_of_one_table_alone(read):
    target = "user,item,timestamp\nmia,caf\u00e9,1\n".encode("cp1252")
    found = read(VIEWS.encode(), target, target_encoding="cp1252")
    assert found.targets["mia"] == ["caf\u00e9"]
    assert found.histories["tom"] == ["h\u00fct"]


def test_a_wrong_encoding_is_told(read):
    with pytest.raises(InputError, match="expected the name of an encoding"):
        read(VIEWS, encoding="utf-9")
    with pytest.raises(InputError, match=r"views\.csv.*not shift_jis"):
        read(b"user,item,timestamp\nmia,\x81\xff\xfe,1\n", encoding="sjis")


@pytest.mark.parametrize("name", ["v[1].csv", "v*.csv", "v?.csv", "v {a}.csv"])
def test_names_are_no_patterns(read, write, name):
    for other in ("v1.csv", "v2.csv", "va.csv"):
        write(other, "user,item,timestamp\nmia,wrong,1\n")
    assert read(VIEWS, name=name).histories == HISTORIES


@pytest.mark.parametrize("name", ["p[1].parquet", "p*.PARQUET", "p.bin"])
def test_names_of_parquet(read, parquet, name):
    query = "SELECT 'mia' AS user, '{}' AS item, 1690000100 AS timestamp"
    parquet(query.format("wrong"), "p1.parquet")
    path = parquet(query.format("bag"), name)
    assert read(open(path, "rb").read(), name=name).histories["mia"] == ["bag"]


def test_several_files_are_one_table(read, write):
    head = "user,item,timestamp\n"
    one = write("one.csv", head + "mia,b,30\n,x,1\n")
    two = write("two.csv.gz", head.replace(",", ";") + "mia;a;20\nmia;;9\n")
    found = read([str(one), str(two)], max_bad_rows=2)
    assert found.histories["mia"] == ["a", "b"]
    assert found.counts["source_rows"] == 4
    places = [text.split(": ")[0] for text in found.bad]
    assert places == [
        f"{one}, line 3, column user",
        f"{two}, line 3, column item",
    ]


def test_folders_and_patterns_when_they_are_asked_for(read, write, tmp_path):
    head = "user,item,timestamp\n"
    for part, item in ((0, "b"), (1, "a")):
        write(f"log/part-{part}.csv", head + f"mia,{item},{9 - part}\n")
    write("log/_SUCCESS", "")
    write("log/.part-0.csv.crc", "x")
    assert read(tmp_path / "log").histories["mia"] == ["a", "b"]
    pattern = tmp_path / "log" / "part-*.csv"
    assert read(pattern, glob=True).histories["mia"] == ["a", "b"]
    with pytest.raises(InputError, match=r"no such file.*part-\*"):
        read(pattern)
    with pytest.raises(InputError, match="no file is called like"):
        read(tmp_path / "none-*.csv", glob=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no files"):
        read(tmp_path / "empty")


def test_a_bare_path_in_the_options(read, write, monkeypatch, tmp_path):
    write("data-1/views.v2.csv", VIEWS)
    write("data-1/buys.csv", "user,item,timestamp\nmia,pen,1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = "events(source=~/data-1/views.v2.csv,target=~/data-1/buys.csv)"
    source = datasets.parse(spec).build()
    assert [path.name for path in source.files()] == [
        "views.v2.csv",
        "buys.csv",
    ]
