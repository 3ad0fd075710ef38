"""Tests of ``worker.settings``."""
