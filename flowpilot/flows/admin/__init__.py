"""Flows in the admin: the list, one flow with its versions, what is done to it, and files in and out."""

from flowpilot.flows.admin.flows import FlowAdmin

__all__ = ["FlowAdmin"]
