"""Tests of reading and forwarding, without brokers."""
