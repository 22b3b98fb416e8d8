"""The load test, `make loadtest`. Start reading at `measure.py`; `benchmarks/` has one for each `make bench…`."""
