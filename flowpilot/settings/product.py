"""FlowPilot's own: sessions, analysis, gaps, and calls to other systems."""

from datetime import timedelta

from flowpilot.settings.environment import env

# --- Sessions ---------------------------------------------------------------------------------------------------------

# Hours after which a session that nobody touches is abandoned.
SESSION_IDLE = timedelta(hours=env.int("SESSION_IDLE_HOURS", default=24))
# Who matches problems with flows and reads answers: see `sessions.runner.guide`.
SESSION_GUIDE = "proposals.guide.EvidenceGuide"
# Bodies of many sessions: lines and MiB (uncompressed) of one, jobs of an account that may wait at once, and how long
# the results are kept.
INGEST_MAX_LINES = env.int("INGEST_MAX_LINES", default=100_000)
INGEST_MAX_MB = env.int("INGEST_MAX_MB", default=512)
INGEST_MAX_WAITING = env.int("INGEST_MAX_WAITING", default=20)
INGEST_KEEP = timedelta(days=env.int("INGEST_KEEP_DAYS", default=7))
INGEST_LEASE = timedelta(seconds=env.int("INGEST_LEASE_SECONDS", default=60))

# --- Analysis ---------------------------------------------------------------------------------------------------------

ANALYSIS_BATCH_SIZE = env.int("ANALYSIS_BATCH_SIZE", default=2_000)
ANALYSIS_LEASE = timedelta(seconds=env.int("ANALYSIS_LEASE_SECONDS", default=120))
ANALYSIS_MAX_ATTEMPTS = env.int("ANALYSIS_MAX_ATTEMPTS", default=5)
# The sessions that a proposal's rank counts, and the days from which a proposal that waits is due, and late.
IMPACT_DAYS = env.int("IMPACT_DAYS", default=90)
PROPOSAL_SLA_DAYS = tuple(env.list("PROPOSAL_SLA_DAYS", cast=int, default=[2, 7]))

# Days without new evidence until a pending proposal is dismissed as expired; minutes that a claim lasts, and that a
# decision can be undone.
PROPOSAL_EXPIRES = timedelta(days=env.int("PROPOSAL_EXPIRE_DAYS", default=28))
REVIEW_CLAIM = timedelta(minutes=env.int("REVIEW_CLAIM_MINUTES", default=30))
REVIEW_UNDO = timedelta(minutes=env.int("REVIEW_UNDO_MINUTES", default=30))

# --- Knowledge gaps ---------------------------------------------------------------------------------------------------

# Days of sessions that gaps are measured in, and sessions from which a topic without a flow is a gap.
GAPS_DAYS = env.int("GAPS_DAYS", default=180)
GAPS_TOPIC_SESSIONS = env.int("GAPS_TOPIC_SESSIONS", default=10)
GAPS_LEASE = timedelta(seconds=env.int("GAPS_LEASE_SECONDS", default=120))

# --- Webhooks ---------------------------------------------------------------------------------------------------------

# Seconds of one try, from the look-up of the name to the last byte.
WEBHOOK_TIMEOUT = env.float("WEBHOOK_TIMEOUT_SECONDS", default=10.0)
WEBHOOK_MAX_ATTEMPTS = env.int("WEBHOOK_MAX_ATTEMPTS", default=24)
# Deliveries to one endpoint that are sent at once: a slow one leaves the other workers to the others.
WEBHOOK_MAX_PARALLEL = env.int("WEBHOOK_MAX_PARALLEL", default=2)
WEBHOOK_KEEP = timedelta(days=env.int("WEBHOOK_KEEP_DAYS", default=30))
# How long the former secret signs beside a new one.
WEBHOOK_ROTATION = timedelta(hours=env.int("WEBHOOK_ROTATION_HOURS", default=24))
# Addresses inside private networks, for a company's own; and http, for development.
WEBHOOK_ALLOW_PRIVATE = env.bool("WEBHOOK_ALLOW_PRIVATE", default=False)
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", default=False)

# --- Data protection --------------------------------------------------------------------------------------------------

# How long an export can be fetched.
EXPORT_KEEP = timedelta(days=env.int("EXPORT_KEEP_DAYS", default=3))

# --- Ticketing systems ------------------------------------------------------------------------------------------------

# Seconds of one errand, all its requests together; a lookup is shorter, because somebody waits for it.
PSA_TIMEOUT = env.float("PSA_TIMEOUT_SECONDS", default=20.0)
PSA_LOOKUP_TIMEOUT = env.float("PSA_LOOKUP_TIMEOUT_SECONDS", default=8.0)
PSA_MAX_ATTEMPTS = env.int("PSA_MAX_ATTEMPTS", default=12)
# Pushes of one connection that are sent at once: a slow system leaves the other workers to the others.
PSA_MAX_PARALLEL = env.int("PSA_MAX_PARALLEL", default=2)
PSA_KEEP_ATTEMPTS = timedelta(days=env.int("PSA_KEEP_ATTEMPTS_DAYS", default=180))
# Addresses inside private networks, and http: for a ticketing system in one's own house.
PSA_ALLOW_PRIVATE = env.bool("PSA_ALLOW_PRIVATE", default=False)

# --- Language models --------------------------------------------------------------------------------------------------

# Seconds of one try, and of all questions about one proposal together; of a question that a technician waits for.
LLM_TIMEOUT = env.float("LLM_TIMEOUT_SECONDS", default=60.0)
LLM_WORDING_SECONDS = env.float("LLM_WORDING_SECONDS", default=90.0)
LLM_HELP_SECONDS = env.float("LLM_HELP_SECONDS", default=20.0)
# Seconds and questions for what mining leaves undecided about a proposal, when a reviewer asks.
LLM_JUDGE_SECONDS = env.float("LLM_JUDGE_SECONDS", default=20.0)
LLM_JUDGE_CALLS = env.int("LLM_JUDGE_CALLS", default=6)
# The first pause before a try is made again; it doubles.
LLM_BACKOFF = env.float("LLM_BACKOFF_SECONDS", default=1.0)
# Failures in a row after which nobody calls for a while.
LLM_BREAKER_FAILURES = env.int("LLM_BREAKER_FAILURES", default=5)
LLM_BREAKER_PAUSE = timedelta(minutes=env.int("LLM_BREAKER_MINUTES", default=5))
LLM_MOST_CHARACTERS = env.int("LLM_MOST_CHARACTERS", default=100_000)
LLM_KEEP = timedelta(days=env.int("LLM_KEEP_DAYS", default=90))
# Addresses inside private networks, and http: for Ollama or vLLM in one's own house.
LLM_ALLOW_PRIVATE = env.bool("LLM_ALLOW_PRIVATE", default=False)
