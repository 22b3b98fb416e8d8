"""The two vision models, what they are called after, and `vision.py`, which asks them."""
