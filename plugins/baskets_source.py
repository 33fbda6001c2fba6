"""A data source: JSON lines, one customer each.

    {"customer": "c7", "viewed": ["v3", "v9"], "bought": ["b2"]}

What was viewed is the source domain, oldest first, and what was bought is the
target domain. data/baskets.jsonl holds 300 made-up customers.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import tfxdr
from tfxdr.datasets import BadRow, Rejects, insert_arrays

tfxdr.require_interface("1.0")


@tfxdr.datasets.register("baskets")
class Baskets(tfxdr.Source):
    """Items viewed and items bought, a line of JSON for each customer.

    Args:
      path: the file.
    """

    protocol = "source: items viewed; target: items bought"

    def __init__(self, path: str = "") -> None:
        self.path = self.check_path(path)

    def files(self) -> list[Path]:
        return [self.path]

    def load(self, connection, rejects: Rejects) -> None:
        customers = list(self._customers(rejects))
        for table, domain in (("source", "viewed"), ("target", "bought")):
            users = [c["customer"] for c in customers for _ in c[domain]]
            items = [item for c in customers for item in c[domain]]
            insert_arrays(
                connection,
                "events",
                {
                    "user": np.array(users, object),
                    "item": np.array(items, object),
                    "row": np.arange(len(items)),
                },
            )
            connection.execute(
                f"CREATE TABLE {table} AS SELECT user, item, "
                "CAST(NULL AS BIGINT) AS time, CAST(NULL AS DOUBLE) AS rating, "
                "row FROM events; DROP TABLE events"
            )

    def _customers(self, rejects: Rejects) -> Iterator[dict]:
        lines = self.path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines, start=1):
            problem = _problem(line)
            if problem:
                rejects.add([BadRow(self.path, number, "", problem, line)])
            else:
                yield json.loads(line)


def _problem(line: str) -> str:
    """What is wrong with a line; "" if nothing is."""
    try:
        customer = json.loads(line)
    except ValueError as error:
        return f"expected JSON: {error}"
    if not isinstance(customer, dict):
        return 'expected {"customer": ..., "viewed": [...], "bought": [...]}'
    if not _is_name(customer.get("customer")):
        return 'expected a name under "customer"'
    for domain in ("viewed", "bought"):
        items = customer.get(domain)
        if not isinstance(items, list) or not all(map(_is_name, items)):
            return f'expected a list of item names under "{domain}"'
    return ""


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != ""
