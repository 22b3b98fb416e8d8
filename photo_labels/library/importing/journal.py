"""What has been imported into one bucket, on this machine: a SQLite file that survives every interruption.

Three tables. `contents` has what is in the bucket: a photo's SHA-256, its key, its ETag. `claims` has what is
being uploaded. `files` has what was found on disk, by path, with the content that it had then. So a file that has
not changed is not read again, and one that was moved is not uploaded again. Each run marks the files that it
found; what becomes of them is counted by SQL, so that memory does not grow with them.

The journal is a cache, and nothing in a bucket is replaced because of what it says: without it files are read
again, and S3 says which are there (`photo_labels.library.importing.uploader`).
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from photo_labels.library.importing.ends import End
from photo_labels.library.state_files import private
from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from photo_labels.library.importing.finder import FoundFile

# Not for two runs at a time. What a power cut can undo is the last moment, and S3 is asked about that.
_SETTINGS = """
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
"""
# Of the tables, in the file's user_version.
_VERSION = 2
_TABLES = f"""
CREATE TABLE IF NOT EXISTS contents (
    sha256 BLOB PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    etag TEXT,
    is_there INTEGER NOT NULL, -- this run has put it there, or has asked S3
    is_new INTEGER NOT NULL, -- this run has put it there
    since REAL, -- from when on a document is looked for, in seconds of the run's clock
    look_at REAL, -- when the next time; infinite: asleep; none: not at all
    place INTEGER NOT NULL -- in line, in the order of uploads
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS claims (
    sha256 BLOB PRIMARY KEY,
    path BLOB NOT NULL -- of the file that is being uploaded
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, -- a file system's names are bytes
    size INTEGER,
    stamp TEXT,
    key TEXT,
    sha256 BLOB,
    is_found INTEGER NOT NULL, -- by this run
    end TEXT,
    why TEXT,
    seconds REAL -- from upload to label
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS contents_that_wait ON contents (look_at, place) WHERE look_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS files_by_content ON files (sha256);
CREATE INDEX IF NOT EXISTS files_by_key ON files (key) WHERE is_found;
PRAGMA user_version = {_VERSION};
"""
# Of version 0 files had the time of change alone, and uploads under way were among the contents.
_FROM_0 = """
ALTER TABLE files ADD COLUMN stamp TEXT;
DELETE FROM contents WHERE etag IS NULL;
"""
# Until then contents had no place in line.
_FROM_1 = """
ALTER TABLE contents ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
CREATE TEMPORARY TABLE places (place INTEGER PRIMARY KEY, sha256 BLOB UNIQUE);
INSERT INTO places (sha256) SELECT sha256 FROM contents ORDER BY since;
UPDATE contents SET place = (SELECT place FROM places WHERE places.sha256 = contents.sha256);
DROP TABLE places;
DROP INDEX IF EXISTS contents_to_look_for;
"""
_PAGE = 500
# In the place of times: of those that `look_for_all` has called, and of those that nobody looks for.
AT_ONCE, _ASLEEP = -math.inf, math.inf


@dataclass(frozen=True, slots=True)
class File:
    """A file that was found, and what became of it."""

    path: Path
    # Its own; a copy of a photo that is there already is not uploaded to it.
    key: str
    size: int
    stamp: str
    end: End | None = None
    why: str = ""
    seconds: float | None = None
    # Where its content is in the bucket.
    content_key: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A content in the bucket, a document of which is looked for."""

    sha256: bytes
    key: str
    etag: str
    is_there: bool
    is_new: bool
    since: float
    place: int


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """How far a run is, in files."""

    found: int
    ends: Counter[End]
    # By this run.
    uploaded: int
    there_before: int
    # Files with the content of another one, which is in the bucket under that one's key.
    copies: int
    waiting: int

    @property
    def ended(self) -> int:
        return self.ends.total()


class Journal:
    """Used from several threads."""

    def __init__(self, path: Path | None) -> None:
        """`path`: the file, made where it is not there; None: a temporary one.

        Raises UserError where it cannot be used, for one thing while another import has it.
        """
        self._lock = threading.RLock()
        try:
            if path:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                private(path)
            self._database = sqlite3.connect(path or "", timeout=1, check_same_thread=False, isolation_level=None)
            self._database.executescript(_SETTINGS)
            self._make_tables()
        except (OSError, sqlite3.Error) as error:
            raise UserError(
                f"{path} cannot be used ({error}): wait for another import into this bucket to end. If there is "
                "none, see that it can be written to, or delete it; what is in the bucket is found there."
            ) from error

    def _make_tables(self) -> None:
        [version] = self._database.execute("PRAGMA user_version").fetchone()
        is_new = not self._database.execute("SELECT 1 FROM sqlite_master").fetchone()
        if version < _VERSION and not is_new:
            steps = (_FROM_0 if version == 0 else "") + _FROM_1
            self._database.executescript(f"BEGIN; {steps} PRAGMA user_version = {_VERSION}; COMMIT;")
        self._database.executescript(_TABLES)
        [(self._last_place,)] = self._database.execute("SELECT coalesce(max(place), 0) FROM contents")

    def copied(self) -> Journal:
        """Make a temporary copy."""
        copy = Journal(None)
        self._database.backup(copy._database)
        return copy

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _all(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()

    # Finding

    def begin(self) -> None:
        """Begin a run: nothing has been found yet, and uploads that had begun are not known to have ended."""
        with self._transaction() as database:
            database.execute("UPDATE files SET is_found = 0 WHERE is_found")
            database.execute("DELETE FROM claims")
            database.execute("UPDATE contents SET is_there = 0, is_new = 0, look_at = NULL")

    def begin_with_open(self, now: float) -> None:
        """Begin a run with what earlier ones have uploaded and have not seen the end of.

        Whether a photo is still in the bucket is asked only where its document says that it is not.
        """
        self.begin()
        with self._transaction() as database:
            database.execute(
                "UPDATE files SET is_found = 1, end = NULL, why = '', seconds = NULL"
                " WHERE (end IS NULL OR end IN (?, ?)) AND sha256 IN (SELECT sha256 FROM contents)",
                (End.UPLOADED.value, End.UNACCOUNTED.value),
            )
            database.execute(
                "UPDATE contents SET is_there = 1 WHERE sha256 IN (SELECT sha256 FROM files WHERE is_found)"
            )
        self.look_for_known(now)

    def add(self, some: Iterable[FoundFile]) -> None:
        """Record files that were found; the content of changed files is unknown again."""
        with self._transaction() as database:
            for one in some:
                self._add(database, one)

    def _add(self, database: sqlite3.Connection, one: FoundFile) -> None:
        why, end = one.why, one.end
        if not why:
            same = database.execute("SELECT path FROM files WHERE is_found AND key = ?", (one.key,)).fetchone()
            if same and same[0] != os.fsencode(one.path):
                why = f"Its key would be that of {os.fsdecode(same[0])}: import one of them with another --prefix."
                end = End.IMPOSSIBLE
        database.execute(
            """
            INSERT INTO files (path, size, stamp, key, is_found, end, why) VALUES (?, ?, ?, ?, 1, ?, ?)
            ON CONFLICT (path) DO UPDATE SET
                sha256 = CASE WHEN size IS excluded.size AND stamp IS excluded.stamp THEN sha256 END,
                size = excluded.size, stamp = excluded.stamp, key = excluded.key, is_found = 1,
                end = excluded.end, why = excluded.why, seconds = NULL
            """,
            (
                os.fsencode(one.path),
                one.size,
                one.stamp,
                None if why else one.key,
                end.value if end else None,
                why,
            ),
        )

    def to_upload(self) -> tuple[int, int]:
        """Return how many files may be uploaded at most, and their bytes.

        Those that have to be read, and those whose content is in the bucket under the name of one of these, which
        may be put over it.
        """
        [(files, size)] = self._all(
            "WITH unread AS (SELECT path, files.key FROM files LEFT JOIN contents USING (sha256)"
            " WHERE is_found AND end IS NULL AND etag IS NULL)"
            " SELECT count(*), total(size) FROM files LEFT JOIN contents USING (sha256) WHERE is_found"
            " AND (path IN (SELECT path FROM unread) OR contents.key IN (SELECT key FROM unread))"
        )
        return files, int(size)

    def uploaded_bytes(self) -> int:
        """Return the bytes that this run has uploaded."""
        [(size,)] = self._all(
            "SELECT total(size) FROM files JOIN contents USING (sha256)"
            " WHERE is_found AND is_new AND contents.key = files.key"
        )
        return int(size)

    def look_for_known(self, now: float) -> None:
        """Look for the documents of all files whose content is in the bucket already."""
        with self._transaction() as database:
            database.execute(
                "UPDATE contents SET since = ?, look_at = ? WHERE etag IS NOT NULL AND sha256 IN"
                " (SELECT sha256 FROM files WHERE is_found AND end IS NULL)",
                (now, _ASLEEP),
            )

    # Uploading

    def next_files(self, after: Path | None) -> list[File]:
        """Return some files that have to be read, in the order of paths, after a given one; none: the end."""
        rows = self._all(
            "SELECT path, files.key, size, stamp FROM files LEFT JOIN contents USING (sha256)"
            " WHERE is_found AND end IS NULL AND etag IS NULL AND path > ? ORDER BY path LIMIT ?",
            os.fsencode(after) if after else b"",
            _PAGE,
        )
        return [File(Path(os.fsdecode(path)), *others) for path, *others in rows]

    def claim(self, file: File, sha256: bytes, now: float) -> bool:
        """Record a file's content; tell whether to upload it, or the content is there or on its way.

        The document of one that is in the bucket is looked for, once more if it was already.
        """
        with self._transaction() as database:
            path = os.fsencode(file.path)
            database.execute("UPDATE files SET sha256 = ? WHERE path = ?", (sha256, path))
            if database.execute("SELECT 1 FROM contents WHERE sha256 = ?", (sha256,)).fetchone():
                database.execute(
                    "UPDATE contents SET since = ?, look_at = ? WHERE sha256 = ? AND look_at IS NULL",
                    (now, now, sha256),
                )
                return False
            taken = database.execute("INSERT OR IGNORE INTO claims (sha256, path) VALUES (?, ?)", (sha256, path))
            return taken.rowcount == 1

    def uploaded(self, file: File, sha256: bytes, etag: str, now: float, *, is_new: bool) -> None:
        """Record that a file's content is in the bucket; its document is looked for from now on.

        Files with that content whose own name was taken are copies now. Where something else was under its key,
        files with that content need a place of their own.
        """
        with self._transaction() as database:
            for (before,) in database.execute("SELECT sha256 FROM contents WHERE key = ?", (file.key,)).fetchall():
                database.execute("DELETE FROM contents WHERE sha256 = ?", (before,))
                database.execute(
                    "UPDATE files SET sha256 = NULL, end = NULL, why = '', seconds = NULL WHERE sha256 = ?",
                    (before,),
                )
            self._last_place += 1
            database.execute(
                "INSERT INTO contents (sha256, key, etag, is_there, is_new, since, look_at, place)"
                " VALUES (?, ?, ?, 1, ?, ?, ?, ?)",
                (sha256, file.key, etag, is_new, now, _ASLEEP, self._last_place),
            )
            database.execute("DELETE FROM claims WHERE sha256 = ?", (sha256,))
            database.execute(
                "UPDATE files SET end = NULL, why = '' WHERE is_found AND sha256 = ? AND end IN (?, ?)",
                (sha256, End.NOT_UPLOADED.value, End.IMPOSSIBLE.value),
            )

    def release(self, file: File) -> None:
        """Give up a claim: another file may upload the content."""
        with self._transaction() as database:
            database.execute("DELETE FROM claims WHERE path = ?", (os.fsencode(file.path),))

    def not_uploaded(self, file: File, end: End, why: str, sha256: bytes | None = None) -> None:
        """Record that a file is not in the bucket, and why; its claim is given up.

        `end`: NOT_UPLOADED or IMPOSSIBLE. `sha256`: of its content, where that is known; another file that has
        it may upload it still.
        """
        path = os.fsencode(file.path)
        with self._transaction() as database:
            database.execute("DELETE FROM claims WHERE path = ?", (path,))
            database.execute(
                "UPDATE files SET sha256 = ?, end = ?, why = ? WHERE path = ?",
                (sha256, end.value, why, path),
            )

    # Waiting

    def sleeping(self, after: int) -> list[int]:
        """Return the places in line of some contents that nobody looks for, in order, after a given one."""
        rows = self._all(
            "SELECT place FROM contents WHERE look_at = ? AND place > ? ORDER BY place LIMIT ?",
            _ASLEEP,
            after,
            _PAGE,
        )
        return [place for (place,) in rows]

    def wake(self, first: int, last: int, now: float, soon_s: float) -> None:
        """Look for those that sleep from one place to another; for one that was just uploaded not too soon."""
        with self._transaction() as database:
            database.execute(
                "UPDATE contents SET look_at = max(?, since + ?) WHERE look_at = ? AND place BETWEEN ? AND ?",
                (now, soon_s, _ASLEEP, first, last),
            )

    def wake_first(self, least: int, now: float, soon_s: float) -> None:
        """Look for the first in line that sleep, until so many in all are looked for."""
        awake = len(self._all("SELECT 1 FROM contents WHERE look_at < ? LIMIT ?", _ASLEEP, least))
        asleep = self.sleeping(-1)[: least - awake]
        if asleep:
            self.wake(asleep[0], asleep[-1], now, soon_s)

    def to_look_for(self, now: float, most: int) -> list[Waiting]:
        """Return contents whose document is to be looked for now, the longest due first."""
        rows = self._all(
            "SELECT sha256, key, etag, is_there, is_new, since, place FROM contents"
            " WHERE look_at <= ? ORDER BY look_at LIMIT ?",
            now,
            most,
        )
        return [
            Waiting(sha256, key, etag, bool(is_there), bool(is_new), since, place)
            for sha256, key, etag, is_there, is_new, since, place in rows
        ]

    def look_for_all(self) -> None:
        """Look for every document that is looked for at all, now."""
        with self._transaction() as database:
            database.execute("UPDATE contents SET look_at = ? WHERE look_at NOT NULL", (AT_ONCE,))

    def is_looking_for_all(self) -> bool:
        """Tell whether some have not been looked for since `look_for_all`."""
        return bool(self._all("SELECT 1 FROM contents WHERE look_at = ? LIMIT 1", AT_ONCE))

    def is_waiting(self) -> bool:
        """Tell whether the document of any content is looked for."""
        return bool(self._all("SELECT 1 FROM contents WHERE look_at NOT NULL LIMIT 1"))

    def first_waiting(self) -> str | None:
        """Return the key of the first in line whose document is looked for; None: there is none."""
        rows = self._all("SELECT key FROM contents WHERE look_at NOT NULL ORDER BY place LIMIT 1")
        return str(rows[0][0]) if rows else None

    def last_waiting(self) -> int:
        """Return the place of the last in line whose document is looked for; -1: there is none."""
        [(place,)] = self._all("SELECT coalesce(max(place), -1) FROM contents WHERE look_at NOT NULL")
        return int(place)

    def look_again(self, one: Waiting, at: float) -> None:
        """Look for its document later."""
        with self._transaction() as database:
            database.execute("UPDATE contents SET is_there = 1, look_at = ? WHERE sha256 = ?", (at, one.sha256))

    def ended(self, one: Waiting, end: End, why: str, seconds: float | None) -> None:
        """Record what became of a content, and of all files that have it."""
        with self._transaction() as database:
            database.execute("UPDATE contents SET look_at = NULL WHERE sha256 = ?", (one.sha256,))
            database.execute(
                "UPDATE files SET end = ?, why = ?, seconds = ? WHERE is_found AND end IS NULL AND sha256 = ?",
                (end.value, why, seconds, one.sha256),
            )

    def gone(self, one: Waiting) -> None:
        """Record that a content is not in the bucket any more: a file with it is uploaded again."""
        with self._transaction() as database:
            database.execute("DELETE FROM contents WHERE sha256 = ?", (one.sha256,))
            database.execute(
                "UPDATE files SET sha256 = NULL WHERE is_found AND end IS NULL AND sha256 = ?", (one.sha256,)
            )

    def close(self, end: End, why: str, why_not: str) -> None:
        """Give an end to every file that has none: `end` to what is in the bucket, NOT_UPLOADED to what is not.

        `why` is told of the first, `why_not` of the others.
        """
        with self._transaction() as database:
            database.execute(
                "UPDATE files SET end = ?, why = ? WHERE is_found AND end IS NULL"
                " AND sha256 IN (SELECT sha256 FROM contents)",
                (end.value, why),
            )
            database.execute(
                "UPDATE files SET end = ?, why = ? WHERE is_found AND end IS NULL",
                (End.NOT_UPLOADED.value, why_not),
            )

    def close_dry(self) -> None:
        """Give their ends to the files of a dry run that would be uploaded, and to those that are there."""
        with self._transaction() as database:
            database.execute(
                "UPDATE files SET end = (SELECT CASE WHEN NOT is_new THEN ? WHEN contents.key = files.key THEN ?"
                " ELSE ? END FROM contents WHERE contents.sha256 = files.sha256)"
                " WHERE is_found AND end IS NULL",
                (End.IN_BUCKET.value, End.TO_UPLOAD.value, End.COPY.value),
            )

    # Telling

    def counts(self) -> ImportCounts:
        """Count this run's files."""
        ends = self._all("SELECT end, count(*) FROM files WHERE is_found GROUP BY end")
        [(uploaded, before, copies, waiting)] = self._all(
            "SELECT total(is_new AND contents.key = files.key), total(NOT is_new AND contents.key = files.key),"
            " total(contents.key <> files.key), total(end IS NULL)"
            " FROM files JOIN contents USING (sha256) WHERE is_found AND etag IS NOT NULL"
        )
        return ImportCounts(
            found=sum(count for _, count in ends),
            ends=Counter({End(end): count for end, count in ends if end}),
            uploaded=int(uploaded),
            there_before=int(before),
            copies=int(copies),
            waiting=int(waiting),
        )

    def files(self, *, but_labelled: bool) -> Iterator[File]:
        """This run's files in the order of their paths; `but_labelled`: those that are not labelled."""
        after = b""
        while rows := self._all(
            "SELECT path, files.key, size, stamp, end, why, seconds, contents.key"
            " FROM files LEFT JOIN contents USING (sha256)"
            " WHERE is_found AND path > ? AND (end IS NOT ? OR NOT ?) ORDER BY path LIMIT ?",
            after,
            End.LABELLED.value,
            but_labelled,
            _PAGE,
        ):
            for path, key, size, stamp, end, why, seconds, content_key in rows:
                yield File(
                    Path(os.fsdecode(path)),
                    key,
                    size,
                    stamp,
                    End(end) if end else None,
                    why,
                    seconds,
                    content_key,
                )
            after = rows[-1][0]

    def seconds(self) -> list[float]:
        """From upload to label, of each photo that this run has put there and seen labelled, ascending."""
        return [
            row[0] for row in self._all("SELECT seconds FROM files WHERE is_found AND seconds NOT NULL ORDER BY 1")
        ]
