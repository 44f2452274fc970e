"""Speed and exactness compared with other programs: ``python -m benchmarks``."""
