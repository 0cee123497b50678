"""DRF permission: the same `app.action_model` names as the admin, asked per object."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

ACTIONS = {
    "GET": "view",
    "HEAD": "view",
    "OPTIONS": "view",
    "POST": "add",
    "PUT": "change",
    "PATCH": "change",
    "DELETE": "delete",
}


class HasModelPermission(BasePermission):
    """The user holds the permission of the view's action.

    A view names the model by its queryset; `action_permissions` maps a view action to another permission verb, and
    `required_permission` names one whole permission for views without a model.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        permission = self._permission(request, view)
        return permission is not None and request.user.has_perm(permission)

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        permission = self._permission(request, view)
        return permission is not None and request.user.has_perm(permission, obj)

    def _permission(self, request: Request, view: Any) -> str | None:
        if required := getattr(view, "required_permission", None):
            return str(required)
        queryset = getattr(view, "queryset", None)
        if queryset is None:
            return None
        verbs: dict[str, str] = getattr(view, "action_permissions", {})
        action = getattr(view, "action", None) or ""
        verb = verbs.get(action) or ACTIONS.get(request.method or "")
        meta = queryset.model._meta
        return f"{meta.app_label}.{verb}_{meta.model_name}" if verb else None
