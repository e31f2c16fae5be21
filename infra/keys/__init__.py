"""Subject keys: seal, open, destroy."""

from infra.keys.keys import CACHED, Keys, migrate
from infra.keys.master import given_master_key, load_master_key
from infra.keys.rotation import rotate, settle

__all__ = ["CACHED", "Keys", "given_master_key", "load_master_key", "migrate", "rotate", "settle"]
