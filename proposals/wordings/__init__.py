"""The words of a proposal by the account's language model: asked for, checked, shown beside the miner's, counted.

    brief (what is sent, the schema of the answer) → ask → check (against the evidence) → the reviewer keeps either

A model gives words only. Ids, kinds, targets and evidence are the miner's: there is no place for them in an answer.
"""
