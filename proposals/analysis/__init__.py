"""Analysis: ended sessions against the published flows, into proposals.

    run → load → judge → assign topics → mine → write proposals

`run` holds the account's lease and is the only door; the other modules do one stage each.
"""
