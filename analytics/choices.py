"""What a scope can be narrowed to, found without reading all sessions."""

from typing import Any

from django.db import connection

from sessions.models import AISession

# From value to value along an index of the account and the column: as many looks as there are values, not as there are
# sessions (https://wiki.postgresql.org/wiki/Loose_indexscan).
_VALUES = """
SELECT DISTINCT v.value
FROM unnest(%s::bigint[], %s::bigint[]) AS scope(account_id, team_id) CROSS JOIN LATERAL (
  WITH RECURSIVE found AS (
    SELECT (SELECT min({column}) FROM ai_sessions_aisession s WHERE s.account_id = scope.account_id AND {column} <> ''
      AND status IN ('resolved', 'escalated', 'abandoned') AND (scope.team_id IS NULL OR s.team_id = scope.team_id)
    ) AS value
    UNION ALL
    SELECT (SELECT min({column}) FROM ai_sessions_aisession s WHERE s.account_id = scope.account_id
      AND {column} > found.value AND status IN ('resolved', 'escalated', 'abandoned')
      AND (scope.team_id IS NULL OR s.team_id = scope.team_id))
    FROM found WHERE found.value IS NOT NULL
  )
  SELECT value FROM found WHERE value IS NOT NULL
) v
ORDER BY v.value
"""
COLUMNS = ("problem_domain", "technician_email")


def session_values(user: Any, column: str) -> list[str]:
    """The values of one of COLUMNS in the ended sessions that the user sees, in their order."""
    sessions = AISession.objects.for_user(user)
    grants = user.tenant_grants(sessions.permission("view"))
    if grants is None:
        return sorted(sessions.ended().exclude(**{column: ""}).order_by().values_list(column, flat=True).distinct())
    if column not in COLUMNS:
        raise ValueError(f"no index of {column}")
    with connection.cursor() as cursor:
        cursor.execute(
            _VALUES.format(column=column), [[account for account, _ in grants], [team for _, team in grants]]
        )
        return [value for (value,) in cursor.fetchall()]
