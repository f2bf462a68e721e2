"""Missions as the XML that Malmo reads: writing, strict reading, and the names that Malmo uses."""
