"""An Engagement API for development: counts that are a closed function of Post, metric and time."""
