"""What the engine knows: datasets, dimensions, measures and report types, as declarations."""

from webapp.engine.catalogue.datasets import DATASETS
from webapp.engine.catalogue.dimensions import DIMENSIONS, ENTITIES
from webapp.engine.catalogue.measure_types import MEASURE_TYPES
from webapp.engine.catalogue.measures import AGGREGATES
from webapp.engine.catalogue.report_types import REPORT_TYPES

__all__ = ["AGGREGATES", "DATASETS", "DIMENSIONS", "ENTITIES", "MEASURE_TYPES", "REPORT_TYPES"]
