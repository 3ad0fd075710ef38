"""Tests of merging boards across workers."""
