"""The photos that a load test sends: real ones of many sizes, or of one size, or a folder's."""

from __future__ import annotations

import hashlib
import io
import random
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from photo_labels.library.user_errors import UserError

_SAMPLES = Path(__file__).resolve().parent.parent / "samples"
# How many times as wide and high as the sample, and in how many parts of ten: thumbnails to 12 megapixels.
_SCALES = {0.5: 2, 1.0: 5, 2.5: 2, 5.0: 1}
_UNITS = {"": 1, "B": 1, "KB": 1_000, "MB": 1_000_000}
# Rekognition's limit for a photo in S3.
_MAX_BYTES = 15_000_000
# Of a folder: they are kept in memory.
_MAX_FILES = 200
_SUFFIXES = {".jpg", ".jpeg", ".png"}
# After a photo's end, where it means nothing: an empty box of HEIF, which readers of JPEG, PNG and WebP ignore.
_TAIL, _HASH_BYTES = b"\0\0\0\x10free", 8
TAIL_BYTES = len(_TAIL) + _HASH_BYTES


@dataclass(frozen=True, slots=True)
class PhotoMix:
    """Bodies to choose from, and what they are in words."""

    bodies: list[bytes]
    weights: list[int]
    description: str

    def choose(self, number: int, seed: int) -> list[int]:
        """Which of the bodies each photo is; the same for the same seed."""
        return random.Random(seed).choices(range(len(self.bodies)), self.weights, k=number)


def distinct(photo: bytes, name: str) -> bytes:
    """Return the photo with an end that no other name has: photos of equal bytes are labelled only once."""
    return photo + _TAIL + hashlib.blake2b(name.encode(), digest_size=_HASH_BYTES).digest()


def copies(number: int, share: float, seed: int) -> dict[int, int]:
    """Return which of the photos, in the order of sending, are to be copies, each with the one it is a copy of.

    That one comes earlier and is none itself. The same for the same seed.
    """
    chance = random.Random(f"copies {seed}")
    chosen = set(chance.sample(range(1, number), min(number - 1, round(number * share))))
    originals: list[int] = []
    found = {}
    for photo in range(number):
        if photo in chosen:
            found[photo] = chance.choice(originals)
        else:
            originals.append(photo)
    return found


def many_sizes() -> PhotoMix:
    """The samples, each scaled to several sizes."""
    bodies, weights = [], []
    for path in sorted(_SAMPLES.glob("*.jpg")):
        with Image.open(path) as sample:
            for scale, weight in _SCALES.items():
                scaled = sample.resize((round(sample.width * scale), round(sample.height * scale)))
                bodies.append(path.read_bytes() if scale == 1 else _jpeg(scaled))
                weights.append(weight)
    smallest, largest = min(map(len, bodies)), max(map(len, bodies))
    return PhotoMix(bodies, weights, f"real photos of {_kb(smallest)} to {_kb(largest)}")


def one_size(text: str) -> PhotoMix:
    """A small real photo, with nothing that means anything after its end. Raises UserError.

    `text`: bytes, or with a unit: "2KB", "3.5MB"; the photo has that size once it is a `distinct` one.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KM]?B?)", text.strip().upper())
    unit = _UNITS.get(found[2]) if found else None
    if not found or unit is None:
        raise UserError(f"{text!r} is no number of bytes, like 200KB or 3MB.")
    size = round(float(found[1]) * unit)
    with Image.open(_SAMPLES / "coffee.jpg") as sample:
        photo = _jpeg(sample.resize((120, 80)), quality=30)
    smallest = len(photo) + TAIL_BYTES
    if not smallest <= size <= _MAX_BYTES:
        raise UserError(f"a photo has from {smallest} bytes to 15 MB.")
    return PhotoMix([photo + bytes(size - smallest)], [1], f"a photo of {_kb(size)}")


def of_folder(folder: Path) -> PhotoMix:
    """The photos of a folder, each as likely. Raises UserError."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES and path.is_file())
    if not paths:
        raise UserError(f"There is no JPEG or PNG in {folder}: name a folder of photos with PHOTOS=….")
    chosen = paths[:: -(-len(paths) // _MAX_FILES)]
    try:
        bodies = [path.read_bytes() for path in chosen]
    except OSError as error:
        raise UserError(f"A photo cannot be read ({error}): repair it, or name another folder.") from error
    return PhotoMix(bodies, [1] * len(bodies), f"{len(bodies)} of the {len(paths)} photos of {folder}")


def _jpeg(image: Image.Image, quality: int = 85) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def _kb(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"
