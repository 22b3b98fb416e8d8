"""Looking at photos: links to them, and a photo with its boxes drawn."""

from __future__ import annotations

import io
import tempfile
import webbrowser
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from botocore.config import Config
from botocore.exceptions import ClientError

from photo_labels.library.user_errors import UserError
from photo_labels.records.formats import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from botocore.response import StreamingBody
    from PIL import Image

    from photo_labels.library.target import Target
    from photo_labels.records.documents import Document

_LINK_S = 3600
_PIECE_BYTES = 2**20
_COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080")
# A line's part of the longer side.
_LINE_SHARE = 250


class GonePhotoError(UserError):
    """The photo is not in the bucket any more."""


class TooLargePhotoError(UserError):
    """The photo is larger than what is decoded."""


# Of S3; `NoSuchKey` only for who may list the bucket.
_GONE = ("NoSuchKey", "NoSuchVersion")


def launch(where: str | Path) -> None:
    """Open a link, or a file, in the user's browser, or say that there is none; Ctrl-C here does not end that."""
    link = where.as_uri() if isinstance(where, Path) else where
    if not webbrowser.open(link):
        click.echo(f"No browser can be started here. Open this in one: {link}", err=True)


def links(target: Target, documents: Iterable[Document]) -> list[str]:
    """Return links to photos, for an hour, with the user's permissions; the bucket stays closed to others."""
    # The older signature does not open what is encrypted with a key of KMS.
    s3 = target.client("s3", config=Config(signature_version="s3v4"))
    return [
        s3.generate_presigned_url("get_object", {"Bucket": one.bucket, "Key": one.key}, ExpiresIn=_LINK_S)
        for one in documents
    ]


@contextmanager
def requested_photo(s3: Any, document: Document) -> Iterator[tuple[int, StreamingBody]]:
    """Ask for a photo, the version that was labelled: gives its size in bytes, and what `downloaded` reads.

    Raises UserError where it cannot be read: GonePhotoError, TooLargePhotoError.
    """
    version = {"VersionId": document.version_id} if document.version_id else {}
    try:
        answer = s3.get_object(Bucket=document.bucket, Key=document.key, **version)
    except (ClientError, UnicodeEncodeError) as error:  # what is not UTF-8 is no key of S3's
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _GONE:
            raise GonePhotoError(f"{document.key} is not in the bucket any more.") from error
        raise UserError(f"{document.key} cannot be read from the bucket ({error}).") from error
    with closing(answer["Body"]) as body:
        size = answer["ContentLength"]
        if size > MAX_FILE_BYTES:
            raise TooLargePhotoError(f"{document.key} has {size / 1e6:,.0f} MB, which is too much to show.")
        yield size, body


def downloaded(body: StreamingBody, size: int, check: Callable[[], None] = lambda: None) -> bytearray:
    """Read a photo, which then is in memory once. Raises BotoCoreError where it does not come whole.

    `check` is called before and meanwhile, and may raise.
    """
    check()
    photo = bytearray(size)
    rest: Any = memoryview(photo)
    while rest and (got := body.readinto(rest[:_PIECE_BYTES])):
        rest = rest[got:]
        check()
    body.read()  # nothing any more, which is when length and checksum are looked at
    return photo


def drawn_photo(target: Target, document: Document) -> Path:
    """Download a photo and draw its boxes; gives a temporary file. Raises UserError."""
    # Decoders take 100 ms to import, which would slow down `photos --help`.
    from PIL import Image  # noqa: PLC0415

    from photo_labels.library.decoding import Decoder  # noqa: PLC0415
    from photo_labels.records.decoders.limits import UndecodableError  # noqa: PLC0415

    try:
        with requested_photo(target.client("s3"), document) as (size, body), Decoder() as decoder:
            jpeg = decoder.jpeg(downloaded(body, size))
        image = Image.open(io.BytesIO(jpeg))
        _draw(image, document)
        with tempfile.NamedTemporaryFile(prefix="photo-labels-", suffix=".png", delete=False) as file:
            image.save(file)
    except UndecodableError as error:
        raise UserError(f"{document.key} cannot be shown: {error.detail}") from error
    except OSError as error:
        raise UserError(f"{document.key} cannot be drawn ({error.strerror or error}).") from error
    return Path(file.name)


def _draw(image: Image.Image, document: Document) -> None:
    from PIL import ImageDraw, ImageFont  # noqa: PLC0415 - as above

    pen = ImageDraw.Draw(image)
    line = max(2, max(image.size) // _LINE_SHARE)
    font = ImageFont.load_default(6 * line)
    for at, label in enumerate(document.labels):
        colour = _COLOURS[at % len(_COLOURS)]
        for instance in label["Instances"]:
            left, top, right, bottom = _corners(instance["BoundingBox"], image.size)
            inside = (left + line, top + line)
            text = f"{label['Name']} {instance['Confidence']:.0f}"
            pen.rectangle((left, top, right, bottom), outline=colour, width=line)
            pen.rectangle(pen.textbbox(inside, text, font=font), fill=colour)
            pen.text(inside, text, fill="white", font=font)


def _corners(box: dict[str, Any], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom in pixels; Rekognition's boxes may reach beyond the photo."""
    left, top, width, height = (float(box[side]) for side in ("Left", "Top", "Width", "Height"))
    inside = (min(1.0, max(0.0, edge)) for edge in (left, top, left + width, top + height))
    left, top, right, bottom = inside
    return left * size[0], top * size[1], right * size[0], bottom * size[1]
