"""A sidecar's text: labels and regions as an XMP packet (ISO 16684-1), and the seal that tells ours from others.

The properties are those that digiKam and Lightroom read keywords from, and the Metadata Working Group's regions.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from photo_labels.library.sidecars.regions import Region

_HEAD = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="photo-labels">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
    xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"
    xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#">"""
_FOOT = """\
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
# What XML 1.0 has no characters for (section 2.2).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# What a name has in the place of the sign that separates names in a path.
_WIDE = {"|": "\N{FULLWIDTH VERTICAL LINE}", "/": "\N{FULLWIDTH SOLIDUS}"}
# After the packet: programs that change a sidecar leave it out, or leave what does not fit any more.
_SEAL = re.compile(rb"<!-- photo-labels ([0-9a-f]{64}) ([0-9a-f]{64}) -->\n\Z")


def packet(
    paths: Sequence[tuple[str, ...]], regions: Sequence[Region] = (), size: tuple[int, int] | None = None
) -> str:
    """Return the packet of a photo; `size`: width and height in pixels as stored; None: not known."""
    lines = [
        *_array("dc:subject", "Bag", [path[-1] for path in paths]),
        *_array("lr:hierarchicalSubject", "Bag", _joined(paths, "|")),
        *_array("digiKam:TagsList", "Seq", _joined(paths, "/")),
        *(_regions(regions, size) if regions else ()),
    ]
    return "\n".join((_HEAD, *lines, _FOOT))


def sealed(text: str, image_id: str) -> bytes:
    """Return what is in the file of a photo's packet."""
    content = text.encode()
    photo = photo_of(image_id)
    return content + f"<!-- photo-labels {photo} {_checksum(content, photo)} -->\n".encode()


def sealed_photo(content: bytes) -> str | None:
    """Return the `photo_of` whose sidecar it is; None: somebody else has made it, or changed it."""
    if not (seal := _SEAL.search(content)):
        return None
    photo, checksum = (one.decode() for one in seal.groups())
    return photo if _checksum(content[: seal.start()], photo) == checksum else None


def photo_of(image_id: str) -> str:
    """Return the name of a photo in a seal, which tells nobody in which bucket it is."""
    return hashlib.sha256(image_id.encode(errors="surrogatepass")).hexdigest()


def _checksum(content: bytes, photo: str) -> str:
    return hashlib.sha256(content + photo.encode()).hexdigest()


def _joined(paths: Sequence[tuple[str, ...]], separator: str) -> list[str]:
    return [separator.join(name.replace(separator, _WIDE[separator]) for name in path) for path in paths]


def _array(name: str, kind: str, values: Sequence[str]) -> Iterator[str]:
    if values:
        yield f"   <{name}>"
        yield f"    <rdf:{kind}>"
        yield from (f"     <rdf:li>{_text(value)}</rdf:li>" for value in values)
        yield f"    </rdf:{kind}>"
        yield f"   </{name}>"


def _regions(regions: Iterable[Region], size: tuple[int, int] | None) -> Iterator[str]:
    """Give the regions, without a Type: those that there are for it do not fit, and "Face" would be untrue."""
    yield '   <mwg-rs:Regions rdf:parseType="Resource">'
    if size:
        yield f'    <mwg-rs:AppliedToDimensions stDim:w="{size[0]}" stDim:h="{size[1]}" stDim:unit="pixel"/>'
    yield "    <mwg-rs:RegionList>"
    yield "     <rdf:Bag>"
    for one in regions:
        yield '      <rdf:li rdf:parseType="Resource">'
        yield f"       <mwg-rs:Name>{_text(one.name)}</mwg-rs:Name>"
        yield (
            f'       <mwg-rs:Area stArea:x="{one.x:.6f}" stArea:y="{one.y:.6f}" stArea:w="{one.width:.6f}" '
            f'stArea:h="{one.height:.6f}" stArea:unit="normalized"/>'
        )
        yield "      </rdf:li>"
    yield "     </rdf:Bag>"
    yield "    </mwg-rs:RegionList>"
    yield "   </mwg-rs:Regions>"


def _text(value: str) -> str:
    """Return a text as XML has it; parsers would read a carriage return as a new line."""
    return escape(_FORBIDDEN.sub(_REPLACEMENT, value), {"\r": "&#xD;"})
