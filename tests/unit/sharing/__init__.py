"""Tests of what workers tell each other."""
