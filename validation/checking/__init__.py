"""The rungs: sampled, searched, certified, statistical, symbolic; and `verify`, which climbs them.

One module a rung. `verify` calls those that apply to the kind of the claim:

``sampled.draw_sample(claim, count=, seed=, seconds=) -> Sample``
    Many instances in float64; the worst few are kept.
    ``sampled.Keeper(claim)`` collects: ``show(instance, score(claim, instance))``, ``sample()``.
``hypothetical.hypothetical(claim) -> Instance | None``
    What Hypothesis finds with the settings in force; used by the pytest plugin.
``searched.search(claim, start: list[Instance], *, seconds, seed) -> Sample``
    Local optimisation and structured families from the worst draws; same result type.
``shrinking.shrink(claim, instance, *, seconds) -> Instance``
    The simplest instance that is still certified to violate, at least half of the margin kept.
``certified.certified(claim, instances) -> Verdict``, ``certified.certify(claim, instance)``
    Enclosures of both sides, and exact rationals.
``statistical.statistical(claim, *, seconds, seed) -> Verdict``
    For the kind ``probabilistic``; `evalues` has its mathematics.
``refuted.simplest(claim, instance, *, seconds, seed) -> Instance``
    The simplest instance on which such a claim is refuted too.
``orders.orders(claim, *, seconds, seed) -> Verdict``
    For the kind ``order``.
``symbolic.symbolic(claim) -> Verdict``
    For claims with a SymPy proof; a proof that fails raises `ClaimError`.
``tighten.tighten(claim, constant, *, seconds, seed)``
    The smallest constant at which no violation was found.
"""
