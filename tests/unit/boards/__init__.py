"""Tests of the boards, part by part."""
