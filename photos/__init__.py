"""The command line for people with photos. Start reading at `cli.py`."""
