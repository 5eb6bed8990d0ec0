"""Of `sdnb.search`: what is found in a store, and how fast."""

from __future__ import annotations

from datetime import datetime, timedelta

from sdnb.search import Wanted
from sdnb.store import Store, key
from tests.keeping import IDENTITY, PLENTY, drawn


def test_search_finds_words_models_and_days(tmp_path):
    """Words may stand in either prompt, in any case and order; the latest comes first."""
    store = Store(tmp_path, PLENTY)
    prompts = ["a red FOX", "Straße at night", "100% wool_sheep"]
    for number, prompt in enumerate(prompts):
        picture = drawn(number, prompt=prompt, negative_prompt="blurry", model=f"m{number}")
        store.put(key(picture.spec, IDENTITY), picture, IDENTITY)
        store._index.write(lambda db: db.execute("UPDATE pictures SET created = created - 86400"))

    def found(*words: str, **limits: object) -> list[str]:
        page = {name: limits.pop(name) for name in ("offset", "limit") if name in limits}
        wanted = Wanted(text=" ".join(words), **limits)
        entries = store.search(wanted, **page)
        assert page or store.count(wanted) == len(entries)
        return [store.picture(entry).spec.prompt for entry in entries]

    assert found() == prompts[::-1]
    assert found("fox red") == found("BLURRY red") == found(model="m0") == prompts[:1]
    assert found("STRASSE") == prompts[1:2]
    assert found("0% wool_") == prompts[2:] and found("wool%") == found("x' OR 1=1 --") == []
    assert found(limit=1, offset=1) == prompts[1:2]
    noon = datetime.now() - timedelta(days=1.5)
    assert found(after=noon) == prompts[2:] and found(before=noon) == prompts[1::-1]
    assert found(after=noon.date() + timedelta(days=2)) == []
    store.pin(store.search(Wanted(model="m1"))[0].key)
    assert found(pinned=True) == prompts[1:2]
    assert store.models() == ["m0", "m1", "m2"]


def test_a_search_reads_along_an_index(tmp_path):
    """The newest page, of all, of one model or of the pinned, scans no whole table."""
    store = Store(tmp_path, PLENTY)
    for wanted in (Wanted(), Wanted(model="mini"), Wanted(pinned=True)):
        where, values = wanted.sql()
        plan = store._index.read(
            f"EXPLAIN QUERY PLAN SELECT key FROM pictures WHERE {where} ORDER BY created DESC LIMIT 24",
            values,
        )
        assert " INDEX by_" in plan[0][-1], plan
