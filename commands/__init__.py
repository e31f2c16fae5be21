"""What may be asked? Commands that decide, on the states of the domain.

Every module in this folder is imported here, so a command that exists is in force.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
