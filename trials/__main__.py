import signal
import sys

from trials.runner import main

# So that what was started is ended, too.
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
sys.exit(main())
