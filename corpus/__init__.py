"""`make corpus`: what becomes of a folder of awkward image files, beside what other programs make of them."""
