"""Tests of the planner's policies."""
