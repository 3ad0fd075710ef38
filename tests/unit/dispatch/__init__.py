"""Tests of ``worker.dispatch``."""
