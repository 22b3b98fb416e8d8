"""What becomes of files in an import, and which ends another run may change."""

from __future__ import annotations

from enum import Enum


class End(Enum):
    """What became of a file."""

    LABELLED = "labelled"
    REJECTED = "rejected"
    # And not waited for.
    UPLOADED = "uploaded"
    REMOVED = "removed meanwhile"
    # It has not changed since its data was purged.
    PURGED = "purged"
    # These three in a dry run.
    TO_UPLOAD = "to upload"
    COPY = "with the content of another"
    IN_BUCKET = "in the bucket already"
    # Another run may upload it, as it is.
    NOT_UPLOADED = "not uploaded"
    # No run uploads it as it is: somebody has to do something about it, or about the command.
    IMPOSSIBLE = "impossible to upload"
    # 0 bytes, in a folder: there is nothing in it that could be lost.
    EMPTY = "empty"
    # By --include or --exclude, though it was named.
    LEFT_OUT = "left out"
    UNACCOUNTED = "unaccounted for"


# Running the same command again may help.
UNFINISHED = frozenset({End.NOT_UPLOADED, End.UNACCOUNTED})
# It does not.
CANNOT_BE_LABELLED = frozenset({End.REJECTED, End.REMOVED, End.PURGED, End.IMPOSSIBLE})
# Of what is still to be labelled, and of what is no failure.
PENDING = frozenset({End.UPLOADED, End.TO_UPLOAD, End.COPY, End.IN_BUCKET})
