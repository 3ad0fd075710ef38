"""Tests of the Watchlist, part by part."""
