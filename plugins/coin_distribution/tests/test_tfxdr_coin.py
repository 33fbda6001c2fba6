import pytest
import tfxdr_coin  # noqa: F401  Registers the policy.

from tfxdr.errors import InputError
from tfxdr.testing import check_policy


def test_promises():
    check_policy("coin(bias=0.3)")


def test_a_share_above_1_is_refused():
    with pytest.raises(InputError, match="bias should be in"):
        check_policy("coin(bias=1.5)")
