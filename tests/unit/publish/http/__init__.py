"""Tests of the HTTP room, and what they share."""
