"""Tests of ``worker.formats``."""
