"""Tests over generated input, by hypothesis; they need nothing but Python."""
