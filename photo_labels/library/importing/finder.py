"""Finding photos on a disk: whatever is skipped is counted, or named with the reason."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from photo_labels.library.key_filter import KeyFilter
from photo_labels.library.user_errors import UserError
from photo_labels.records.formats import SIGNATURE_BYTES, NameSays, format_by_content, name_says

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# As a key of `photos import --json`, which stays as it is; also of those whose name says nothing.
NOT_A_PHOTO = "by name no photo"
NO_SUFFIX = "by name not labelled (parameter KeySuffixes)"
_MAX_KEY_BYTES = 1024


# Of NAS boxes, Windows, macOS and Linux: thumbnails, and what was deleted.
_SYSTEM_FOLDERS = frozenset(
    ("#recycle", "#snapshot", "$recycle.bin", "@eadir", "__macosx", "lost+found", "system volume information")
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that is a photo by its name or its content; `why` says why it cannot be uploaded, where it cannot."""

    # Absolute, so that it names the same file wherever the command is run.
    path: Path
    key: str
    size: int = 0
    stamp: str = ""
    why: str = ""


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
    # Files that are not photos by their name, or not wanted, by what they are.
    left_alone: Counter[str] = field(default_factory=Counter)
    # Hidden folders and a system's own, by name: nobody has looked into them.
    folders_left_alone: Counter[str] = field(default_factory=Counter)

    def find(self, paths: Sequence[Path]) -> Iterator[FoundFile]:
        """Find each photo folder by folder, in order. Raises UserError for a path that is not there.

        Links to files are followed, links to folders are named: they may lead in circles.
        """
        for path in paths:
            if not os.path.lexists(path):
                raise UserError(f"{path} does not exist: name folders or files with photos.")
        for path in (Path(os.path.abspath(path)) for path in paths):  # noqa: PTH100 - resolve() would follow links
            if path.is_dir():
                yield from self._below(path)
            else:
                yield from self._file(path, path.name)

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
                if _is_of_system(entry.name):
                    self.folders_left_alone[entry.name] += 1
                else:
                    folders.append(_listed(Path(entry.path)))
            elif _is_link_to_folder(entry):
                why = "It is a link to a folder: name that folder to have it imported."
                yield FoundFile(Path(entry.path), "", why=why)
            else:
                yield from self._file(Path(entry.path), Path(entry.path).relative_to(root).as_posix())

    def _file(self, path: Path, name: str) -> Iterator[FoundFile]:
        said = name_says(path.name)
        if path.name.startswith(".") or said is NameSays.NO_PHOTO:
            self.left_alone[NOT_A_PHOTO] += 1
        elif not self._is_wanted(_composed(name)):
            self.left_alone["not included, or excluded"] += 1
        elif not self.keys.has_suffix(_composed(name)):
            self.left_alone[NO_SUFFIX] += 1
        elif said is NameSays.NOTHING and not _begins_like_photo(path):
            self.left_alone[NOT_A_PHOTO] += 1
        else:
            yield self._looked_at(path, name)

    def _is_wanted(self, name: str) -> bool:
        def matches(pattern: str) -> bool:
            return any(fnmatch(one, _composed(pattern)) for one in (name, name.rpartition("/")[2]))

        return (not self.include or any(map(matches, self.include))) and not any(map(matches, self.exclude))

    def _looked_at(self, path: Path, name: str) -> FoundFile:
        try:
            status = path.stat()
        except OSError as error:
            what = "It is a link to nothing" if path.is_symlink() else f"It cannot be read: {error.strerror}"
            return FoundFile(path, "", why=f"{what}.")
        if not stat.S_ISREG(status.st_mode):
            return FoundFile(path, "", why="It is no file.")
        if not status.st_size:
            return FoundFile(path, "", why="It is empty (0 bytes).")
        key = _composed(self.prefix + name)
        try:
            length = len(key.encode())
        except UnicodeEncodeError:  # the file system's bytes, which Python keeps as lone surrogates
            return FoundFile(path, "", why="Its name is not valid UTF-8: rename it.")
        if length > _MAX_KEY_BYTES:
            too_long = f"Its key would have {length:,} bytes, and S3 takes {_MAX_KEY_BYTES:,}: shorten its path."
            return FoundFile(path, "", why=too_long)
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
        return iter([FoundFile(folder, "", why=f"The folder cannot be read: {error.strerror}.")])


def _is_of_system(folder: str) -> bool:
    return folder.startswith(".") or folder.lower() in _SYSTEM_FOLDERS


def _is_link_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:  # a link in a circle, or into a folder that may not be looked into
        return False
