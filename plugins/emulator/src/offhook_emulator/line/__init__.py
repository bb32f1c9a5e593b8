"""How media and events travel between a client and the model: the work that the model's effects ask for."""
