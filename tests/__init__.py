"""The tests of Top Tweets."""
