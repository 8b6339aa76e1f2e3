"""Who is held out: identities are divided, never the clips of one identity."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping

TEST_SHARE = 0.2


def assign_splits(
    identities: Iterable[str],
    known: Mapping[str, str] | None = None,
    share: float = TEST_SHARE,
    seed: int = 0,
) -> dict[str, str]:
    """Give each identity its split, "train" or "test".

    Identities stand in an order that depends on their own names and the seed alone, and the first are held
    out, until `share` of all (rounded up) are. Those whose split is known keep it, so a set can grow without
    anybody changing sides. One identity alone goes to train.

    Args:
        identities: names, in any order, repeats allowed.
        known: splits given before.
        share: of the identities to hold out, 0 to 1.
        seed: another one holds out others.

    Raises:
        ValueError: for a share outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share to hold out must be 0 to 1, got {share}")
    people = set(identities)
    splits = {name: split for name, split in (known or {}).items() if name in people}
    wanted = math.ceil(round(share * len(people), 9)) if len(people) > 1 or share == 1 else 0
    missing = wanted - sum(split == "test" for split in splits.values())
    drawn = sorted(people - splits.keys(), key=lambda name: _rank(name, seed))
    for place, name in enumerate(drawn):
        splits[name] = "test" if place < missing else "train"
    return splits


def _rank(name: str, seed: int) -> tuple[bytes, str]:
    return hashlib.sha256(f"{seed}/{name}".encode("utf-8", "backslashreplace")).digest(), name
