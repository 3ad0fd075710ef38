"""A worker under full load for a long time: whether anything that it takes grows."""
