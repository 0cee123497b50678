"""Topics: which sessions are about the same problem."""

from django.db import models
from django.db.models import Q

from flowpilot.common.tenancy import TenantModel
from flowpilot.flows.models import Flow


class Topic(TenantModel):
    """A group of sessions about the same problem. It has at most one open proposal."""

    title = models.CharField(max_length=200)
    # The flow that answers this topic, once one is published.
    flow = models.ForeignKey(Flow, on_delete=models.SET_NULL, null=True, blank=True, related_name="topics")
    # Set together with new evidence, cleared together with the mined result: a killed worker leaves it for the next.
    mining_due = models.BooleanField(default=False)
    # What of some of its sessions tells the topic, [[session id, stems of problem, of opening prompt, of prompts], …]:
    # new sessions are compared with thousands of topics without reading their sessions.
    sketch = models.JSONField(default=list)
    # Where its sessions went when a reviewer merged it: who still finds this one is led there.
    merged_into = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "flow"], name="one_topic_of_flow", condition=~Q(flow=None))
        ]
        indexes = [models.Index(fields=["account", "id"], name="topic_mining_due", condition=Q(mining_due=True))]

    def __str__(self) -> str:
        return self.title
