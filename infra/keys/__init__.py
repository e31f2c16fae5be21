"""Subject keys: seal, open, destroy."""

from infra.keys.keys import Keys, migrate
from infra.keys.master import load_master_key

__all__ = ["Keys", "load_master_key", "migrate"]
