"""Tests of the demo, without its processes."""
