"""A believable organisation to try Reportdesk on: made from a fixed seed, with dates that end today."""

from webapp.demo.build import DEMO_PASSWORD, SIGN_INS, DemoSummary, build, is_built, may_be_built

__all__ = ["DEMO_PASSWORD", "SIGN_INS", "DemoSummary", "build", "is_built", "may_be_built"]
