"""`photos browse`: a page on loopback, with its user's own credentials. Start reading at `server.py`."""
