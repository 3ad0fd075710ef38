"""The same load through one worker and through several: what an ID costs, and what readers see."""
