"""Tests of what the project is deployed with."""
