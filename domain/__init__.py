"""What can have happened? Events and states, with the standard library alone.

Every module in this folder is imported here, so an event or a state that exists is in force.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
