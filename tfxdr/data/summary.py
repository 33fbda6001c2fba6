"""What was prepared, as Table 1 of the UAF paper shows it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def describe_lengths(histogram: np.ndarray) -> dict[str, float]:
    """Min, median, mean and max from `[length] -> users`.

    The median of an even number of users is the lower middle one.
    """
    total = int(histogram.sum())
    lengths = np.flatnonzero(histogram)
    if not total:
        return {"min": 0, "median": 0, "mean": 0.0, "max": 0}
    middle = np.searchsorted(np.cumsum(histogram), (total + 1) // 2)
    mean = float((np.arange(len(histogram)) * histogram).sum() / total)
    return {
        "min": int(lengths[0]),
        "median": int(middle),
        "mean": round(mean, 2),
        "max": int(lengths[-1]),
    }


def table1(manifest: Mapping) -> str:
    """The counts of prepared data as text, for a terminal."""
    counts = manifest["counts"]
    lines = [
        f"{manifest['dataset']}: {counts['users']:,} users, "
        f"{counts['shared_users']:,} of them in both domains",
        f"{'':8}{'instances':>12}{'items':>10}{'events':>12}",
        f"{'source':8}{counts['users_with_history']:>12,}"
        f"{counts['source_items']:>10,}{counts['source_events']:>12,}",
        f"{'target':8}{counts['target_instances']:>12,}"
        f"{counts['target_items']:>10,}{counts['target_instances']:>12,}",
        f"history length    {_lengths(counts['history_length'])}",
        f"targets per user  {_lengths(counts['targets_per_user'])}",
        *_known(counts),
        *balance(counts),
        "split             "
        + ", ".join(
            f"{name} {counts[name]:,}"
            for name in ("train", "validation", "test")
        ),
    ]
    lines += [
        f"{counts[key]:,} {text}" for key, text in _NOTES if counts.get(key)
    ]
    return "\n".join(lines)


def _known(counts: Mapping) -> list[str]:
    """Lines on ratings and categories, where there are any."""
    rated = [
        f"{counts[key]:,} {events}"
        for key, events in (
            ("rated_source_events", "source events"),
            ("rated_target_instances", "target instances"),
        )
        if counts.get(key)
    ]
    categories = [
        f"{counts[f'{domain}_categories']:,} for "
        f"{counts[f'{domain}_items'] - counts[f'{domain}_uncategorized']:,} "
        f"of {counts[f'{domain}_items']:,} {domain} items"
        for domain in ("source", "target")
        if f"{domain}_categories" in counts
    ]
    lines = [("ratings", rated), ("categories", categories)]
    return [f"{name:18}{', '.join(texts)}" for name, texts in lines if texts]


# What became of a domain's rows: a count, and what it is of.
_FATES = {
    "source": (
        ("source_events", "events"),
        ("source_bad", "malformed"),
        ("source_other", "of another domain or none"),
        ("filtered_source", "left out by their rating"),
        ("repeated_source", "copies"),
        ("late_events", "at or after the time cut"),
        ("truncated_events", "older than histories reach"),
    ),
    "target": (
        ("target_instances", "instances"),
        ("target_bad", "malformed"),
        ("target_other", "of another domain or none"),
        ("filtered_target", "left out by their rating"),
        ("duplicate_targets", "repeated (user, target) pairs"),
    ),
}


def balance(counts: Mapping) -> list[str]:
    """A line for each domain: the rows that went in, and what they became.

    Raises:
      RuntimeError: They are not the same number; a row has vanished.
    """
    lines = []
    for domain, fates in _FATES.items():
        rows = counts.get(f"{domain}_rows")
        if rows is None:
            continue
        listed = counts.get(f"{domain}_listed", 0)
        became = [(counts.get(key, 0), what) for key, what in fates]
        if rows + listed != sum(number for number, _ in became):
            raise RuntimeError(
                f"{rows:,} {domain} rows went in (and {listed:,} more events "
                f"of lists), but of these came out: {became}"
            )
        more = f" + {listed:,} more of lists" if listed else ""
        told = " + ".join(
            f"{number:,} {what}"
            for place, (number, what) in enumerate(became)
            if number or not place
        )
        lines.append(f"{domain + ' rows':18}{rows:,}{more} = {told}")
    return lines


_NOTES = (
    ("users_without_history", "users have targets but no source history"),
    ("users_without_targets", "users have history but no targets"),
    ("duplicate_targets", "repeated (user, target) pairs were collapsed"),
    ("repeated_source", "copies of source events were left out"),
    ("filtered_source", "source events were left out by their rating"),
    ("filtered_target", "target events were left out by their rating"),
    ("other_domains", "rows of other domains were left out"),
    ("items_in_both", "items are in both domains; each has two ids"),
    ("ambiguous_categories", "items in several categories got the main one"),
    ("truncated_events", "older source events were left out of histories"),
    ("late_events", "source events at or after the time cut were left out"),
    ("bad_rows", "malformed rows were left out"),
)


def _lengths(described: Mapping) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in described.items())
