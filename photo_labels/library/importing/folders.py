"""Folders that an import does not look into unless they are named: thumbnails, caches, and what was deleted."""

from __future__ import annotations

from pathlib import PurePosixPath

# By what they hold: patterns of the last names of a path, in small letters, as of PurePath.match. Of a library of
# Apple's, which is a folder, the originals and the edited photos are imported.
FOLDERS = {
    # Synology, QNAP, photo galleries, cameras of Sony (of videos), iTunes.
    "thumbnails": ("@eadir", "@__thumb", "thumbnails", "thumbs", "thmbnl", "ipod photo cache"),
    "previews of Lightroom": ("*.lrdata", "*.lrcat-data"),
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


def why_skipped(path: str) -> str | None:
    """Return what a folder holds that no import is meant for; None: it is looked into."""
    lower = PurePosixPath(path.lower())
    return next((why for why, patterns in FOLDERS.items() if any(map(lower.match, patterns))), None)
