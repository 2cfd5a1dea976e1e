From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.kl_increases: Coq 8.16.1, with the slack 1/1000000 *)
(* step.kl_increases: 0 \le \frac{d}{p (1 - p)}, \; p = q + d, \; d \ge 0 *)

Theorem step_kl_increases : forall q d : R,
  (5764607523034235 / 576460752303423488) <= q <= (1 / 2) ->
  0 <= d <= (3 / 8) ->
  0 <= (d / ((q + d) * (1 - (q + d)))) + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect q, i_bisect d, i_depth 12).
Qed.
