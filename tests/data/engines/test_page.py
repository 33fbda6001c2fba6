"""The page docs/spark.md does what it says."""

import documented
import pytest
from following import Reader

from tfxdr.data.prepared import PreparedData


@pytest.fixture
def page():
    return documented.ROOT / "docs" / "spark.md"


def test_what_it_has_one_type(spark, page, tmp_path, registries):
    reader = Reader(tmp_path, hurried=True)
    reader.follow(list(documented.steps(page)))
    # The command and the code name the same data.
    (folder,) = (reader.folder / "cache" / "data").iterdir()
    assert PreparedData.load(folder).manifest["counts"]["source_events"]


def test_the_session_is_left_as_it_is(spark):
    assert spark.range(3).count() == 3
