"""Tests of the journal, without brokers."""
