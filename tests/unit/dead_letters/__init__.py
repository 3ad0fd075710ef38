"""Tests of looking at dead letters and sending them back."""
