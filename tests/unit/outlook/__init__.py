"""Tests of what twice and half of the contract would give."""
