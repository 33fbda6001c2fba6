"""Paths as a shell takes them, inside the options of a component."""

import pytest

from tfxdr.registry.spec_text import parse_call, render_call


@pytest.mark.parametrize(
    "word",
    [
        "clicks.csv",
        "~/data/purchases-2024.parquet",
        "../a_b/c.d-e.csv.gz",
        "/srv/x/2024-05/log.1",
        "s3://bucket/key.csv",
        "C:\\logs\\new.csv",
        "logs/*.csv",
        "%d/%m/%Y",
        "äpfel.csv",
        "2024.csv",
        "from-1.csv",
        "~",
        ".",
        "..",
    ],
)
def test_a_path_needs_no_quotes(word):
    name, options = parse_call(f"events(source={word}, many=[{word},a,1.5])")
    assert options == {"source": word, "many": [word, "a", 1.5]}
    assert parse_call(render_call(name, options)) == (name, options)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-0.5", -0.5),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("1_000", 1000),
        ("leave-one-out", "leave-one-out"),
        ("'a/b, c.csv'", "a/b, c.csv"),
        ("{'k': 1.5, 'j': -2}", {"k": 1.5, "j": -2}),
        ("none", None),
        ("true", True),
        ("sasrec(channels=4)", "sasrec(channels=4)"),
    ],
)
def test_other_values_are_what_they_were(text, value):
    assert parse_call(f"a(x={text})")[1] == {"x": value}
