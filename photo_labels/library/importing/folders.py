"""Folders that an import does not look into unless they are named: thumbnails, caches, and what was deleted."""

from __future__ import annotations

import re

# By what they hold: patterns of the last names of a path, in small letters; `*` is any text within one name. Of a
# library of Apple's, which is a folder, the originals and the edited photos are imported.
FOLDERS = {
    # Synology, QNAP, photo galleries, cameras of Sony (of videos), iTunes.
    "thumbnails": ("@eadir", "@__thumb", "thumbnails", "thumbs", "thmbnl", "ipod photo cache"),
    "data of Lightroom": ("*.lrdata", "*.lrcat-data"),
    "previews of Capture One": ("captureone/cache", "*.cocatalog/cache"),
    "previews of Apple Photos": (
        "*.photoslibrary/resources/derivatives",
        "*.photoslibrary/scopes/*/resources/derivatives",
        "*.photoslibrary/resources/proxies",
        "*.photoslibrary/resources/caches",
        "*.photoslibrary/previews",
        "*.photolibrary/previews",
        "*.migratedphotolibrary/previews",
        "*.aplibrary/previews",
    ),
    "data of apps": ("android/data", "android/obb"),
    "deleted files": ("#recycle", "@recycle", "$recycle.bin", "recycler", "recently deleted"),
    "snapshots": ("#snapshot", "@recently-snapshot"),
    "a system's own": ("__macosx", "lost+found", "system volume information"),
    "hidden": (".*",),
}


def _compiled(patterns: tuple[str, ...]) -> re.Pattern[str]:
    any_of = "|".join(re.escape(one).replace(r"\*", "[^/]*") for one in patterns)
    return re.compile(rf"(?:\A|/)(?:{any_of})\Z")


_PATTERNS = [(why, _compiled(patterns)) for why, patterns in FOLDERS.items()]


def why_skipped(path: str) -> str | None:
    """Return what a folder holds that no import is meant for; None: it is looked into."""
    lower = path.lower()
    return next((why for why, pattern in _PATTERNS if pattern.search(lower)), None)
