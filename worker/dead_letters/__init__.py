"""Looking at dead letters and sending them back: what ``top-tweets dead-letters`` does."""
