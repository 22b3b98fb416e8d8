"""One module for each `make bench…`; `baselines/` has what `make bench` compares the function with."""
