"""The WSGI entry point, served by gunicorn (see the Procfile)."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import reverse

from flowpilot.common.garbage import start_set_aside

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowpilot.settings")

application = get_wsgi_application()
reverse("admin:index")  # loads every view: no request has to
start_set_aside()
