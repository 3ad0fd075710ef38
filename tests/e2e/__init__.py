"""Tests of the whole, as a person or another system meets it."""
