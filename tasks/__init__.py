"""The tasks that ship, one file each; their names are read by `mcproxy.task_names`."""

if __name__ != "mcproxy.tasks":
    raise ImportError("import mcproxy.tasks, not tasks; first: pip install -e .")
