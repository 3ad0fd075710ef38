"""Each prints one JSON object a figure. Run them as modules: ``python -m benchmarks.pipeline``."""
