"""Whether an object has a file's content: as every tool uploads it, encrypted or not, and as HeadObject answers."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest
from boto3.s3.transfer import TransferConfig

from photo_labels.library.importing.comparison import Comparison, compare
from tests.unit.deployed import BUCKET
from tests.unit.disk import Disk

if TYPE_CHECKING:
    from pathlib import Path

    from photo_labels.library.target import Target

MB = 2**20
PHOTO = b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(17 * MB // 32 + 5))
SHA256 = hashlib.sha256(PHOTO).digest()


def md5_of_parts(*sizes: int) -> str:
    """An ETag as S3 computes it for parts of these sizes."""
    body, digests = io.BytesIO(PHOTO), b""
    for size in sizes:
        digests += hashlib.md5(body.read(size)).digest()
    assert not body.read()
    return f"{hashlib.md5(digests).hexdigest()}-{len(sizes)}"


def verdict(first_part: int = 0, **answer: Any) -> Comparison:
    there = {"ContentLength": len(PHOTO), "ETag": '"x"'} | answer
    return compare(there, io.BytesIO(PHOTO), SHA256, lambda: first_part)


LAST = len(PHOTO) - 16 * MB
MD5 = hashlib.md5(PHOTO).hexdigest()
OTHER_MD5 = hashlib.md5(b"").hexdigest()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"ChecksumSHA256": base64.b64encode(SHA256).decode()}, Comparison.SAME),
        ({"ChecksumSHA256": base64.b64encode(b"0" * 32).decode(), "ETag": f'"{MD5}"'}, Comparison.OTHER),
        ({"ETag": f'"{MD5}"'}, Comparison.SAME),
        ({"ETag": f'"{MD5}"', "Metadata": {"photo-labels": "bulk"}}, Comparison.SAME),
        ({"ETag": f'"{OTHER_MD5}"', "Metadata": {"photo-labels": "bulk"}}, Comparison.OTHER),
        ({"ETag": f'"{OTHER_MD5}"'}, Comparison.OTHER),
        ({"ETag": f'"{MD5}"', "ContentLength": 5}, Comparison.OTHER),
        ({"ETag": f'"{OTHER_MD5}"', "ServerSideEncryption": "AES256"}, Comparison.OTHER),
        ({"ETag": f'"{OTHER_MD5}"', "ServerSideEncryption": "aws:kms"}, Comparison.UNKNOWN),
        ({"ETag": f'"{OTHER_MD5}"', "ServerSideEncryption": "aws:kms:dsse"}, Comparison.UNKNOWN),
        ({"ETag": f'"{OTHER_MD5}"', "SSECustomerAlgorithm": "AES256"}, Comparison.UNKNOWN),
        ({"first_part": 8 * MB, "ETag": f'"{md5_of_parts(8 * MB, 8 * MB, LAST)}"'}, Comparison.SAME),
        ({"first_part": 16 * MB, "ETag": f'"{md5_of_parts(16 * MB, LAST)}"'}, Comparison.SAME),
        ({"first_part": len(PHOTO), "ETag": f'"{md5_of_parts(len(PHOTO))}"'}, Comparison.SAME),
        # who speaks S3's language, and tells nothing of parts
        ({"first_part": len(PHOTO), "ETag": f'"{md5_of_parts(8 * MB, 8 * MB, LAST)}"'}, Comparison.SAME),
        ({"first_part": 0, "ETag": f'"{md5_of_parts(16 * MB, LAST)}"'}, Comparison.SAME),
        # parts of different sizes, of unusual ones that are not told, another photo of the same size
        ({"first_part": 9 * MB, "ETag": f'"{md5_of_parts(9 * MB, 7 * MB, LAST)}"'}, Comparison.UNKNOWN),
        ({"first_part": 0, "ETag": f'"{md5_of_parts(9 * MB, LAST + 7 * MB)}"'}, Comparison.UNKNOWN),
        ({"first_part": 16 * MB, "ETag": f'"{OTHER_MD5}-2"'}, Comparison.UNKNOWN),
        # a checksum of parts says nothing that their ETag does not
        (
            {"first_part": 16 * MB, "ChecksumSHA256": "AAAA=-2", "ETag": f'"{md5_of_parts(16 * MB, LAST)}"'},
            Comparison.SAME,
        ),
    ],
)
def test_given_what_s3_tells_when_compared_then_it_is_taken_for_no_more_than_it_says(
    answer: dict[str, Any], expected: Comparison
) -> None:
    assert verdict(**answer) is expected


@pytest.mark.parametrize("algorithm", [None, "SHA256", "CRC32", "SHA1"])
@pytest.mark.parametrize("part_mb", [5, 8, 32])
def test_given_a_photo_that_another_tool_has_uploaded_when_imported_then_it_is_known(
    target: Target, tmp_path: Path, part_mb: int, algorithm: str | None
) -> None:
    disk = Disk(target, tmp_path)
    disk.write("large.jpg", body=PHOTO)
    more: Any = {"ExtraArgs": {"ChecksumAlgorithm": algorithm}} if algorithm else {}
    size = part_mb * MB
    disk.target.client("s3").upload_fileobj(
        io.BytesIO(PHOTO),
        BUCKET,
        "large.jpg",
        Config=TransferConfig(multipart_threshold=size, multipart_chunksize=size),
        **more,
    )
    ended = disk.run(is_waiting=False)
    assert ended.ends() == {"large.jpg": "uploaded"}
    assert ended.counts.there_before == 1
    assert not disk.puts


def test_given_a_multipart_photo_of_the_same_size_when_imported_then_it_is_said_to_be_unknown(
    target: Target, tmp_path: Path
) -> None:
    disk = Disk(target, tmp_path)
    disk.write("large.jpg", body=PHOTO)
    disk.target.client("s3").upload_fileobj(
        io.BytesIO(PHOTO[:-1] + b"!"), BUCKET, "large.jpg", Config=TransferConfig(multipart_threshold=8 * MB)
    )
    ended = disk.run(is_waiting=False)
    assert ended.ends() == {"large.jpg": "impossible to upload"}
    assert "S3 does not tell whether it is this one" in ended.files["large.jpg"].why
