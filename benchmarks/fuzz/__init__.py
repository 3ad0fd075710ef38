"""Records of all kinds, most of them broken, thrown at a live worker: each must be accounted for."""
