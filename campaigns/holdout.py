"""Who is held out: a keyed hash of the member's own key. Pure.

Nothing is stored and nothing is drawn: the same member has the same place in the same campaign for ever, also after being
erased and created anew, and places in two campaigns (two salts) have nothing to do with each other.
"""

from __future__ import annotations

from hashlib import blake2b

_STEPS = 2**53  # A float holds every whole number up to here, so every place is exact.


def bucket(*, key: str, salt: str) -> float:
    """This function will return the place of `key` in [0, 1) under `salt`, evenly spread and the same on every machine."""
    digest = blake2b(key.encode(), key=salt.encode(), digest_size=8).digest()
    return (int.from_bytes(digest) >> 11) / _STEPS


def held_out(*, key: str, salt: str, share: float) -> bool:
    """This function will say whether `key` belongs to the `share` (0 to 1) that is held out under `salt`."""
    return bucket(key=key, salt=salt) < share


def delivery_key(*, enrolment_id: int, step: int, salt: str) -> str:
    """This function will return the key that makes a provider take one message of one enrolment once."""
    return blake2b(f"{enrolment_id}.{step}".encode(), key=salt.encode(), digest_size=16).hexdigest()
