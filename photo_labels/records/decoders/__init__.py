"""From a file to pixels, for whoever decodes photos; only these modules import Pillow. Start at `opening.py`."""
