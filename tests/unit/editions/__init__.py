"""Tests of the editions and their outlets."""
