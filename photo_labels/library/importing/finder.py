"""Finding photos on a disk: whatever is skipped is counted, or named with the reason."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from photo_labels.library.importing.ends import End
from photo_labels.library.importing.folders import why_skipped
from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.skipped import Skipped, skip
from photo_labels.library.user_errors import UserError
from photo_labels.records.formats import (
    SIGNATURE_BYTES,
    NameSays,
    ending,
    format_by_content,
    kind_of_no_photo,
    name_says,
    why_no_photo,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Keys of `photos import --json`, which stay as they are. The first also counts hidden files, and those whose
# name says nothing.
NOT_A_PHOTO = "by name no photo"
NOT_WANTED = "not included, or excluded"
NO_SUFFIX = "by name not labelled (parameter KeySuffixes)"
_NO_PHOTO_INSIDE = "does not begin like a photo"
_MAX_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that is a photo by its name or its content, or that was named.

    `end` and `why` say what becomes of it without an upload, and why.
    """

    # Absolute, so that it names the same file wherever the command is run.
    path: Path
    key: str
    size: int = 0
    stamp: str = ""
    end: End | None = None
    why: str = ""


def _refused(path: Path, why: str, end: End = End.IMPOSSIBLE) -> FoundFile:
    return FoundFile(path, "", end=end, why=why)


def end_of(error: OSError) -> End:
    """Return the end of a file that could not be read: a disk may recover, a permission has to be given."""
    return End.IMPOSSIBLE if isinstance(error, PermissionError) else End.NOT_UPLOADED


def stamp_of(status: os.stat_result) -> str:
    """Tell states of the files at a path apart that have the same size.

    A memory card in the place of another one has files of the same names, sometimes of the same size and time of
    change (a camera whose clock is not set). They differ in the inode, which is given anew when a card is put in.
    """
    return f"{status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


@dataclass(slots=True)
class PhotoFinder:
    """Goes through folders and files, and counts what it skips."""

    # Put before each key.
    prefix: str
    # Glob patterns of names, or of paths below the folder; none: all.
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    # Which keys the pipeline labels; what it would not label is not uploaded.
    keys: KeyFilter = field(default_factory=KeyFilter)
    # Files that are not imported, by what they are.
    left_alone: Counter[str] = field(default_factory=Counter)
    # The same files, by suffix and reason.
    skipped: Counter[Skipped] = field(default_factory=Counter)
    # Folders into which nobody has looked, by name and what is in them.
    skipped_folders: Counter[Skipped] = field(default_factory=Counter)

    @property
    def folders_left_alone(self) -> Counter[str]:
        """The folders that were skipped, by name."""
        names: Counter[str] = Counter()
        for one, count in self.skipped_folders.items():
            names[one.what] += count
        return names

    def find(self, paths: Sequence[Path]) -> Iterator[FoundFile]:
        """Find each photo folder by folder, in order. Raises UserError for a path that is not there.

        Links to files are followed, links to folders are named: they may lead in circles. Of a folder's files,
        those that are no photos, hidden or not wanted are counted. Each file of `paths` itself is found: as a
        photo, hidden or not, or with the reason why it is not imported.
        """
        for path in paths:
            if not os.path.lexists(path):
                raise UserError(f"{path} does not exist: name folders or files with photos.")
        for path in (Path(os.path.abspath(path)) for path in paths):  # noqa: PTH100 - resolve() would follow links
            if path.is_dir():
                yield from self._below(path)
            else:
                yield self._named(path)

    def _below(self, root: Path) -> Iterator[FoundFile]:
        """Go through a folder; without recursion, for folders may be nested deeper than calls may be."""
        folders = [_listed(root)]
        while folders:
            entry = next(folders[-1], None)
            if entry is None:
                folders.pop()
            elif isinstance(entry, FoundFile):
                yield entry
            elif entry.is_dir(follow_symlinks=False):
                if why := why_skipped(entry.path):
                    self.skipped_folders[Skipped(entry.name, why)] += 1
                else:
                    folders.append(_listed(Path(entry.path)))
            elif _is_link_to_folder(entry):
                why = "It is a link to a folder: name that folder to have it imported."
                yield _refused(Path(entry.path), why)
            else:
                yield from self._file(Path(entry.path), Path(entry.path).relative_to(root).as_posix())

    def _file(self, path: Path, name: str) -> Iterator[FoundFile]:
        if skipped := self._why_skipped(path, name):
            sort, why = skipped
            self.left_alone[sort] += 1
            suffix = ending(path.name)
            if sort == NO_SUFFIX and suffix:  # for which large and small letters differ
                suffix = path.name[-len(suffix) :]
            skip(self.skipped, suffix, why)
        else:
            yield self._looked_at(path, name)

    def _why_skipped(self, path: Path, name: str) -> tuple[str, str] | None:
        """Return why a folder's file is not imported, as a key of `left_alone` and in words; None: it is."""
        kind = kind_of_no_photo(path.name)
        if kind or path.name.startswith("."):
            return NOT_A_PHOTO, kind or ("metadata of macOS" if path.name.startswith("._") else "hidden")
        if option := self._left_out_by(_composed(name)):
            return NOT_WANTED, f"left out by {option}"
        if not self.keys.has_suffix(_composed(name)):
            return NO_SUFFIX, "not labelled: parameter KeySuffixes"
        if name_says(path.name) is NameSays.NOTHING and not _begins_like_photo(path):
            return NOT_A_PHOTO, _NO_PHOTO_INSIDE
        return None

    def _named(self, path: Path) -> FoundFile:
        """Look at a file that was named itself."""
        said, name = name_says(path.name), _composed(path.name)
        if option := self._left_out_by(name):
            return _refused(path, f"{option} leaves it out.", End.LEFT_OUT)
        if said is NameSays.NO_PHOTO:
            return _refused(path, why_no_photo(path.name))
        if not self.keys.has_suffix(name):
            endings = ", ".join(self.keys.suffixes)
            why = f"The pipeline labels only what ends in {endings} (its parameter KeySuffixes): rename it."
            return _refused(path, why)
        found = self._looked_at(path, path.name)
        if found.end is End.EMPTY:  # among many of a folder it is a warning, but this one was asked for
            return replace(found, end=End.IMPOSSIBLE)
        if not found.end and said is NameSays.NOTHING and not _begins_like_photo(path):
            return _refused(path, "It is no photo: it begins like none of a format that is known here.")
        return found

    def _left_out_by(self, name: str) -> str:
        """Return the option that leaves a file out; "": none does."""

        def matches(pattern: str) -> bool:
            return any(fnmatch(one, _composed(pattern)) for one in (name, name.rpartition("/")[2]))

        if any(map(matches, self.exclude)):
            return "--exclude"
        return "--include" if self.include and not any(map(matches, self.include)) else ""

    def _looked_at(self, path: Path, name: str) -> FoundFile:
        try:
            status = path.stat()
        except OSError as error:
            is_link = path.is_symlink()
            why = "It is a link to nothing." if is_link else f"It cannot be read: {error.strerror}."
            return _refused(path, why, End.IMPOSSIBLE if is_link else end_of(error))
        if not stat.S_ISREG(status.st_mode):
            return _refused(path, "It is no file.")
        if not status.st_size:
            return _refused(path, "It is empty (0 bytes).", End.EMPTY)
        return self._with_key(path, _composed(self.prefix + name), status)

    @staticmethod
    def _with_key(path: Path, key: str, status: os.stat_result) -> FoundFile:
        try:
            length = len(key.encode())
        except UnicodeEncodeError:  # the file system's bytes, which Python keeps as lone surrogates
            return _refused(path, "Its name is not valid UTF-8: rename it.")
        if length > _MAX_KEY_BYTES:
            too_long = f"Its key would have {length:,} bytes, and S3 takes {_MAX_KEY_BYTES:,}: shorten its path."
            return _refused(path, too_long)
        return FoundFile(path, key, status.st_size, stamp_of(status))


def _composed(text: str) -> str:
    """Compose letters and accents: macOS decomposes names, and whoever searches for one types it composed."""
    return unicodedata.normalize("NFC", text)


def _begins_like_photo(path: Path) -> bool:
    """Look into a file; one that cannot be read may be a photo, but a pipe or a link to nothing is none."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return format_by_content(file.read(SIGNATURE_BYTES)) is not None
    except OSError:
        return True


def _listed(folder: Path) -> Iterator[os.DirEntry[str] | FoundFile]:
    """List a folder in the order of names, or say why it cannot be."""
    try:
        with os.scandir(folder) as entries:
            return iter(sorted(entries, key=lambda entry: entry.name))
    except OSError as error:
        return iter([_refused(folder, f"The folder cannot be read: {error.strerror}.", end_of(error))])


def _is_link_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a link in a circle, or into a folder that may not be looked into
        return False
