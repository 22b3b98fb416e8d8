"""What decoders raise for files that they do not read, as sentences for a person."""

from __future__ import annotations

import re
import struct
import zlib

from photo_labels.records.decoders.limits import UndecodableError

# Of Pillow and libheif, for broken files.
DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
)
# Those that say what is wrong with the file, and not where in its code a decoder gave up.
_TELLING = (OSError, SyntaxError, ValueError, RuntimeError)
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|not been built in|not implemented|cannot handle|can't handle|not available"
    r"|unknown (?:pixel mode|compression|data organization)|no JPEG2000|decoder \S+ not",
    re.IGNORECASE,
)


def refusal(error: Exception, name: str) -> UndecodableError:
    """Return what an error means for a photo in a format, by its name."""
    said = f"{error!s:.200}".rstrip(". ") if isinstance(error, _TELLING) else ""
    if _UNSUPPORTED.search(said):
        return UndecodableError(
            "UnsupportedPhoto",
            f"This kind of {name} is not read here ({said}): save it as a JPEG, or a usual {name}.",
        )
    why = f" ({said})" if said else ""
    return UndecodableError("BrokenPhoto", f"The file begins like a {name}, and cannot be read as one{why}.")
