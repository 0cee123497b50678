#!/usr/bin/env python
"""Django's command line, with a plain word where a server is away."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flowpilot.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError
    from redis.exceptions import ConnectionError as RedisConnectionError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(
            f"PostgreSQL: {str(error).strip()}\nStart FlowPilot with `make run` in another terminal, run this command "
            "by `python -m flowpilot.embedded python manage.py …`, or set DATABASE_URL to your server."
        )
    except RedisConnectionError as error:
        sys.exit(
            f"Redis: {error}\nStart FlowPilot with `make run` in another terminal, or set REDIS_URL to your server."
        )


if __name__ == "__main__":
    main()
