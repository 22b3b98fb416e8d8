"""When, where and by which camera a photo was taken, as its first bytes say: no decoder, no input or output."""
