"""Make `detector.onnx`, `classifier.onnx`, `labels.json` and `scenes.json` again, byte for byte.

For maintainers; users get the results with the repository. Needs npm, apt-get and dpkg-deb, and the packages of
`requirements/models.txt` in a throw-away virtual environment:

    python3 -m venv /tmp/models && /tmp/models/bin/pip install --require-hashes -r requirements/models.txt
    /tmp/models/bin/python -m local.models.build
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image

from local.models.build import classifier, detector, labels, quantise, scenes, sources
from local.models.vision import Vision

MODELS = Path(__file__).resolve().parent.parent
SAMPLES = MODELS.parents[1] / "samples"
# Per cent; Rekognition's default MinConfidence.
SURE = 55.0
TOLERANCE = 5.0


def main() -> int:
    """Fetch, convert, quantise, check; the exit code is 1 where int8 changes what is seen on a sample photo."""
    parser = argparse.ArgumentParser(prog="python -m local.models.build", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "photo-labels-sources")
    cache: Path = parser.parse_args().cache
    fetched = sources.fetch(cache)

    exact = cache / "float32"
    exact.mkdir(exist_ok=True)
    (exact / "detector.onnx").write_bytes(detector.convert(fetched.detector))
    (exact / "classifier.onnx").write_bytes(classifier.convert(fetched.classifier))
    for name in ("detector.onnx", "classifier.onnx"):
        (MODELS / name).write_bytes(quantise.to_int8((exact / name).read_bytes()))
    labels.write(fetched.class_names, fetched.class_synsets, fetched.wordnet, MODELS / "labels.json")
    scenes.write(MODELS, cache / "photos")
    for name in ("labels.json", "scenes.json"):
        shutil.copy(MODELS / name, exact)

    for name in ("detector.onnx", "classifier.onnx", "labels.json", "scenes.json"):
        path = MODELS / name
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.stat().st_size:>9,}  {path.name}")
    return 0 if _sees_the_same(Vision(exact), Vision(MODELS)) else 1


def _sees_the_same(exact: Vision, small: Vision) -> bool:
    """Compare the labels of both on every sample photo: same first label, all sure ones within TOLERANCE."""
    same = True
    for path in sorted(SAMPLES.glob("*.jpg")):
        before, after = _labels(exact, path), _labels(small, path)
        sure = {name for labels in (before, after) for name, confidence in labels.items() if confidence >= SURE}
        off = max((abs(before.get(name, 0) - after.get(name, 0)) for name in sure), default=0.0)
        is_same = next(iter(before)) == next(iter(after)) and off <= TOLERANCE
        same = same and is_same
        print(f"{path.name}: {'same' if is_same else 'CHANGED'}, at most {off:.1f} apart")
        print(
            "  "
            + ", ".join(f"{name} {before.get(name, 0):.1f} → {after.get(name, 0):.1f}" for name in sorted(sure))
        )
    return same


def _labels(vision: Vision, path: Path) -> dict[str, float]:
    with Image.open(path) as image:
        return {label["Name"]: label["Confidence"] for label in vision.detect_labels(image.convert("RGB"))}


if __name__ == "__main__":
    sys.exit(main())
