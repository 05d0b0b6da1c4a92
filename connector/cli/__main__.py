"""`python -m connector.cli` is the command `connector`."""

import sys

from connector.cli import main

sys.exit(main())
