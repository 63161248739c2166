"""Divisive Desktop: true- against false-class activation maps for binary image questions."""

import os

__version__ = "0.1.0"

RESEARCH_USE = "Research use only, not for diagnosis"
"""Shown on every screen and written into every export."""

# Threads of torch's OpenMP that wait for each other stop burning the processor after some microseconds. On a machine
# with other work a forward pass is then several times quicker, on an idle one as quick (tests/benchmarks/bench_cam.py).
# Read when torch is loaded, so it has to stand before any import of it; other OpenMP libraries ignore it.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
