"""How sharp, bright or rich in contrast a photo is to be, as a user says it: ">60", "<=40", "40..60"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from photo_labels.library.user_errors import UserError

if TYPE_CHECKING:
    from photo_labels.records.documents import Document

_NUMBER = r"(\d{1,3}(?:\.\d{1,9})?)"
_COMPARED = re.compile(rf"(>=|>|<=|<)\s*{_NUMBER}", re.ASCII)
_RANGE = re.compile(rf"{_NUMBER}?\s*\.\.\s*{_NUMBER}?", re.ASCII)
_LEAST, _MOST = Decimal(0), Decimal(100)


@dataclass(frozen=True, slots=True)
class QualityRange:
    """A range of a measure that Rekognition gives, 0 to 100."""

    # As documents name it: one of MEASURES.
    measure: str
    least: Decimal
    most: Decimal
    # Whether the ends are in it.
    has_least: bool
    has_most: bool
    # As the user said it.
    text: str

    @classmethod
    def parse(cls, measure: str, text: str) -> QualityRange:
        """Read a comparison with a number, or a range. Raises UserError where it is neither."""
        said = text.strip()
        if match := _COMPARED.fullmatch(said):
            sign, number = match[1], Decimal(match[2])
            is_upper = sign.startswith("<")
            least, most = (_LEAST, number) if is_upper else (number, _MOST)
            found = cls(measure, least, most, sign != ">", sign != "<", said)
        elif (match := _RANGE.fullmatch(said)) and any(match.groups()):
            found = cls(measure, Decimal(match[1] or _LEAST), Decimal(match[2] or _MOST), True, True, said)
        else:
            raise UserError(
                f"{text} is no {measure.lower()}: say '>60', '>=60', '<60', '<=60' or '40..60', 0 to 100."
            )
        if found.least > found.most or found.most > _MOST or found.least > _MOST:
            raise UserError(f"{text} is no {measure.lower()}: it is from 0 to 100, the smaller number first.")
        return found

    def __str__(self) -> str:
        return f"{self.measure.lower()} {self.text}"

    def holds(self, document: Document) -> bool:
        """Tell whether a photo is so; one whose quality is not known is not."""
        value = (document.image_properties or {}).get(self.measure)
        if value is None or not self.least <= value <= self.most:
            return False
        return (self.has_least or value > self.least) and (self.has_most or value < self.most)
