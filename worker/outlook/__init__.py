"""What more or less of the contract would give: a worker's own world, simulated in a process beside it."""
