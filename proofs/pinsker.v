From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.pinsker: Coq 8.16.1, with the slack 1/100 *)
(* step.pinsker: 2 (p - q)^2 \le \mathrm{kl}(p \| q) *)

Theorem step_pinsker : forall p q : R,
  (5764607523034235 / 576460752303423488) <= p <= (4458563631096791 / 4503599627370496) ->
  (5764607523034235 / 576460752303423488) <= q <= (4458563631096791 / 4503599627370496) ->
  (2 * ((p - q) ^ 2)) <= ((p * ((ln p) - (ln q))) + ((1 - p) * ((ln (1 + (- p))) - (ln (1 + (- q)))))) + (1 / 100).
Proof.
  intros; apply Rminus_le; interval with (i_bisect p, i_bisect q, i_depth 22).
Qed.
