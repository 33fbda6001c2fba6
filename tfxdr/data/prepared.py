"""Prepared data: a folder with records, vocabularies and a manifest."""

from __future__ import annotations

import functools
import hashlib
import json
import types
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tfxdr.data import storage
from tfxdr.data.records import Columns, read_shards
from tfxdr.data.users import Users
from tfxdr.data.vocabulary import read_lines
from tfxdr.datasets.base import Source
from tfxdr.errors import InputError
from tfxdr.types import FIRST_ITEM

FORMAT = "tfxdr-prepared-data"
SCHEMA_VERSION = 2
MANIFEST = "manifest.json"

_HASH = "sha256"  # of the rest of the manifest
_REMEDY = "delete the folder and prepare the data again (--mode=prepare)"


class PreparedData:
    """What `prepare` made, checked when it is opened.

    Attributes:
      folder: Where it lies.
      manifest: Schema version, options, input hashes, counts, file hashes.
      source: What they were prepared from, or the text that names it, where
        this process did it.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Mapping,
        source: Source | str | None = None,
    ):
        self.folder = folder
        self.manifest = manifest
        self.source = source
        self._held = True

    @classmethod
    def load(
        cls, folder: str | Path, source: Source | str | None = None
    ) -> PreparedData:
        """Opens a folder; every file's content must match the manifest.

        Args:
          folder: Where it lies.
          source: What it was prepared from, if known.

        Raises:
          InputError: No prepared data, another schema version, or a file is
            missing or damaged; names the file and says what to do.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        for entry in manifest["files"]:
            _check_file(folder / entry["file"], entry["sha256"])
        return cls(folder, types.MappingProxyType(manifest), source)

    def __repr__(self) -> str:
        return f"PreparedData({str(self.folder)!r})"

    @property
    def fingerprint(self) -> str:
        """Hash of everything that training and evaluation read."""
        return self.manifest["fingerprint"]

    @property
    def source_fingerprint(self) -> str:
        """Hash of the histories and their vocabulary alone: what source
        pre-training depends on. Splits that keep histories share it."""
        return self.manifest["source_fingerprint"]

    @property
    def num_source_items(self) -> int:
        """Size of a source item table: real items, padding and unknown."""
        return FIRST_ITEM + self.manifest["counts"]["source_items"]

    @property
    def num_target_items(self) -> int:
        """Size of a target item table: real items, padding and unknown."""
        return FIRST_ITEM + self.manifest["counts"]["target_items"]

    @functools.cached_property
    def source_ids(self) -> np.ndarray:
        """`[items]` object array of raw ids; position i is item i + 2."""
        return read_lines(self.folder / "source_items.txt")

    @functools.cached_property
    def target_ids(self) -> np.ndarray:
        """`[items]` object array of raw ids; position i is item i + 2."""
        return read_lines(self.folder / "target_items.txt")

    @functools.cached_property
    def source_titles(self) -> np.ndarray | None:
        """`[items]` titles beside `source_ids`, "" where unknown."""
        return self._optional_lines("source_titles.txt")

    @functools.cached_property
    def target_titles(self) -> np.ndarray | None:
        """`[items]` titles beside `target_ids`, "" where unknown."""
        return self._optional_lines("target_titles.txt")

    @functools.cached_property
    def source_categories(self) -> np.ndarray | None:
        """`[items]` categories beside `source_ids`, "" where unknown."""
        return self._optional_lines("source_categories.txt")

    @functools.cached_property
    def target_categories(self) -> np.ndarray | None:
        """`[items]` categories beside `target_ids`, "" where unknown."""
        return self._optional_lines("target_categories.txt")

    def _optional_lines(self, name: str) -> np.ndarray | None:
        path = self.folder / name
        return read_lines(path) if path.exists() else None

    def users(self) -> Users:
        """All users, read once."""
        return self._users

    def keep(self, choice: str) -> bool:
        """Whether users are held in memory, of now on, instead of mapped.

        Args:
          choice: `auto`, `true` or `false` (see `storage`).
        """
        held = storage.is_held(choice, self.manifest)
        if held != self._held:
            self.__dict__.pop("_users", None)
        self._held = held
        return held

    def row_of_user(self, user: str) -> int:
        """The row of a raw id.

        Raises:
          InputError: There is no such user.
        """
        ids = self.users().ids
        found = np.flatnonzero(ids == user.encode())
        if not len(found):
            raise InputError(
                f"--user={user}: no such user in {self.folder}; users look "
                f"like {ids[0].decode()}"
            )
        return int(found[0])

    @functools.cached_property
    def _users(self) -> Users:
        columns = dict(self.manifest["columns"])
        columns["attributes"] = tuple(columns["attributes"])
        shards = [self.folder / name for name in self.manifest["shards"]]
        place = None if self._held else self.folder.parent
        users = read_shards(shards, Columns(**columns), place)
        if len(users) != self.manifest["counts"]["users"]:
            raise InputError(
                f"{self.folder}: {len(users)} users in the records, "
                f"{self.manifest['counts']['users']} in the manifest; "
                + _REMEDY
            )
        return users


def find_prepared(
    fingerprint: str, caches: Iterable[Path]
) -> PreparedData | None:
    """Data with a content, in the first cache that has them; or nothing."""
    for cache in caches:
        for path in sorted((cache / "data").glob(f"*/{MANIFEST}")):
            if fingerprint not in path.read_text(encoding="utf-8"):
                continue  # as quick as reading; JSON would take longer
            if _read_manifest(path.parent)["fingerprint"] == fingerprint:
                return PreparedData.load(path.parent)
    return None


def file_entry(path: Path) -> dict:
    """What a manifest says of a file: name, size and content."""
    return {
        "file": path.name,
        "bytes": path.stat().st_size,
        "sha256": hash_file(path),
    }


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: Mapping) -> None:
    """Writes what a folder holds, with a hash of what is written."""
    hashed = {**manifest, _HASH: _manifest_hash(manifest)}
    text = json.dumps(hashed, indent=2)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _manifest_hash(manifest: Mapping) -> str:
    read_back = json.loads(json.dumps(dict(manifest)))
    return hashlib.sha256(
        json.dumps(read_back, sort_keys=True).encode()
    ).hexdigest()


def _read_manifest(folder: Path) -> dict:
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(
            f"{folder} is no prepared data: it has no {MANIFEST}; make some "
            "by --mode=prepare"
        )
    try:
        manifest = json.loads(path.read_bytes())
        version = manifest["schema_version"]
        known = manifest["format"] == FORMAT
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); {_REMEDY}") from error
    if not known:
        raise InputError(f"{path} does not describe prepared data")
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{folder} has schema version {version}; this version of tfxdr "
            f"reads {SCHEMA_VERSION}; {_REMEDY}"
        )
    # Earlier versions wrote none.
    told = manifest.pop(_HASH, None)
    if told is not None and told != _manifest_hash(manifest):
        raise InputError(
            f"{path} is damaged: its content is not what was written; {_REMEDY}"
        )
    return manifest


def _check_file(path: Path, expected: str) -> None:
    if not path.is_file():
        raise InputError(f"{path} is missing from prepared data; {_REMEDY}")
    if hash_file(path) != expected:
        raise InputError(
            f"{path} is damaged: its content is not what was prepared; "
            + _REMEDY
        )
