"""Headers that wall a page in, beside those of Django and django-csp."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# What no page of FlowPilot uses; copying to the clipboard it does.
REFUSED = ("accelerometer", "camera", "geolocation", "gyroscope", "magnetometer", "microphone", "payment", "usb")
PERMISSIONS_POLICY = ", ".join(f"{name}=()" for name in REFUSED)


class PermissionsPolicy:
    """Not even code that got into a page may ask for a device."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Permissions-Policy"] = PERMISSIONS_POLICY
        return response
