"""Makes the committed models again from their published sources. Start reading at `__main__.py`."""
