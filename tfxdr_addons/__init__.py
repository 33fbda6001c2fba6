"""Components that tensorflow-addons brings; tfxdr loads this as a plugin.

Installed with tfxdr and listed by `--mode=list` on every stack. Only the
addons stack can use them: `pip install "tfxdr[addons]"` on Python 3.10 or 3.11.
tensorflow-addons itself is imported when one is asked for.
"""

import tfxdr

tfxdr.require_interface("1.0")

from tfxdr_addons import (  # noqa: E402  After the line above.
    callbacks,
    metrics,
    optimizers,
)

__all__ = ["callbacks", "metrics", "optimizers"]
