"""Tests of ``worker.connections``."""
