"""Benchmarks, and what measures the pipeline. `make bench` runs `bench.py`."""
