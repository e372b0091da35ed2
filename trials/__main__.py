import sys

from trials.runner import main

sys.exit(main())
