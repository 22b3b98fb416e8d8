"""Other programs that open photos, asked about one file: its size, and a small picture of it.

Files are hostile: each program runs in a process of its own with bounded time and memory, in a folder of its own,
and sees the file under a name of ours: both take parts of a name for options, formats and pages.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAX_S = 30.0
_MAX_MEMORY_KIB = 4 * 2**20
# Of the picture, in pixels: enough to see whether there is anything in it.
_SIDE = 256
_PICTURE = "picture.png"
# What ImageMagick may read, by its names: formats of pixels. Not: scripts, vectors, fonts, addresses, videos. And
# it may start no other program.
_CODERS = (
    "JPEG,JPG,PJPEG,PNG,GIF,GIF87,TIFF,TIFF64,TIF,PTIF,BMP,BMP2,BMP3,DIB,WEBP,HEIC,HEIF,AVIF,JP2,J2K,J2C,JPC,JPT,"
    "JXL,PSD,PSB,DNG,ARW,CR2,CR3,CRW,NEF,NRW,ORF,PEF,RAF,RW2,SRW,SR2,SRF,MRW,DCR,KDC,ERF,MEF,3FR,IIQ,RMF,X3F,"
    "PNM,PBM,PGM,PPM,PAM,TGA,PCX,DCX,ICO,CUR,ICON,SGI,SUN,RAS,DDS,EXR,HDR,INFO"
)
_POLICY = f"""<policymap>
<policy domain="resource" name="thread" value="1"/>
<policy domain="delegate" rights="none" pattern="*"/>
<policy domain="filter" rights="none" pattern="*"/>
<policy domain="path" rights="none" pattern="@*"/>
<policy domain="coder" rights="none" pattern="*"/>
<policy domain="coder" rights="read | write" pattern="{{{_CODERS}}}"/>
</policymap>
"""
_SIZE = re.compile(r"(\d+)x(\d+)")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a program made of a file: both its size in pixels and a small picture, or neither.

    `said`: why it does not open it, or what it complains of where it does.
    """

    size: tuple[int, int] | None = None
    picture: Image.Image | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that is installed: its commands for one file print a size, and write `picture.png`."""

    name: str
    commands: tuple[tuple[str, ...], ...]

    def opened(self, path: Path) -> Opened:
        """Open a file, which may be anything."""
        with tempfile.TemporaryDirectory(prefix="photo-labels-") as made:
            folder = Path(made)
            (folder / "policy.xml").write_text(_POLICY, encoding="utf-8")
            name = f"photo{_suffix(path)}"
            (folder / name).symlink_to(path.absolute())
            ran = [_run([word.replace("PHOTO", name) for word in command], folder) for command in self.commands]
            size = _SIZE.search(" ".join(printed for printed, _ in ran))
            said = next((complaint for _, complaint in ran if complaint), "")
            picture = _read(folder / _PICTURE)
        if not size or not picture:
            return Opened(said=said or "it writes no picture")
        return Opened((int(size[1]), int(size[2])), picture, said)


def installed() -> list[Tool]:
    """Return the programs of this machine; there may be none."""
    tools = []
    if shutil.which("vipsheader") and shutil.which("vipsthumbnail"):
        thumbnail = ("vipsthumbnail", "PHOTO", "--size", f"{_SIDE}", "-o", _PICTURE)
        tools.append(Tool("libvips", (("vipsheader", "PHOTO"), thumbnail)))
    # Since version 7 it has one command; before, several.
    if magick := next(filter(_is_imagemagick, ("magick", "convert")), None):
        convert = (magick, "PHOTO[0]", "-print", "%wx%h\n", "-thumbnail", f"{_SIDE}x{_SIDE}", _PICTURE)
        tools.append(Tool("ImageMagick", (convert,)))
    return tools


def _is_imagemagick(command: str) -> bool:
    """Tell whether a command is ImageMagick's: others have a `convert`, too."""
    if not shutil.which(command):
        return False
    said = subprocess.run([command, "-version"], capture_output=True, text=True, check=False, timeout=_MAX_S)
    return said.stdout.startswith("Version: ImageMagick")


def _run(command: Sequence[str], folder: Path) -> tuple[str, str]:
    """Return what it printed, and what it complained of in the first place."""
    # Where a system has no such limit (macOS), time alone is bounded.
    limited = ["sh", "-c", f'ulimit -v {_MAX_MEMORY_KIB} 2>&-; ulimit -c 0; exec "$@"', "sh", *command]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "MAGICK_CONFIGURE_PATH": str(folder),
        "VIPS_CONCURRENCY": "1",
    }
    try:
        done = subprocess.run(
            limited,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=_MAX_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "", f"it takes more than {_MAX_S:.0f} s"
    said = next(iter(done.stderr.decode(errors="replace").strip().splitlines()), "")
    if done.returncode < 0:
        said = f"it is ended by {signal.Signals(-done.returncode).name}"
    return done.stdout.decode(errors="replace"), said[:200]


def _suffix(path: Path) -> str:
    """Return the suffix, where it is a plain one: by their content alone some formats are not told apart."""
    suffix = path.suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,6}", suffix) else ""


def _read(picture: Path) -> Image.Image | None:
    try:
        with Image.open(picture) as image:
            return _on_white(image)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError):
        return None


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits, which convert() would cut off
        image = image.convert("I").point(lambda value: value / 257).convert("L")
    if image.mode == "RGB":
        return image.copy()
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
