"""Photos by their labels. Start reading at `searcher.py`."""
