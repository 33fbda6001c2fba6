"""The command line: options declared once, read from flags.

`settings` has what a declaration is, `groups` all of them, `options` their
values, `flags` what absl makes of a command line, `help` what is printed.
"""

from tfxdr.options.flags import parse
from tfxdr.options.options import Options

__all__ = ["Options", "parse"]
