"""The parts of an audit: what it remembers, how it reads, and what it saves."""
