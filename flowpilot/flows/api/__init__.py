"""Flows over the API."""

from flowpilot.flows.api.views import DefinitionSchemaView, FlowViewSet

__all__ = ["DefinitionSchemaView", "FlowViewSet"]
