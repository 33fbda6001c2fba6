"""Policy networks: from what a learned policy reads the user."""

from tfxdr.policy_networks import encoders
from tfxdr.policy_networks.network import PolicyNetwork
from tfxdr.registry import policy_networks as _registry

create = _registry.create
names = _registry.names
register = _registry.register

__all__ = [
    "PolicyNetwork",
    "create",
    "encoders",
    "names",
    "register",
]
