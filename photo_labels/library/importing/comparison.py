"""Whether an object has the content of a file: by what S3 tells about it, without a download.

What was uploaded in parts (`aws s3 sync`, boto3's upload_file) has an ETag of its parts: the hash of the parts'
hashes, and `-` with their number. It is computed here with the size of the first part.
"""

from __future__ import annotations

import base64
import hashlib
import math
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

_CHUNK_BYTES = 2**20
_MD5_HEX_DIGITS = 32
# Of the AWS command line and boto3, and of other tools.
_USUAL_PART_BYTES = tuple(megabytes * 2**20 for megabytes in (8, 5, 10, 15, 16, 32, 64))


class Comparison(Enum):
    """What S3 tells about an object's content."""

    SAME = "it is the same"
    OTHER = "it is another"
    UNKNOWN = "S3 does not tell"


def compare(there: Any, body: BinaryIO, sha256: bytes, size_of_first_part: Callable[[], int]) -> Comparison:
    """Compare an object, by HeadObject's answer with ChecksumMode, with a file and its SHA-256.

    `size_of_first_part` is called where the object was uploaded in parts, and gives it in bytes.
    """
    size = body.seek(0, 2)
    if there["ContentLength"] != size:
        return Comparison.OTHER
    tag, parts = _split(there["ETag"].strip('"'))
    checksum = there.get("ChecksumSHA256")
    if checksum == base64.b64encode(sha256).decode():
        return Comparison.SAME
    if checksum and not parts:
        return Comparison.OTHER
    if parts:
        return _compared_by_parts(tag, parts, body, size, size_of_first_part())
    if len(tag) == _MD5_HEX_DIGITS and tag == _of_parts(body, max(size, 1), "md5")[0].hex():
        return Comparison.SAME
    # Where S3 encrypts with a key of KMS or of the customer's, an ETag is anything.
    is_md5 = there.get("ServerSideEncryption") in {None, "AES256"} and "SSECustomerAlgorithm" not in there
    return Comparison.OTHER if is_md5 else Comparison.UNKNOWN


def _compared_by_parts(tag: str, parts: int, body: BinaryIO, size: int, told_bytes: int) -> Comparison:
    # Some that speak S3's language do not tell of parts.
    for part_bytes in dict.fromkeys((told_bytes, *_USUAL_PART_BYTES)):
        if part_bytes > 0 and math.ceil(size / part_bytes) == parts:
            digests = b"".join(_of_parts(body, part_bytes, "md5"))
            if tag == hashlib.md5(digests, usedforsecurity=False).hexdigest():
                return Comparison.SAME
    # Where parts are of different sizes, or S3 encrypts with a key of KMS, the same content has another ETag.
    return Comparison.UNKNOWN


def _split(tag: str) -> tuple[str, int]:
    """Take the number of parts from an ETag; 0: it is that of the whole."""
    digest, _, parts = tag.partition("-")
    return digest, int(parts) if parts.isdecimal() else 0


def _of_parts(body: BinaryIO, part_bytes: int, algorithm: str) -> list[bytes]:
    body.seek(0)
    digests: list[bytes] = []
    while True:
        digest, left = hashlib.new(algorithm, usedforsecurity=False), part_bytes
        while left and (chunk := body.read(min(_CHUNK_BYTES, left))):
            digest.update(chunk)
            left -= len(chunk)
        if left == part_bytes and digests:
            return digests
        digests.append(digest.digest())
        if left:
            return digests
