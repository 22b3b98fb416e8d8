"""Photos of a folder into the bucket, with a journal of what became of each. Start reading at `importer.py`."""
