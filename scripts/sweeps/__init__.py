"""A sweep: its plan, the jobs that carry it out here or on a Ray cluster, their stages, and the summary."""
