"""Make `words.txt` again, byte for byte.

For maintainers; users get the result with `photos`. Needs apt-get and dpkg-deb:

    .venv/bin/python -m local.words
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

from local.words import sources
from local.words.emoji import Emoji, translations
from local.words.tree import Tree, written
from local.words.wordnet import WordNet

_ROOT = Path(__file__).resolve().parents[2]
TARGET = _ROOT / "photo_labels" / "library" / "searching" / "words" / "words.txt"
OWN = Path(__file__).with_name("own.txt")
_LABELS = _ROOT / "local" / "models" / "labels.json"


def main() -> None:
    """Fetch, check, choose, write."""
    parser = argparse.ArgumentParser(prog="python -m local.words", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "photo-labels-words")
    wordnet_folder, annotations = sources.fetch(parser.parse_args().cache)
    wordnet = WordNet(wordnet_folder)
    tree = Tree(wordnet, json.loads(_LABELS.read_text())["labels"])
    for line in OWN.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        noun, is_below, broader = line.partition(" < ")
        if is_below:
            tree.put_below(noun, broader)
            continue
        noun, _, words = line.partition(":")
        for word in words.split(","):
            tree.add_own(word.strip(), noun)
    english = Emoji(annotations / "en.xml")
    for language in sources.LANGUAGES:
        own = Emoji(annotations / f"{language}.xml")
        for word, meaning in sorted(set(translations(own, english, tree))):
            tree.add_foreign(word, meaning)
    TARGET.write_text(written(tree), encoding="utf-8")
    content = TARGET.read_bytes()
    print(f"{hashlib.sha256(content).hexdigest()}  {len(content):>9,}  {TARGET.name}")


if __name__ == "__main__":
    main()
