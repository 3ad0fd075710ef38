"""What the tests run on: brokers, and what a machine may lack."""
