"""Loads matplotlib, whatever MPLBACKEND says.

What draws imports this before it imports anything of matplotlib; what trains
imports what draws when there is something to draw.
"""

from tfxdr.start_up import import_matplotlib

import_matplotlib()
