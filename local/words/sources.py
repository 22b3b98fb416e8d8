"""Where the words come from: Debian packages, pinned by the sha256 of what is read of them. None is installed."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGES = ("wordnet-base", "unicode-cldr-core")  # WordNet 3.0, CLDR 41
_SHARE = "usr/share"
_WORDNET = ("data.noun", "index.noun", "noun.exc", "cntlist.rev")
# Their names of emoji are read; English ones say what an emoji means.
LANGUAGES = ("da", "de", "es", "fi", "fr", "it", "nl", "no", "pl", "pt", "sv", "tr")

_SHA256 = {
    "data.noun": "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2",
    "index.noun": "a490d99d93d017bf4822fe2f0ffa51fd73911ce271dc7535fade21f8814b5a04",
    "noun.exc": "2b5d675c380b39ecf595af9fa9d4e7feb1d58c643b0bff08c40ed5bfe41fab7a",
    "cntlist.rev": "a198580b8f705fa02797bba8b13e5cbe4a9f9f40cb1697e774c7fc6a5865b035",
    "en.xml": "170a989b9aff71fd06b9f7bbd70aa3b4a3d228e15fa734692d4fc80206e536e1",
    "da.xml": "efa5a94f03f06b9577c6acd78d56d5b59242b55471fbec45dac544b9da22cc82",
    "de.xml": "78419101e21067a1e82bd9b692a7a6b64d16ad30190e13cf41924b678783a561",
    "es.xml": "aa9a18fe24beb27c233c19dec7ca7a06ac01e1b591e61129c5d48947aa36e887",
    "fi.xml": "179ee9b1d4a67a91ece15596d0d9da30a324cc336e7a4921b9c062a3442fb14d",
    "fr.xml": "75bee7a6d888550a902ad26a6f022fc248d72d524a75eed681edb61a8fd507fe",
    "it.xml": "c0ab0259e2d1e46b4908c1552e018ee30d5c0038a4a5d85aa50de9585596430a",
    "nl.xml": "8fea182c42cdb48baec7b8306d39adbb96aeff2e50a3052943a7d9d0b9347452",
    "no.xml": "18cf48ed7557a78d578dd30e6886a15307804e8cbca8774ca5a3c88e4c7d0780",
    "pl.xml": "15c1e532db8545548e35566674fca7224679f1eda438416dc53e826acb72ad15",
    "pt.xml": "354dd496efab828c816ec39c0ffdb6774ca49f8e778b97136ac0be3d3b35fa54",
    "sv.xml": "8408e90d7ba1c9cb8f0249ec1d18a42bb88314ea88a41f6caa8b630ef6a7003e",
    "tr.xml": "b51e12fcf09c287e405e173d7d7dd1cea1c584c11d32f60de76cd06bb4185d0b",
}


def fetch(folder: Path) -> tuple[Path, Path]:
    """Return the folders of WordNet's files and of CLDR's annotations. Raises ValueError where a file differs."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in _PACKAGES:
        if not list(folder.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", package], cwd=folder, check=True)
        subprocess.run(["dpkg-deb", "-x", next(folder.glob(f"{package}_*.deb")), folder], check=True)
    wordnet = folder / _SHARE / "wordnet"
    annotations = folder / _SHARE / "unicode" / "cldr" / "common" / "annotations"
    read = [wordnet / name for name in _WORDNET] + [annotations / f"{one}.xml" for one in ("en", *LANGUAGES)]
    for path in read:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != _SHA256[path.name]:
            raise ValueError(f"{path.name} is not what this build was made for: sha256 {found}")
    return wordnet, annotations
