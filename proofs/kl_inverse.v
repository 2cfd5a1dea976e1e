From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.kl_inverse: Coq 8.16.1, with the slack 1/100 *)
(* step.kl_inverse: 2 t^2 \le \mathrm{kl}(q \| q + t) *)

Theorem step_kl_inverse : forall q t : R,
  (5764607523034235 / 576460752303423488) <= q <= (1 / 2) ->
  0 <= t <= (3 / 8) ->
  (2 * (t ^ 2)) <= ((q * ((ln q) - (ln (q + t)))) + ((1 - q) * ((ln (1 + (- q))) - (ln (1 + (- (q + t))))))) + (1 / 100).
Proof.
  intros; apply Rminus_le; interval with (i_bisect q, i_bisect t, i_depth 22).
Qed.
