"""Boards that can be believed: the protocol, submissions that are executed again, and rows with their uncertainty."""
