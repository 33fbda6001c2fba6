"""What a person reads: tables, figures, answers."""

from tfxdr.start_up import import_matplotlib

import_matplotlib()  # before a module here does, whatever MPLBACKEND says
