"""The states that are at hand: as many as may be, and those that hold copies are found by where these came from."""

from __future__ import annotations

from random import Random

import pytest

from infra.log.states import Known, RecentStates, bare


@pytest.mark.parametrize("seed", range(20))
def test_copies_are_found_by_their_source(seed: int) -> None:
    chance = Random(seed)
    leads, customers = ([f"{kind}-{number}" for number in range(12)] for kind in ("lead", "customer"))
    states = RecentStates(8)
    for version in range(300):
        stream = chance.choice(customers)
        match chance.randrange(6):
            case 0:
                states.drop(stream)
            case 1:
                states.use(stream)
            case _:
                sources = {name: chance.choice(leads) for name in ("name", "email") if chance.random() < 0.6}
                states.keep(stream, Known(version, bare(stream).state, None, sources))
        known = {stream: found for stream in customers if (found := states.look(stream)) is not None}
        assert len(known) <= 8
        for source in leads:
            copies = {stream: known for stream, known in known.items() if source in known.sources.values()}
            assert states.copied_from([source]) == copies
    states.clear()
    assert states.copied_from(leads) == {}
