"""MineRL 0.4.4 as a client: environments of our tasks, and the connection to a Malmo server."""
