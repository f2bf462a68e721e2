"""Settings that hold for every test, and for every process that a test starts."""

import os
import signal

# Every test uses small networks, for which a second thread of torch costs more than it gains. torch reads this once.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell that starts a job in the background has it ignore Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
