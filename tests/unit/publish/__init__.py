"""Tests of ``worker.publish``."""
