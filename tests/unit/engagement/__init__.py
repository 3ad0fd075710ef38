"""Tests of ``worker.engagement``."""
