"""The whole pipeline on one machine, without AWS and without Docker. Start reading at `cloud.py`."""
