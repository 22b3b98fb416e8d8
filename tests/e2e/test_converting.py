"""Photos as phones make them: whatever the format, they get the labels of their JPEGs."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pillow_heif
import pytest
from PIL import Image

from tests.waiting import eventually

if TYPE_CHECKING:
    from tests.e2e.conftest import Pipeline

pillow_heif.register_heif_opener()

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.jpg"))
# Per cent from MinConfidence: a label nearer to it may be there in one format and not in another.
_SURELY = 5.0


def written(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def labels(document: dict[str, object]) -> dict[str, float]:
    found: list[dict[str, object]] = document["Labels"]  # type: ignore[assignment]
    return {str(one["Name"]): float(str(one["Confidence"])) for one in found}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_given_a_sample_in_other_formats_when_uploaded_then_it_gets_the_labels_of_its_jpeg(
    pipeline: Pipeline, sample: Path
) -> None:
    image = Image.open(sample).convert("RGB")
    bodies = {
        f"{sample.stem}.jpg": sample.read_bytes(),
        f"{sample.stem}.heic": written(image, "HEIF", quality=95),
        f"{sample.stem}.webp": written(image, "WEBP", lossless=True),
    }
    etags = {key: pipeline.upload(f"converted/{key}", body) for key, body in bodies.items()}
    first, *others = [pipeline.settled(f"converted/{key}", etag) for key, etag in etags.items()]
    assert "Orientation" not in first
    for document in others:
        assert (document["Status"], document["Orientation"]) == ("LABELLED", 1)
        theirs, its = labels(first), labels(document)
        for name in theirs.keys() ^ its.keys():
            assert theirs.get(name, 0) + its.get(name, 0) < 80 + _SURELY, name


def test_given_a_photo_that_is_too_much_for_rekognition_when_uploaded_then_it_is_labelled(
    pipeline: Pipeline,
) -> None:
    cat = Image.open(SAMPLES[1]).convert("RGB")
    bodies = {
        "wide.jpg": written(cat.resize((10_001, 6_650)), "JPEG"),
        "large.png": written(cat.resize((3_000, 2_000)), "PNG", compress_level=0),
    }
    assert len(bodies["large.png"]) > 15 * 2**20
    for key, body in bodies.items():
        document = pipeline.settled(key, pipeline.upload(key, body, exactly=True))
        assert "Cat" in labels(document), key
        assert document["Size"] == len(body)
    # What an environment prints is sent off once a second.
    [line] = eventually(
        lambda: [line for line in pipeline.log_lines("forwarded to the converter") if '"wide.jpg"' in line]
    )
    assert "ImageTooLargeException" in line


@pytest.mark.parametrize("kind", ["WEBP", "HEIF", "GIF"])
def test_given_a_small_photo_of_another_format_when_uploaded_then_it_is_rejected_as_too_small(
    pipeline: Pipeline, kind: str
) -> None:
    key = f"small.{kind.lower()}"
    body = written(Image.open(SAMPLES[0]).convert("RGB").resize((64, 48)), kind)
    document = pipeline.settled(key, pipeline.upload(key, body))
    assert (document["Status"], document["Reason"]) == ("REJECTED", "TooSmall")
    assert document["Detail"] == "The photo has 64 x 48 pixels; Rekognition needs 80 on each side."
    assert pipeline.recogniser("calls")["objects"].get(f"{pipeline.bucket}/{key}", 0) == 0


def test_given_what_is_no_photo_when_uploaded_then_it_is_rejected_and_says_why(pipeline: Pipeline) -> None:
    bodies = {
        "noise.heic": os.urandom(10_000),
        "half.webp": written(Image.open(SAMPLES[1]), "WEBP")[:5_000],
        "bomb.png": written(Image.new("1", (30_000, 30_000)), "PNG"),
    }
    documents = {key: pipeline.settled(key, pipeline.upload(key, body)) for key, body in bodies.items()}
    assert {key: document["Reason"] for key, document in documents.items()} == {
        "noise.heic": "UnknownFormat",
        "half.webp": "BrokenPhoto",
        "bomb.png": "PhotoTooLarge",
    }
    for document in documents.values():
        assert document["Status"] == "REJECTED"
        assert document["Detail"].endswith((".", "!"))
