"""Faults at random over a group of workers on real Kafka, and what must hold all the same."""
