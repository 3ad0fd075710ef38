"""Of the tools of the tests: they do what they say."""
