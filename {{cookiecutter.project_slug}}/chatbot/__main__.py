"""`python -m chatbot`."""

import sys

from chatbot.operations.command import main

sys.exit(main())
