"""Tests of ``worker.produce``."""
