"""Photos that were in a bucket before, labelled. Start reading at `backfill.py`."""
