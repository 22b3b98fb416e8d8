"""The photo formats: the one table that function, decoder, import, backfill, audit and documentation go by.

A name is one of three: a photo's, that of something else, or one that says nothing, where the first bytes decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

# The reason of a rejection: a file that nothing is paid for, and no alarm rings for.
NOT_A_PHOTO = "NotAPhoto"
# That of a photo with a side below the 80 pixels that Rekognition needs.
TOO_SMALL = "TooSmall"
# The format of photos as a sensor sees them, whatever the camera calls it.
RAW = "RAW"
# So many bytes show what a file is.
SIGNATURE_BYTES = 64
# Of a file that is converted: Lambda's /tmp takes 512 MB.
MAX_FILE_BYTES = 200 * 10**6
# Of what every folder has and nobody can mend: counted apart, rings no alarm, and is listed only where asked for.
REASONS_WITHOUT_ALARM = frozenset({NOT_A_PHOTO, TOO_SMALL})


@dataclass(frozen=True, slots=True)
class PhotoFormat:
    """A format of photo files."""

    # Pillow's (but for RAW), and the one that the converting function logs.
    name: str
    suffixes: tuple[str, ...]
    # What its files begin with.
    signature: re.Pattern[bytes]
    # As it is; every other format is converted to JPEG first.
    is_read_by_rekognition: bool = False


def _starts_with(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


def _names_brand(*brands: bytes) -> re.Pattern[bytes]:
    """Return what a file begins with that names one of these brands, in words of four bytes (ISO 14496-12).

    A video begins in the same way, with other brands.
    """
    return _starts_with(rb".{4}ftyp(?:.{4})*?(?:" + b"|".join(brands) + rb")")


# Not those that nobody photographs in: Pillow starts other programs for some of them (EPS).
PHOTO_FORMATS = (
    # With those of cameras that put several pictures into one file, and as browsers and chats name what they save.
    PhotoFormat(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".insp", ".jpg_large"),
        _starts_with(rb"\xff\xd8"),  # some have anything between segments
        is_read_by_rekognition=True,
    ),
    PhotoFormat("PNG", (".png", ".apng"), _starts_with(rb"\x89PNG\r\n\x1a\n"), is_read_by_rekognition=True),
    # Before HEIF, whose brands it names, too.
    PhotoFormat("AVIF", (".avif", ".avifs"), _names_brand(rb"avi[fs]")),
    # Canon and Sony name it .hif.
    PhotoFormat(
        "HEIF",
        (".heic", ".heif", ".hif", ".heics", ".heifs"),
        _names_brand(rb"he[iv][cxms]", rb"mif[12]", rb"msf1"),
    ),
    PhotoFormat("WEBP", (".webp",), _starts_with(rb"RIFF.{4}WEBP")),
    # "+" is BigTIFF; two have the bytes the wrong way round, and Pillow takes them.
    PhotoFormat("TIFF", (".tif", ".tiff"), _starts_with(rb"II[*+]\0|II\0[*]|MM\0[*+]|MM[*]\0")),
    PhotoFormat("GIF", (".gif",), _starts_with(rb"GIF8")),
    PhotoFormat("BMP", (".bmp", ".dib"), _starts_with(rb"BM")),
    PhotoFormat(
        "JPEG2000",
        (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
        _starts_with(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    ),
    PhotoFormat("PSD", (".psd", ".psb"), _starts_with(rb"8BPS")),
    # Of cameras. Most begin like a TIFF, and are that by their content; what is shown is the JPEG inside.
    PhotoFormat(
        RAW,
        (".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw"),
        _starts_with(rb"FUJIFILMCCD-RAW|II(?:RO|RS|U\0)|MMOR|.{4}ftypcrx "),
    ),
)

_BY_SUFFIX = {suffix: one for one in PHOTO_FORMATS for suffix in one.suffixes}

# What cameras, phones and computers put beside photos. Not what anything may have (.dat, .tmp), or may be the end
# of a photo's name without a suffix (`Mr.C`): a look at the first bytes costs next to nothing.
_NON_PHOTOS = {
    "a video": (
        ".mov .mp4 .m4v .mp .avi .mkv .webm .wmv .asf .flv .f4v .mpg .mpeg .mpe .m2v .m2t .m2ts .mts .ts .tod "
        ".mod .vob .3gp .3g2 .ogv .mxf .dv .lrv .insv .braw .r3d"
    ),
    "a sound": ".mp3 .m4a .wav .aac .flac .ogg .oga .opus .wma .amr .aif .aiff .caf .mid .midi",
    "a picture in a format that is not read here": (
        ".xcf .kra .svg .svgz .ai .eps .cdr .indd .jxl .jxr .wdp .hdr .exr .dds .tga .pcx .ico .icns .cur "
        ".crw .mrw .x3f .ari"
    ),
    "a file of metadata": (
        ".json .xmp .aae .thm .ctg .pp3 .dop .cos .on1 .vrd .nksc .exif .gpx .kml .kmz .nmea .pto .srt"
    ),
    "a document": (
        ".pdf .txt .md .rtf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .odp .pages .numbers .csv .tsv "
        ".xml .html .htm .css .epub .mobi .eml .msg .ics .vcf .log .yaml .yml .toml .ini .cfg .conf .plist "
        ".url .webloc .lnk .ttf .otf .woff .woff2"
    ),
    "an archive": (
        ".zip .rar .7z .tar .gz .tgz .bz2 .xz .zst .lz4 .iso .dmg .cab .pkg .deb .rpm .md5 .sha1 .sha256 "
        ".par2 .torrent"
    ),
    "a catalogue or database": (
        ".lrcat .lrdata .lrcat-data .cocatalog .db .db3 .sqlite .sqlite3 .sqlite-wal .sqlite-shm .mdb .accdb "
        ".parquet .avro .orc .npy .npz .pickle .bdm .bdmv .cpi .mpl .ifo .bup"
    ),
    "a program": ".exe .dll .msi .apk .ipa .jar .py .pyc .js .sh .bat .ps1",
}
NON_PHOTO_SUFFIXES = {suffix: kind for kind, suffixes in _NON_PHOTOS.items() for suffix in suffixes.split()}
# Names that are all suffix, of macOS and Android.
NON_PHOTO_NAMES = frozenset({".ds_store", ".localized", ".apdisk", ".nomedia"})
# What `ending` calls a folder.
FOLDER = "…/"
# In characters; what is longer after a point is text (`Dr. Strangelove at the lake`).
_LONGEST_SUFFIX = 16


class NameSays(Enum):
    """What a name says of a file."""

    PHOTO = "a photo"
    NO_PHOTO = "no photo"
    NOTHING = "its first bytes decide"


def name_says(key: str) -> NameSays:
    """Return what the name of an object or a file says."""
    if format_by_name(key):
        return NameSays.PHOTO
    return NameSays.NO_PHOTO if kind_of_no_photo(key) else NameSays.NOTHING


def format_by_name(key: str) -> PhotoFormat | None:
    """Return the format that the name is of; None: of none.

    macOS puts `._a.jpg` beside `a.jpg` where a disk has no place for its metadata: that name says nothing.
    """
    return None if _name(key).startswith("._") else _BY_SUFFIX.get(_suffix(key))


def format_by_content(beginning: bytes) -> PhotoFormat | None:
    """Return the format of a file that begins with these SIGNATURE_BYTES; None: it is no photo."""
    return next((one for one in PHOTO_FORMATS if one.signature.match(beginning)), None)


def why_no_photo(key: str) -> str:
    """Return the sentence for a person, of a name that is NO_PHOTO."""
    return (
        f"By its name it is {kind_of_no_photo(key)}, and no photo that can be labelled. "
        "A photo needs the suffix of one, .jpg for example."
    )


def kind_of_no_photo(key: str) -> str | None:
    """Return what the file is by its name, where that is no photo: "a video"."""
    # The console of S3 makes folders: empty objects whose names end in a slash.
    if key.endswith("/"):
        return "a folder"
    if _name(key) in NON_PHOTO_NAMES:
        return "a file of an operating system"
    return NON_PHOTO_SUFFIXES.get(_suffix(key))


def ending(key: str) -> str:
    """Return what files are counted by: the suffix in small letters; "": none, or nothing that anybody calls so.

    A folder of S3's console is FOLDER, and a name that is all suffix is itself.
    """
    if key.endswith("/"):
        return FOLDER
    if (name := _name(key)) in NON_PHOTO_NAMES:
        return name
    suffix = _suffix(key)
    is_one = len(suffix) <= _LONGEST_SUFFIX and suffix.isprintable() and " " not in suffix
    return suffix if is_one else ""


def _suffix(key: str) -> str:
    """Return the suffix in small letters; "": it has none, as `.jpg`, which is a hidden file."""
    stem, dot, suffix = _name(key).rpartition(".")
    return dot + suffix if stem.strip(".") else ""


def _name(key: str) -> str:
    return key.rpartition("/")[2].lower()
