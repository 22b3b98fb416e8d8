"""Which keys of its bucket a pipeline labels: those of the parameters KeyPrefix and KeySuffixes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyFilter:
    """How the keys begin, and the endings of which they have one; upper and lower case differ, as for S3."""

    prefix: str = ""
    # Empty: any ending.
    suffixes: tuple[str, ...] = ()

    @classmethod
    def of(cls, prefix: str, suffixes: str) -> KeyFilter:
        """`suffixes`: as the parameter has them, with commas between them."""
        return cls(prefix, tuple(dict.fromkeys(one for one in suffixes.split(",") if one)))

    def takes(self, key: str) -> bool:
        """Tell whether S3's events of an object with this key come to the queue."""
        return key.startswith(self.prefix) and self.has_suffix(key)

    def has_suffix(self, key: str) -> bool:
        return not self.suffixes or key.endswith(self.suffixes)
