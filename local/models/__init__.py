"""The two vision models, their table of labels, and `vision.py`, which runs them."""
