"""Tests of ``worker.cli``."""
