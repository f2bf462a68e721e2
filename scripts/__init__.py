"""One file a verb of the command line, each thin: parse arguments, call the library, print."""

if __name__ != "mcproxy.scripts":
    raise ImportError("import mcproxy.scripts, not scripts; first: pip install -e .")
