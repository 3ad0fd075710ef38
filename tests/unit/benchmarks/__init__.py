"""Of what the benchmarks judge by: it finds what is planted."""
