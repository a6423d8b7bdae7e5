"""The code location that workspace.yaml names: the definitions for the home of the environment. Nothing else."""

from assets.assembly import build_definitions
from warehouse.home import Home

defs = build_definitions(Home.find())
