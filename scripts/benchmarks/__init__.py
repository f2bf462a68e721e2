"""Measurements for `mcproxy bench`: peers, growth with the number of worlds, SB3 and the Malmo server."""
