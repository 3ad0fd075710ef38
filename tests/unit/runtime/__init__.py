"""Tests of what joins, runs and stops the parts."""
