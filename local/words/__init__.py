"""Makes the words of `photos search` again from their published sources. Start reading at `__main__.py`."""
