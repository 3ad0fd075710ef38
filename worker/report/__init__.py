"""``top-tweets report``: the counts of given Posts as CSV, JSON and a page. No room knows it."""
