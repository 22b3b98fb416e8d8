"""`make bench-vision`: what the local vision models say of photos, beside what is to be seen in them."""
