"""Speed and exactness beside other programs: ``python -m benchmarks``."""
