"""XMP sidecars: files beside photos that have their labels, for programs that manage photos."""
