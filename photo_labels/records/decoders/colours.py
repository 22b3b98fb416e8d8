"""Colours that Pillow has no plain way for."""

from __future__ import annotations

from PIL import Image


def from_lab(bands: list[Image.Image]) -> Image.Image:
    """Return RGB of CIE LAB's bands of 8 bits, whose a and b have an offset of 128."""
    from PIL import ImageCms  # noqa: PLC0415 - few photos need it, and each has a process of its own

    lab = Image.merge("LAB", bands)
    to_rgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    image = ImageCms.applyTransform(lab, to_rgb)
    assert image
    return image
